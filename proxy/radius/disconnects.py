"""What ends in Gatepost ends at the VPN gateway: its client is sent a Disconnect-Request, again until it answers.

One worker of all nodes does this at a time, by a lease. It hears of every end, wherever it is made, and of persons who
change. A session whose access would not be given so any more is ended: few gateways take a part of it back (CoA). What
it missed, while nobody did this or the store was away, it finds by comparing what was given with the sessions that
stand.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from config.settings import RADIUSClientSettings, SessionSettings
from config.system_errors import connection_reason
from proxy.operations.store_errors import StoreError
from proxy.radius.disconnect_packets import DisconnectReply, DisconnectRequest, NASConnection, Reply, from_record
from proxy.sessions.network_access import NetworkAccess, NetworkAccessStore
from proxy.sessions.session import Session
from proxy.sessions.session_store import WatchedSessions

WAITS_SECONDS = (2.0, 4.0, 8.0, 16.0, 16.0)
"""For an answer, after the first packet and each repetition (RFC 5080 section 2.2.1: IRT 2 s, MRT 16 s, MRC 5)."""
COMPARE_SECONDS = 30.0
"""How often all that was given is compared with the sessions that stand."""
AGAIN_SECONDS = (10.0, 60.0, 300.0, 900.0)
"""When to begin from the start where a client did not answer, or refused: it may not have had the connection yet."""
_STORE_AGAIN_SECONDS = 1.0
_MOST_REFUSALS = 2

Exchange = Callable[[str, int, DisconnectRequest], Awaitable[DisconnectReply | None]]


@dataclass(slots=True)
class _Trial:
    """What was tried for one access so far."""

    tries: int = 0
    refusals: int = 0
    not_before: float = 0.0


class Disconnects:
    """`run` it where the lease is held."""

    def __init__(
        self,
        *,
        clients: Sequence[RADIUSClientSettings],
        accesses: NetworkAccessStore,
        sessions: WatchedSessions,
        limits: SessionSettings,
        count: Callable[[str], None],
        log: FilteringBoundLogger,
        clock: Callable[[], float],
        is_as_given: Callable[[Session, NASConnection], bool],
        on_own_change: Callable[[Callable[[Session], None]], Callable[[], None]],
        exchange: Exchange | None = None,
        compare_seconds: float = COMPARE_SECONDS,
    ) -> None:
        """`is_as_given`: whether this person would get the same access now. `on_own_change`: by which this worker tells
        of the persons that it changes itself, as `LiveSessions.on_change`; the store tells of the others'."""
        self._clients = {each.name: each for each in clients}
        self._accesses = accesses
        self._sessions = sessions
        self._limits = limits
        self._count = count
        self._log = log
        self._clock = clock
        self._is_as_given = is_as_given
        self._on_own_change = on_own_change
        self._exchange = exchange or exchanged
        self._compare_seconds = compare_seconds
        self._working: dict[str, asyncio.Task[None]] = {}
        self._trials: dict[str, _Trial] = {}

    async def run(self) -> None:
        """Until cancelled."""
        heard_of: dict[str, Session | None] = {}
        woken = asyncio.Event()
        must_compare = True

        def on_news(session_id: str) -> None:
            heard_of[session_id] = None
            woken.set()

        def on_own_change(session: Session) -> None:
            heard_of[session.session_id] = session
            woken.set()

        def on_gap() -> None:
            nonlocal must_compare
            must_compare = True
            woken.set()

        sessions = self._sessions
        stops = (
            *(sessions.on_session_end(on_news), sessions.on_session_change(on_news), sessions.on_gap(on_gap)),
            self._on_own_change(on_own_change),
        )
        try:
            while True:
                woken.clear()
                batch, compares = dict(heard_of), must_compare
                try:
                    await self._end(await self._over(batch, compares=compares))
                except StoreError:
                    await asyncio.sleep(_STORE_AGAIN_SECONDS)
                    continue
                for session_id, news in batch.items():
                    if heard_of[session_id] is news:
                        del heard_of[session_id]
                must_compare = False
                try:
                    async with asyncio.timeout(self._compare_seconds):
                        await woken.wait()
                except TimeoutError:
                    must_compare = True
        finally:
            for stop in stops:
                stop()
            for task in self._working.values():
                task.cancel()
            await asyncio.gather(*self._working.values(), return_exceptions=True)

    async def _over(self, heard_of: Mapping[str, Session | None], *, compares: bool) -> list[NetworkAccess]:
        """What was given in sessions that are over, or have to be: those are ended here. `heard_of`: which to look at,
        and as what they are about to be written."""
        if not compares and not heard_of:
            return []
        given = await self._accesses.accesses(None if compares else sorted(heard_of))
        standing = await self._sessions.sessions_by_id([each.session_id for each in given])
        now, over = self._clock(), []
        for access in given:
            session = standing.get(access.session_id)
            connection = from_record(access.record)
            if session is not None and not session.is_over(self._limits, now):
                if connection is None or self._is_as_given(heard_of.get(access.session_id) or session, connection):
                    continue
                self._log.info("radius.access_changed", client=connection.client, guid=session.principal.guid)
                await self._sessions.end_session(session.session_id)
            over.append(access)
        return over

    async def _end(self, over: Iterable[NetworkAccess]) -> None:
        now = self._clock()
        for access in over:
            name = access.session_id
            trial = self._trials.setdefault(name, _Trial())
            if name not in self._working and now >= trial.not_before:
                task = asyncio.create_task(self._disconnect(access, trial))
                self._working[name] = task
                task.add_done_callback(lambda _, name=name: self._working.pop(name, None))  # type: ignore[misc]

    async def _disconnect(self, access: NetworkAccess, trial: _Trial) -> None:
        connection = from_record(access.record)
        client = self._clients.get(connection.client) if connection is not None else None
        if connection is None or client is None or client.disconnect_port is None:
            if self._clock() < access.expires_at:
                name = connection.client if connection is not None else ""
                seconds = int(access.expires_at - self._clock())
                self._log.warning("radius.stays_connected", client=name, seconds=seconds)
            await self._forget(access)
            return
        try:
            reply = await self._ask(client, client.disconnect_port, connection)
        except OSError as error:
            self._log.warning("radius.disconnect_failed", client=client.name, reason=connection_reason(error))
            reply = None
        await self._settle(access, trial, client.name, reply)

    async def _ask(self, client: RADIUSClientSettings, port: int, connection: NASConnection) -> DisconnectReply | None:
        secret = client.secret.get_secret_value().encode()
        identifier = secrets.randbelow(256)
        request = DisconnectRequest(connection, secret=secret, identifier=identifier, now=self._clock())
        self._log.info("radius.disconnect_sent", client=client.name, address=connection.address)
        self._count("disconnect_request")
        return await self._exchange(connection.address, port, request)

    async def _settle(self, access: NetworkAccess, trial: _Trial, client: str, reply: DisconnectReply | None) -> None:
        if reply is not None and reply.reply is Reply.ACKNOWLEDGED:
            self._count("disconnect_ack")
            self._log.info("radius.disconnected", client=client)
            await self._forget(access)
            return
        if reply is None:
            self._count("disconnect_unanswered")
            self._log.warning("radius.disconnect_unanswered", client=client)
        else:
            trial.refusals += 1
            self._count("disconnect_nak")
            self._log.warning("radius.disconnect_refused", client=client, error_cause=reply.cause)
        if trial.refusals == _MOST_REFUSALS or self._clock() >= access.expires_at:
            await self._forget(access)  # there is no such connection, or it is over by itself
            return
        trial.not_before = self._clock() + AGAIN_SECONDS[min(trial.tries, len(AGAIN_SECONDS) - 1)]
        trial.tries += 1

    async def _forget(self, access: NetworkAccess) -> None:
        self._trials.pop(access.session_id, None)
        with contextlib.suppress(StoreError):  # found again when all is compared
            await self._accesses.drop_access(access.session_id)


async def exchanged(address: str, port: int, request: DisconnectRequest) -> DisconnectReply | None:
    """Send it until it is answered, or often enough: None. Raises `OSError`."""
    loop = asyncio.get_running_loop()
    answers: asyncio.Queue[DisconnectReply] = asyncio.Queue()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Answers(request, answers.put_nowait), remote_addr=(address, port)
    )
    try:
        for seconds in WAITS_SECONDS:
            transport.sendto(request.data)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    return await answers.get()
        return None
    finally:
        transport.close()


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, request: DisconnectRequest, take: Callable[[DisconnectReply], None]) -> None:
        self._request = request
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        reply = self._request.read(data)
        if reply is not None:
            self._take(reply)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there yet (ICMP): it is sent again."""
