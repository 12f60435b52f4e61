"""When sessions were last used: as far as the store does not know it yet, and up to when it knows of all workers' uses.

Instants are epoch seconds, but for those of `monotonic`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

from config.settings import SessionSettings
from proxy.sessions.kept_sessions import WholeSession
from proxy.sessions.session import with_last_use
from proxy.sessions.session_store import SessionUpkeep
from proxy.sessions.written_uses import LAG_SECONDS, WrittenUses

CLEAN_UP_SLACK_SECONDS = 60.0
"""How long after their idle limit sessions are removed from the store: uses that are not flushed yet count."""


class LastUses:
    """Those of one worker, written in batches. Uses that could not be written stay for the next one."""

    def __init__(self, store: SessionUpkeep, limits: SessionSettings, *, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._limits = limits
        self._monotonic = monotonic
        self._written = WrittenUses(secrets.token_hex(8), monotonic())
        self._clock_set_at = float("-inf")
        """On the monotonic clock, when a jump of the other one was followed."""
        self._unflushed: list[WholeSession] = []
        self._read: dict[str, WholeSession] = {}
        """Used once, by the request for which they were read from the store."""
        self._aside: dict[str, float] = {}
        """Of sessions that are not kept whole."""
        self._used: set[str] = set()
        self._used_aside: set[str] = set()

    def note(self, live: WholeSession, now: float, is_read: bool = False) -> None:
        """`is_read`: it was just read from the store for this use, so it need not be read again for that."""
        live.used_at(now)
        if not live.is_unflushed:  # most are: each request comes here
            if is_read:
                self._read[live.session.session_id] = live
            else:
                self._write_again(live)

    def note_aside(self, session_id: str, now: float) -> None:
        self._aside[session_id] = now

    def clock_was_set(self, sessions: Iterable[WholeSession]) -> None:
        """What the store holds of these is of the clock before."""
        self._clock_set_at = self._monotonic()
        for live in sessions:
            self._write_again(live)

    def forget(self, session_id: str) -> None:
        self._aside.pop(session_id, None)

    def take_used(self) -> tuple[set[str], set[str]]:
        """Those whose uses from memory were flushed since the last call: kept whole, and put aside."""
        used, self._used = self._used, set()
        aside, self._used_aside = self._used_aside, set()
        return used, aside

    async def flush(self) -> None:
        """Write them to the store in one batch. Raises `StoreUnavailable`; then they are kept for later."""
        # Uses from this instant on may have missed the batch, so others may rely on it only up to here.
        began_at = self._monotonic()
        try:
            await self._write()
            counts = await self._store.count_flush(self._written.name)
        except BaseException:
            self._written.failed(self._monotonic())
            raise
        dead = self._written.wrote(counts, began_at)
        if dead:
            await self._store.forget_workers(dead)

    async def leave(self) -> None:
        """Write them for the last time: nobody waits for more from here. Raises `StoreUnavailable`."""
        await self._write()
        await self._store.forget_workers([self._written.name])

    @property
    def all_are_written(self) -> bool:
        """Whether every worker has recently written the uses that it knows of."""
        complete_at = self._written.complete_at()
        return complete_at is not None and self._monotonic() - complete_at <= LAG_SECONDS

    def none_was_missed(self, seconds_ago: float) -> bool:
        """Whether it would be known here if a session that ended this long ago had been used before its end.

        Just after the clock was set, the uses that others wrote are of the clock before: they are about to follow.
        """
        at = self._monotonic()
        return at - self._clock_set_at >= LAG_SECONDS and self._written.is_known(seconds_ago, at)

    async def clean_up(self, now: float) -> None:
        """Remove from the store what was over when the last of all workers had written its uses.

        If that was not recently, nothing is removed. What is removed is gone for all nodes, so a node whose clock is
        far ahead must not take sessions from the others. Raises `StoreUnavailable`.
        """
        complete_at = self._written.complete_at()
        if complete_at is None or not self.all_are_written:
            return
        server_time = await self._store.server_time()
        known_at = now if server_time is None else min(now, server_time)
        # A worker that is cut off continues for the grace, and writes the uses of that time when it is back.
        idle = self._limits.idle + max(CLEAN_UP_SLACK_SECONDS, self._limits.store_grace)
        limits = self._limits.model_copy(update={"idle": idle})
        await self._store.remove_expired(now=known_at - (self._monotonic() - complete_at), limits=limits)

    def _write_again(self, live: WholeSession) -> None:
        if not live.is_unflushed:
            live.is_unflushed = True
            self._unflushed.append(live)

    async def _write(self) -> None:
        # Taken out before the wait: a use that comes while the store writes belongs to the next batch.
        unflushed, self._unflushed = self._unflushed, []
        aside, self._aside = self._aside, {}
        read, self._read = self._read, {}
        if not unflushed and not aside and not read:
            return
        for live in unflushed:
            session_id = live.session.session_id
            live.is_unflushed = False
            self._used.add(session_id)
            # Put aside and read again meanwhile, a session stands here twice.
            if session_id not in read or read[session_id].last_used_at < live.last_used_at:
                read[session_id] = live
        for live in read.values():
            live.session = with_last_use(live.session, live.last_used_at)
        uses = [(session_id, live.last_used_at) for session_id, live in read.items()]
        self._used_aside |= aside.keys()
        try:
            # The store keeps the latest of each.
            await self._store.touch_sessions([*aside.items(), *uses])
        except BaseException:
            # What was used since then is later than what could not be written.
            self._aside = aside | self._aside
            for live in read.values():
                self._write_again(live)
            raise
