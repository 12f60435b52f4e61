"""A RADIUS client, such as a VPN gateway is: it makes requests, and takes no answer that does not prove itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from pyrad.packet import AuthPacket, CoAPacket

SECRET = b"a secret of two machines"
ACCEPT, REJECT, CHALLENGE = 2, 3, 11
USER_NAME, USER_PASSWORD, REPLY_MESSAGE, STATE, SESSION_TIMEOUT, PROXY_STATE = 1, 2, 18, 24, 27, 33
MESSAGE_AUTHENTICATOR = 80


def access_request(
    name: str = "",
    password: str | None = None,
    *,
    secret: bytes = SECRET,
    state: bytes | None = None,
    is_signed: bool = True,
    identifier: int = 7,
    code: int = 1,
    attributes: Mapping[Any, list[bytes]] | None = None,
) -> tuple[AuthPacket, bytes]:
    """The packet, which knows its answer, and its bytes."""
    packet = AuthPacket(code, identifier, secret, os.urandom(16))
    if is_signed:
        packet.add_message_authenticator()
    if name:
        packet[USER_NAME] = [name.encode()]
    if password is not None:
        packet[USER_PASSWORD] = [packet.PwCrypt(password)]
    if state is not None:
        packet[STATE] = [state]
    for kind, values in (attributes or {}).items():
        packet[kind] = values
    return packet, packet.RequestPacket()


def checked_answer(request: AuthPacket, answer: bytes) -> AuthPacket:
    """An answer that somebody with the secret made for this request, with its Message-Authenticator before all else."""
    assert answer[20] == MESSAGE_AUTHENTICATOR
    read = request.CreateReply(packet=answer)
    assert request.VerifyReply(read, answer, enforce_ma=True)
    return read


def attributes_of(answer: AuthPacket | CoAPacket) -> dict[Any, list[bytes]]:
    """Raw values by type."""
    return {kind: dict.__getitem__(answer, kind) for kind in dict.keys(answer)}


def message_of(answer: AuthPacket) -> str:
    return b" ".join(attributes_of(answer).get(REPLY_MESSAGE, [])).decode()


class Gateway(asyncio.DatagramProtocol):
    """Sends from one port, as most do."""

    def __init__(self) -> None:
        self.received: asyncio.Queue[bytes] = asyncio.Queue()
        self._transport: Any = None

    @classmethod
    async def to(cls, address: tuple[str, int]) -> Gateway:
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(cls, remote_addr=address)
        return protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.received.put_nowait(data)

    def send(self, data: bytes) -> None:
        self._transport.sendto(data)

    async def answer(self, seconds: float = 10.0) -> bytes:
        async with asyncio.timeout(seconds):
            return await self.received.get()

    async def ask(self, name: str = "", password: str | None = None, **more: Any) -> AuthPacket:
        request, data = access_request(name, password, **more)
        self.send(data)
        return checked_answer(request, await self.answer())

    def close(self) -> None:
        self._transport.close()


class Disconnected(asyncio.DatagramProtocol):
    """The side of a VPN gateway that takes Disconnect-Requests."""

    def __init__(self, secret: bytes = SECRET) -> None:
        self._secret = secret
        self._transport: Any = None
        self.answers: list[int | None] = []
        """What the next ones are answered: the code, or None for silence; then all are acknowledged."""
        self.received: asyncio.Queue[CoAPacket] = asyncio.Queue()
        self.all: list[bytes] = []

    @classmethod
    async def listening(cls, secret: bytes = SECRET) -> Disconnected:
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_datagram_endpoint(lambda: cls(secret), local_addr=("127.0.0.1", 0))
        return protocol

    @property
    def port(self) -> int:
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.all.append(data)
        packet = CoAPacket(packet=data, secret=self._secret)
        assert packet.VerifyCoARequest()
        assert packet.verify_message_authenticator()
        code = self.answers.pop(0) if self.answers else 41
        if code is None:
            return
        self.received.put_nowait(packet)
        reply = packet.CreateReply()
        reply.code = code
        if code == 42:
            reply[101] = [(503).to_bytes(4)]
        self._transport.sendto(reply.ReplyPacket(), addr)

    async def next(self, seconds: float = 10.0) -> dict[Any, list[bytes]]:
        """The attributes of the next one that was answered."""
        async with asyncio.timeout(seconds):
            return attributes_of(await self.received.get())

    def close(self) -> None:
        self._transport.close()
