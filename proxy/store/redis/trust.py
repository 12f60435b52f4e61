"""Whether a Redis server that was down still holds everything that was acknowledged: it may have loaded older data.

Checked once after each break of the subscription, before sessions are read. A failover, or a crash with ``appendfsync
everysec``, may lose the last seconds. That can be repaired: sessions that are known here to have ended are ended again.
If more is missing, the data is an older copy, and the ends in between are unknown. Nobody is served from it until all
sessions were ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from proxy.operations.store_errors import StoreUnavailable
from proxy.sessions.session_store import FORMER_SECONDS
from proxy.store.history import REMEDY, Facts, History, Judgement, Marks, Report
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.scripts import SESSIONS

TAIL_SECONDS = 60.0
"""How much may be lost with the last writes; the workers remember what ended in that time."""
_REMEMBERED_SECONDS = 2 * TAIL_SECONDS
_MOST_REMEMBERED = 10_000
_ENDED_AT_ONCE = 1000
"""A script takes some 8000 arguments at the most, and others wait for it."""
_CLOCKS_SECONDS = 120.0
"""How far clocks of nodes may differ."""


class RedisTrust:
    """What one process knows about its server, and about the ends that it has heard of recently."""

    def __init__(
        self,
        connections: RedisConnections,
        *,
        on_change: Callable[[], None],
        report: Report,
        clock: Callable[[], float],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_change`: what was read before says nothing about what the server holds now."""
        self._connections = connections
        self._on_change = on_change
        self._report = report
        self._clock = clock
        self.monotonic = monotonic
        self._history = History(made_within_seconds=_CLOCKS_SECONDS)
        self._checked_break = -1
        self._checking = asyncio.Lock()
        self._ended: deque[tuple[float, str]] = deque()
        self._forgotten_at = float("-inf")
        """The latest end among those that are too many to be remembered."""
        self._written_at = float("-inf")
        """On the monotonic clock, when the server last took a write. What it may lose is from shortly before that."""
        self._worker = ""
        self._flushes = 0
        """How many of this worker's were counted: one for each second in which the server took writes."""

    def note_ended(self, session_ids: Iterable[str]) -> None:
        """Listeners here were told of these."""
        now = self.monotonic()
        while self._ended and self._ended[0][0] < self._written_at - _REMEMBERED_SECONDS:
            self._ended.popleft()
        self._ended.extend((now, session_id) for session_id in session_ids if session_id)
        while len(self._ended) > _MOST_REMEMBERED:
            self._forgotten_at, _ = self._ended.popleft()

    async def check(self, breaks: int) -> None:
        """Return if the server may be read from. `breaks`: how often the subscription broke off.

        Raises `StoreUnavailable`.
        """
        if self._checked_break == breaks and not self._history.doubt:
            return
        async with self._checking:
            if self._checked_break == breaks and not self._history.doubt:
                return
            await self._judge(await self._ask())
            self._checked_break = breaks

    async def count_flush(self, worker: str) -> dict[str, int]:
        """As `Store.count_flush`."""
        answer = await self._connections.run(SESSIONS, "flush", worker, *self._naming())
        facts, flushes = _facts(answer), _counts(answer[5])
        if self._history.judge(facts) is not Judgement.SAME:
            async with self._checking:
                await self._judge((facts, flushes.get(worker, 1) - 1))
        self._worker, self._flushes = worker, flushes[worker]
        self._history.note(facts.marks)
        self._history.seen_at = self._clock()
        self._written_at = self.monotonic()
        return flushes

    async def all_are_ended(self) -> None:
        """It holds no session, so it may be used, even if it is an older copy."""
        await self._connections.run(SESSIONS, "all_are_ended", self._clock(), durable=True)

    async def _ask(self) -> tuple[Facts, int]:
        """What the server says about itself, and how many flushes of this worker it knows."""
        answer = await self._connections.run(SESSIONS, "marks", *self._naming(), is_repeatable=True)
        return _facts(answer), _counts(answer[5]).get(self._worker, 0)

    def _naming(self) -> tuple[str, float]:
        """For a server that has no id yet."""
        return secrets.token_hex(16), self._clock()

    async def _judge(self, found: tuple[Facts, int]) -> None:
        facts, flushes = found
        judgement = self._history.judge(facts)
        is_known = facts.store_id == self._history.store_id and not facts.marks.is_doubted
        is_remembered = self._forgotten_at < self._written_at - _REMEMBERED_SECONDS
        # Flushes come once a second, so the number of lost ones says how many seconds of data are missing. If that is
        # only the tail, and this worker still remembers every end in it, the ends can be repeated and nothing is lost.
        if judgement is Judgement.RESTORED and is_known and is_remembered and self._flushes - flushes <= TAIL_SECONDS:
            judgement = Judgement.SAME
            self._history.newest = facts.marks.newest
        if judgement is Judgement.RESTORED:
            await self._doubt(facts.marks.all_ended_at)
        if judgement is Judgement.SAME:
            await self._end_again()
        changes = self._history.changes
        self._history.take(facts, judgement)
        if judgement is Judgement.FRESH:
            self._report("store.emptied", meaning="the Redis server has lost everything that it held")
        if self._history.changes != changes:
            self._flushes = 0
            self._on_change()

    async def _doubt(self, judged_at: float) -> None:
        """`judged_at`: when all sessions had been ended last, as far as was known when this was decided."""
        if not self._history.doubt:
            meaning = "sessions that have ended may be live in it: nobody is served from it"
            self._report("store.restored", meaning=meaning, remedy=REMEDY)
            self._history.doubt = f"Redis holds an older copy or another store's data: {REMEDY}"
        with contextlib.suppress(StoreUnavailable):  # then each process finds out by itself
            await self._connections.run(SESSIONS, "doubt", judged_at, is_repeatable=True)
        raise StoreUnavailable(self._history.doubt)

    async def _end_again(self) -> None:
        since = self._written_at - _REMEMBERED_SECONDS
        ended = [session_id for at, session_id in self._ended if at >= since]
        former_until = self._clock() + FORMER_SECONDS
        again = 0
        for start in range(0, len(ended), _ENDED_AT_ONCE):
            part = ended[start : start + _ENDED_AT_ONCE]
            again += await self._connections.run(SESSIONS, "end_again", former_until, *part, is_repeatable=True)
        if again:
            self._report("store.ends_repeated", sessions=again, meaning="the Redis server had lost that they ended")


def _facts(answer: Any) -> Facts:
    store_id, made_at, all_ended_at, is_doubted, newest, _ = answer
    return Facts(
        store_id=store_id.decode(),
        predecessors=frozenset(),
        made_at=float(made_at),
        marks=Marks(newest=int(newest), all_ended_at=float(all_ended_at), is_doubted=is_doubted == b"1"),
    )


def _counts(pairs: Any) -> dict[str, int]:
    return {name.decode(): int(count) for name, count in zip(pairs[::2], pairs[1::2], strict=True)}
