"""Lines to a syslog server: RFC 5424 over TLS (RFC 5425), over one connection of each process.

TLS has no word for "taken": what was sent may lie unread in a server that ends. So the newest lines that were sent are
kept, and sent again on the next connection. Doubles have the same chain and number.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from config.system_errors import connection_reason
from proxy.audit.lines import read_line

_PRIORITY = 10 * 8 + 5
"""Facility authpriv, severity notice (RFC 5424 section 6.2.1)."""
_CONNECT_SECONDS = 10.0
_SEND_BYTES = 65_536
_AUTHORITY_KEY = "syslog_ca_file"


def framed(line: bytes, *, host: str) -> bytes:
    """A line as a message, counted by its octets (RFC 5425 section 4.3). Pure."""
    read = read_line(line)
    time, event = ("-", "-") if read is None else (line[9:36].decode(), read.event[:32])
    message = b"<%d>1 %b %b gatepost - %b - %b" % (_PRIORITY, time.encode(), host.encode(), event.encode(), line)
    return b"%d %b" % (len(message), message)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyslogLimits:
    most_waiting: int = 10_000
    """Lines that wait for the server; beyond that the oldest go."""
    most_kept: int = 2_000
    """Lines that were sent and may have to be sent again."""
    kept_seconds: float = 600.0
    """For how long they may."""
    retry_seconds: float = 2.0
    closing_seconds: float = 2.0


async def wrong_with_server(host: str, port: int, tls: ssl.SSLContext) -> str | None:
    """Why it cannot be sent to; nothing is sent."""
    try:
        _, writer = await _connected(host, port, tls)
        writer.transport.abort()
    except OSError as error:
        return connection_reason(error, authority_key=_AUTHORITY_KEY)
    return None


async def _connected(host: str, port: int, tls: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(_CONNECT_SECONDS):
        return await asyncio.open_connection(host, port, ssl=tls, server_hostname=host)


class SyslogOutlet:
    """`LineOutlet`, while `run` runs."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext,
        log: FilteringBoundLogger,
        told_gap: Callable[[int], None],
        limits: SyslogLimits | None = None,
    ) -> None:
        """`told_gap(count)` is called, once lines go out again, with how many never did."""
        self._host, self._port = host, port
        self._tls = tls
        self._log = log
        self._told_gap = told_gap
        self._limits = limits or SyslogLimits()
        self._waiting: deque[bytes] = deque()
        self._kept: deque[tuple[float, bytes]] = deque(maxlen=self._limits.most_kept)
        self._lost = 0
        self._woken = asyncio.Event()
        self._sent_all = asyncio.Event()
        self.trouble: str | None = None

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def put(self, lines: list[bytes]) -> None:
        self._waiting.extend(lines)
        while len(self._waiting) > self._limits.most_waiting:
            self._waiting.popleft()
            self._lost += 1
        self._sent_all.clear()
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. It connects when there is something to send."""
        await self._woken.wait()
        while True:
            try:
                await self._serve()
            except OSError as error:  # one of TLS and a timeout are, too
                reason = connection_reason(error, authority_key=_AUTHORITY_KEY)
            except Exception as error:  # noqa: BLE001  # the border of a background task: the next connection may be another
                self._log.exception("audit.failed")
                reason = f"an unforeseen error: {type(error).__name__}"
            else:
                reason = "the server closed the connection"
            if self.trouble != reason:
                self._log.warning("audit.syslog_away", server=f"{self._host}:{self._port}", reason=reason)
            self.trouble = reason
            await asyncio.sleep(self._limits.retry_seconds)

    async def drained(self) -> None:
        """Wait for what waits to be sent, but not for long."""
        if self._waiting and self.trouble is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.closing_seconds):
                    await self._sent_all.wait()

    async def _serve(self) -> None:
        """One connection, until it ends; raises what ended it, or returns."""
        reader, writer = await _connected(self._host, self._port, self._tls)
        ended = asyncio.create_task(reader.read(1))
        try:
            opened: socket.socket = writer.get_extra_info("socket")
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            # So little lies unread on the way that `most_kept` covers it.
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BYTES)
            self._send_again()
            if self.trouble is not None:
                self._log.info("audit.syslog_works", server=f"{self._host}:{self._port}", waiting=len(self._waiting))
                self.trouble = None
            while not ended.done():
                await self._send(writer, ended)
                waking = asyncio.create_task(self._woken.wait())
                await asyncio.wait({waking, ended}, return_when=asyncio.FIRST_COMPLETED)
                waking.cancel()
                self._woken.clear()
            await ended  # raises what broke the connection, if anything did
        finally:
            ended.cancel()
            writer.close()
            with contextlib.suppress(OSError):
                await asyncio.wait_for(writer.wait_closed(), 1.0)

    def _send_again(self) -> None:
        """What may not have been taken goes first. The bound does not hold for it."""
        after = asyncio.get_running_loop().time() - self._limits.kept_seconds
        self._waiting.extendleft(line for at, line in reversed(self._kept) if at >= after)
        self._kept.clear()

    async def _send(self, writer: asyncio.StreamWriter, ended: asyncio.Task[bytes]) -> None:
        host = socket.gethostname()
        while self._waiting and not ended.done():
            line = self._waiting.popleft()
            self._kept.append((asyncio.get_running_loop().time(), line))
            writer.write(framed(line, host=host))
            await writer.drain()
        if self._lost and not self._waiting:
            lost, self._lost = self._lost, 0
            self._told_gap(lost)
        if not self._waiting:
            self._sent_all.set()
