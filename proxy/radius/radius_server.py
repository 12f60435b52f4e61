"""The UDP sockets of RADIUS, and the one worker of this machine that serves them.

Requests that come again are answered from memory (`duplicates`). So one memory has to see all of them. Sharing it among
workers would cost a durable step in the store before each answer, for a few requests a second. So one worker serves the
sockets: the one that holds a lock, which the system releases when it ends, however it ends. The others wait for it, and
clients send again what nobody answered meanwhile.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from structlog.typing import FilteringBoundLogger

from config.addresses import ListenAddress
from config.settings import RADIUSClientSettings
from config.system_errors import listening_reason
from proxy.access.networks import parse_address
from proxy.operations.incidents import new_incident_id
from proxy.operations.listening import bind_udp
from proxy.radius.clients import client_at
from proxy.radius.duplicates import AnsweredBefore, BeingAnswered, Duplicates, Source
from proxy.radius.packets import Code, Dropped, RADIUSRequest, answer_to, read_request
from proxy.radius.radius_answer import RADIUSAnswer, failed

TURN_SECONDS = 0.25
"""How often a worker that waits looks whether the sockets are free."""
CLOSING_SECONDS = 10.0
"""How long a worker that is to end goes on with what it has begun."""
MOST_AT_ONCE = 256
"""Requests that are worked on. More are dropped: their clients send them again."""
TOLD_AGAIN_SECONDS = 60.0
"""How often the log tells the same of the same client."""
_MOST_TOLD = 1000

Answer = Callable[[RADIUSClientSettings, RADIUSRequest, Source, str], Awaitable[RADIUSAnswer]]
"""From a client's request, where it came from and the name of the incident to what is answered."""


class RADIUSServer:
    """`run` it, once. It answers what `answer` says."""

    def __init__(
        self,
        *,
        listen: Sequence[ListenAddress],
        clients: Sequence[RADIUSClientSettings],
        answer: Answer,
        count: Callable[[str], None],
        log: FilteringBoundLogger,
        lock_file: Path | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`count` counts every packet by what became of it. `lock_file`: of all workers that share the addresses; None:
        there is but this one."""
        self._listen = listen
        self._clients = clients
        self._answer = answer
        self._count = count
        self._log = log
        self._lock_file = lock_file
        self._monotonic = monotonic
        self._duplicates = Duplicates()
        self._working: set[asyncio.Task[None]] = set()
        self._told: OrderedDict[tuple[str, Dropped], float] = OrderedDict()
        self._trouble: str | None = None
        self.addresses: tuple[Source, ...] = ()
        """Where it listens; empty while another worker does."""
        self.is_closing = False

    async def check(self) -> str | None:
        """Why nobody is answered here, for `/readyz`; None while another worker has the turn, too."""
        return self._trouble

    async def run(self, is_draining: Callable[[], bool]) -> None:
        """Serve in this worker's turn, until it drains or this is cancelled."""
        while not is_draining():
            with _turn(self._lock_file) as is_ours:
                if is_ours:
                    await self._serve(is_draining)
            await asyncio.sleep(TURN_SECONDS)

    async def _serve(self, is_draining: Callable[[], bool]) -> None:
        sockets: list[socket.socket] = []
        try:
            for address in self._listen:
                sockets += bind_udp(*address)
        except OSError as error:
            for each in sockets:
                each.close()
            reason = listening_reason(error, is_udp=True)
            if self._trouble is None:
                self._log.error("radius.cannot_listen", reason=reason)
            self._trouble = f"cannot listen: {reason}"
            return
        self._trouble = None
        transports = []
        try:
            for each in sockets:
                endpoint = _Endpoint(self._take)
                transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                    lambda endpoint=endpoint: endpoint,  # type: ignore[misc]
                    sock=each,
                )
                transports.append(transport)
            self.addresses = tuple(each.getsockname()[:2] for each in sockets)
            self._log.info("radius.listening", listen=[f"{host}:{port}" for host, port in self.addresses])
            while not is_draining():  # noqa: ASYNC110  # it is asked, and tells nobody
                await asyncio.sleep(TURN_SECONDS)
            # What comes from here on the next worker takes: its client sends it again.
            self.is_closing = True
            if self._working:
                await asyncio.wait(self._working, timeout=CLOSING_SECONDS)
        finally:
            self.addresses = ()
            for task in self._working:
                task.cancel()
            for transport in transports:
                transport.close()
            for each in sockets[len(transports) :]:
                each.close()

    def _take(self, data: bytes, source: Source, send: Callable[[bytes], None]) -> None:
        """One datagram. Nothing that it holds may raise."""
        client = client_at(source[0], self._clients)
        if client is None:
            self._drop(_without_scope(source[0]), Dropped.UNKNOWN_CLIENT)
            return
        secret = client.secret.get_secret_value().encode()
        request = read_request(data, secret=secret, must_authenticate=client.require_message_authenticator)
        if isinstance(request, Dropped):
            self._drop(client.name, request)
            return
        if request.code is Code.STATUS_SERVER:
            # Nothing is kept of it: RFC 5997 section 4.2 has it answered each time.
            self._count("status_server")
            send(answer_to(request, Code.ACCESS_ACCEPT, secret=secret))
            return
        if self.is_closing or len(self._working) >= MOST_AT_ONCE:
            self._drop(client.name, Dropped.BUSY)
            return
        match self._duplicates.begin(source, data, self._monotonic()):
            case AnsweredBefore(answer):
                self._count("answered_again")
                send(answer)
            case BeingAnswered():
                self._count(Dropped.DUPLICATE.value)
            case _:
                task = asyncio.create_task(self._work(client, request, data, source, send))
                self._working.add(task)
                task.add_done_callback(self._working.discard)

    async def _work(
        self,
        client: RADIUSClientSettings,
        request: RADIUSRequest,
        data: bytes,
        source: Source,
        send: Callable[[bytes], None],
    ) -> None:
        incident = new_incident_id()
        secret = client.secret.get_secret_value().encode()
        try:
            answer = await self._answer(client, request, source, incident)
            written = answer_to(request, answer.code, secret=secret, attributes=answer.attributes)
        except Exception:  # noqa: BLE001  # the border of one request: nobody gets in by an error
            self._log.exception("radius.failed", client=client.name, incident=incident)
            answer = failed(incident)
            written = answer_to(request, answer.code, secret=secret, attributes=answer.attributes)
        self._count(answer.code.name.lower())
        if self._duplicates.answered(source, data, written, self._monotonic()):
            send(written)

    def _drop(self, whose: str, why: Dropped) -> None:
        """Counted each time, logged now and then: whoever floods must not fill the log."""
        self._count(why.value)
        now = self._monotonic()
        told_at = self._told.get((whose, why))
        if told_at is not None and now < told_at + TOLD_AGAIN_SECONDS:
            return
        self._told.pop((whose, why), None)
        self._told[whose, why] = now
        while len(self._told) > _MOST_TOLD:
            self._told.popitem(last=False)
        self._log.warning("radius.dropped", client=whose, reason=why.value)


class _Endpoint(asyncio.DatagramProtocol):
    def __init__(self, take: Callable[[bytes, Source, Callable[[bytes], None]], None]) -> None:
        self._take = take
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # not all loops derive theirs from that one

    def datagram_received(self, data: bytes, addr: Source) -> None:
        transport = self._transport

        def send(answer: bytes) -> None:
            if transport is not None and not transport.is_closing():
                transport.sendto(answer, addr)

        self._take(data, (addr[0], addr[1]), send)

    def error_received(self, exc: Exception) -> None:
        """A client that is gone (ICMP): it is nobody's fault here."""


@contextmanager
def _turn(lock_file: Path | None) -> Iterator[bool]:
    """Whether it is this worker's turn, and holds it meanwhile."""
    if lock_file is None:
        yield True
        return
    descriptor = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)


def _without_scope(address: str) -> str:
    return str(parse_address(address) or address)
