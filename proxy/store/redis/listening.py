"""The listeners of a Redis store in this process, and how its own ends reach everybody: each once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from proxy.operations.store_errors import NotHeard, Silent, StoreUnavailable
from proxy.sessions.asking import take_note
from proxy.store.history import Report
from proxy.store.listeners import StoreListeners
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.notices import RedisNotice, RedisNotices
from proxy.store.redis.scripts import SESSIONS
from proxy.store.redis.trust import RedisTrust

T = TypeVar("T")

_ACKNOWLEDGEMENT_SECONDS = 5.0
"""How long the server keeps an acknowledgement that nobody takes."""
_PATIENCE_SECONDS = 0.2
"""After this we check whether only the subscription is silent, or the server."""
_MOST_UNTOLD = 1000


@dataclass(slots=True, eq=False)
class _Here:
    """This process and event loop: the name it tells under, and what it has begun to tell."""

    process: int
    loop: asyncio.AbstractEventLoop
    name: str
    notices: RedisNotices | None = None
    untold: dict[str, None] = field(default_factory=dict)
    """Numbers of ends made here of which listeners here have not heard yet: by the answer or by the notice."""
    tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    probing: asyncio.Task[None] | None = None
    """Asks whether the server answers on a new connection; one at a time, or a hanging server would get many."""
    hearers: dict[bytes, bytes] = field(default_factory=dict)
    """Who listened after the last end that was waited for in vain, and when they had said so."""
    hearers_at: float = float("-inf")
    """When that was known, on the monotonic clock."""


class RedisListening:
    """Ends, changes and gaps, from here and from elsewhere, to the listeners here."""

    def __init__(
        self,
        connections: RedisConnections,
        *,
        clock: Callable[[], float] = time.time,
        report: Report = lambda event, **_: None,
    ) -> None:
        self._connections = connections
        self._clock = clock
        self.listeners = StoreListeners()
        self.trust = RedisTrust(connections, on_change=self.listeners.tell_gap, report=report, clock=clock)
        self._held: _Here | None = None

    @property
    def name(self) -> str:
        """What this process tells under."""
        return self._here().name

    async def begin(self, *, any_data: bool = False) -> None:
        """Call this before reading anything that a caller may keep. Raises `StoreUnavailable`.

        `any_data`: an older copy will do.
        """
        try:
            async with asyncio.timeout(self._connections.limits.call_seconds):
                await self.notices.tried()
        except TimeoutError as exc:
            raise Silent(f"no answer from Redis within {self._connections.limits.call_seconds:g} s") from exc
        if not any_data:
            await self.check_trust()

    async def check_trust(self) -> None:
        """Return if what the server holds may be served. Raises `StoreUnavailable`."""
        await self.trust.check(self.notices.breaks)

    async def catch_up(self) -> None:
        """Return once all that was told before this call was heard here. Raises `StoreUnavailable`, and `NotHeard`.

        A subscription that is silent, broken or given up says nothing of the server: that is asked apart.
        """
        await self.begin(any_data=True)
        hearing = asyncio.create_task(self.notices.catch_up())
        try:
            # Nearly always enough. Only a silence is worth a second connection.
            await asyncio.wait({hearing}, timeout=_PATIENCE_SECONDS)
            if not hearing.done():
                await asyncio.wait({hearing, self._probe()}, return_when=asyncio.FIRST_COMPLETED)
            if hearing.done():
                with contextlib.suppress(NotHeard):
                    # It may fail with anything but `NotHeard`: then the server itself said no.
                    hearing.result()
                    return await self.check_trust()
            await asyncio.shield(self._probe())
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
        raise NotHeard("Redis answers, but no notices come from it")

    def _probe(self) -> asyncio.Task[None]:
        here = self._here()
        if here.probing is None or here.probing.done():
            here.probing = asyncio.create_task(self._connections.answers())
            here.probing.add_done_callback(take_note)
        return here.probing

    async def end(
        self,
        run: Callable[[str, str], Awaitable[list[Any]]],
        *,
        is_waited_for: bool = True,
        must_be_heard: bool = True,
        any_data: bool = False,
    ) -> list[str]:
        """Let `run(name, number)` end sessions, and tell it before this returns.

        `run` answers with how many should hear of it and the ids of what ended. Once begun it is done to its end,
        even if the caller is cancelled: what ended must be told. `must_be_heard`: raises `StoreUnavailable` if the
        server goes away before they could say so, for then they may go on from memory.
        """
        await self.begin(any_data=any_data)
        here = self._here()
        number = secrets.token_hex(8)
        # Noted before anything is sent: the notice may arrive before the answer does.
        here.untold[number] = None
        if len(here.untold) > _MOST_UNTOLD:
            # Neither came for the oldest, and neither will.
            del here.untold[next(iter(here.untold))]

        async def end_and_tell() -> list[str]:
            began_at = time.monotonic()
            told, *session_ids = await run(here.name, number)
            ended = [session_id.decode() for session_id in session_ids]
            self._tell_own(here, number, ended)
            if is_waited_for:
                await self._wait_until_heard(number, told, began_at, must_be_heard=must_be_heard)
            return ended

        return await _in_any_case(end_and_tell(), here.tasks)

    async def all_hear(self) -> None:
        """Return once everybody has heard of what ended before, as an end does. Raises `StoreUnavailable`."""

        async def run(name: str, number: str) -> Any:
            return await self._connections.run(SESSIONS, "nothing_ended", name, number)

        await self.end(run)

    async def close(self) -> None:
        here, self._held = self._held, None
        if here is not None and _is_own(here) and here.notices is not None:
            if here.probing is not None:
                here.probing.cancel()
            is_listening = here.notices.is_subscribed
            await here.notices.close()
            if is_listening:
                with contextlib.suppress(StoreUnavailable):  # it is forgotten in time
                    await self._connections.run(SESSIONS, "leaves", here.name, is_repeatable=True)

    async def _wait_until_heard(self, number: str, told: int, began_at: float, *, must_be_heard: bool) -> None:
        """Until as many as should hear of it have said so, or `NOTICE_SECONDS` have passed."""
        until = time.monotonic() + self._connections.limits.notice_seconds
        key = self._connections.prefix + f"heard:{number}".encode()
        heard: set[bytes] = set()
        try:
            for _ in range(told):
                # BLPOP takes a wait of 0 for one without an end.
                left = until - time.monotonic()
                first = await self._connections.first_of(key, seconds=left) if left >= 0.001 else None
                if first is None:
                    return await self.note_silent(heard, began_at)
                heard.add(first[1])
        except StoreUnavailable:  # it is done, and who heard of it cannot be known, however long was waited
            if must_be_heard:
                raise

    async def note_silent(self, heard: set[bytes], began_at: float) -> None:
        """A worker that was killed makes two ends wait in vain, not every end for as long as it is remembered.

        One silence is not enough: a worker that found the server again just after the notice has missed that end, but
        listens. So only workers that were there before `began_at` and have said nothing since count as silent.
        """
        here = self._here()
        known = here.hearers if here.hearers_at <= began_at else {}
        silent = (part for name, said_at in known.items() if name not in heard for part in (name, said_at))
        pairs = await self._connections.run(SESSIONS, "silent", *silent)
        here.hearers, here.hearers_at = dict(zip(pairs[::2], pairs[1::2], strict=True)), time.monotonic()

    def _tell_own(self, here: _Here, number: str, session_ids: Iterable[str]) -> None:
        """By the answer or by the notice, whichever comes first: if the answer is lost, the notice still comes."""
        if number in here.untold:
            del here.untold[number]
            self._tell_ended(session_ids)

    def _tell_ended(self, session_ids: Iterable[str]) -> None:
        ended = list(session_ids)
        self.trust.note_ended(ended)
        self.listeners.tell_ended(ended)

    def _hear(self, notice: RedisNotice) -> None:
        here = self._here()
        if notice.teller == here.name:
            if notice.is_end:
                self._tell_own(here, notice.number, notice.session_ids)
        elif notice.is_end:
            self._tell_ended(notice.session_ids)
        else:
            self.listeners.tell_changed(notice.session_ids)

    async def _acknowledge(self, notice: RedisNotice) -> None:
        arguments = (notice.number, int(_ACKNOWLEDGEMENT_SECONDS * 1000), *self._word())
        await self._connections.run(SESSIONS, "heard", *arguments)

    async def _say_here(self) -> None:
        await self._connections.run(SESSIONS, "listens", *self._word(), is_repeatable=True)

    def _word(self) -> tuple[str, str]:
        """Who listens, and when that was so."""
        return self._here().name, f"{self._clock():.3f}"

    @property
    def notices(self) -> RedisNotices:
        """The subscription of this process and loop, which begins when it is first asked for."""
        here = self._here()
        if here.notices is None:
            here.notices = RedisNotices(
                self._connections,
                on_notice=self._hear,
                acknowledge=self._acknowledge,
                say_here=self._say_here,
                on_gap=self.listeners.tell_gap,
            )
        return here.notices

    def _here(self) -> _Here:
        if self._held is None or not _is_own(self._held):
            self._held = _Here(os.getpid(), asyncio.get_running_loop(), secrets.token_hex(8))
        return self._held


def _is_own(here: _Here) -> bool:
    return here.process == os.getpid() and here.loop is asyncio.get_running_loop()


async def _in_any_case(work: Coroutine[Any, Any, T], tasks: set[asyncio.Task[Any]]) -> T:
    """Its result; it goes on if the caller is cancelled."""
    task = asyncio.create_task(work)
    tasks.add(task)

    task.add_done_callback(tasks.discard)
    task.add_done_callback(take_note)
    return await asyncio.shield(task)
