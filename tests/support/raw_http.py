"""A client that says exactly the bytes a test wants said, and reads answers strictly."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

TIMEOUT = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message as it came: start line, fields in order, body without its framing, trailers."""

    start: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes = b""
    trailers: list[tuple[bytes, bytes]] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.start.split(b" ", 2)[1])

    def all(self, name: str) -> list[bytes]:
        """The values of every field of this name, in order."""
        return [value for key, value in self.fields if key.lower() == name.lower().encode()]

    def get(self, name: str) -> bytes | None:
        values = self.all(name)
        assert len(values) <= 1, values
        return values[0] if values else None


def parse_fields(block: bytes) -> list[tuple[bytes, bytes]]:
    """Strict ``Name: value`` lines joined by CRLF."""
    fields = []
    for line in block.split(b"\r\n") if block else []:
        match = re.fullmatch(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*)", line)
        assert match, line
        fields.append((match[1], match[2]))
    return fields


async def read_head(reader: asyncio.StreamReader) -> Message:
    block = (await reader.readuntil(b"\r\n\r\n"))[:-4]
    start, _, rest = block.partition(b"\r\n")
    return Message(start=start, fields=parse_fields(rest))


async def read_chunked(reader: asyncio.StreamReader) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    pieces = []
    while True:
        line = await reader.readuntil(b"\r\n")
        assert re.fullmatch(rb"[0-9a-f]+\r\n", line), line
        size = int(line, 16)
        if size == 0:
            break
        pieces.append(await reader.readexactly(size))
        assert await reader.readexactly(2) == b"\r\n"
    trailers = b""
    while (line := await reader.readuntil(b"\r\n")) != b"\r\n":
        trailers += line
    return b"".join(pieces), parse_fields(trailers.removesuffix(b"\r\n"))


async def read_message(reader: asyncio.StreamReader, *, is_response: bool, method: bytes = b"GET") -> Message:
    """A whole message; `method` is what a response answers."""
    head = await read_head(reader)
    body, trailers = b"", []
    if is_response and (method == b"HEAD" or head.status < 200 or head.status in (204, 304)):
        pass
    elif head.get("transfer-encoding") is not None:
        assert head.get("transfer-encoding") == b"chunked"
        assert head.get("content-length") is None
        body, trailers = await read_chunked(reader)
    elif (length := head.get("content-length")) is not None:
        body = await reader.readexactly(int(length))
    elif is_response:
        body = await reader.read()
    return Message(start=head.start, fields=head.fields, body=body, trailers=trailers)


class RawClient:
    """One connection to the server under test."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def response(self, method: bytes = b"GET") -> Message:
        async with asyncio.timeout(TIMEOUT):
            return await read_message(self.reader, is_response=True, method=method)

    async def ask(self, data: bytes, method: bytes = b"GET") -> Message:
        await self.send(data)
        return await self.response(method)

    async def is_closed(self) -> bool:
        """Waits until the server ended the connection; nothing more may have come."""
        async with asyncio.timeout(TIMEOUT):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True

    def abort(self) -> None:
        self.writer.transport.abort()


@asynccontextmanager
async def raw_client(
    address: tuple[str, int], *, limit: int = 2**16, source: str | None = None
) -> AsyncIterator[RawClient]:
    """`source` is the own address."""
    local = None if source is None else (source, 0)
    reader, writer = await asyncio.open_connection(*address, limit=limit, local_addr=local)
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
