"""When sessions were last used, as far as the store does not know it yet. Instants are epoch seconds."""

from __future__ import annotations

from dataclasses import replace

from proxy.sessions.kept_sessions import WholeSession
from proxy.sessions.session_store import SessionUpkeep


class LastUses:
    """Written in batches. Uses that could not be written stay for the next one."""

    def __init__(self) -> None:
        self._unflushed: list[WholeSession] = []
        self._aside: dict[str, float] = {}
        """Of sessions that are not kept whole."""
        self._used: set[str] = set()
        self._used_aside: set[str] = set()

    def note(self, live: WholeSession, now: float) -> None:
        live.used_at(now)
        if not live.is_unflushed:  # most are: each request comes here
            self.write_again(live)

    def write_again(self, live: WholeSession) -> None:
        """What the store holds of its last use is of another clock, or older."""
        if not live.is_unflushed:
            live.is_unflushed = True
            self._unflushed.append(live)

    def note_aside(self, session_id: str, now: float) -> None:
        self._aside[session_id] = now

    def forget(self, session_id: str) -> None:
        self._aside.pop(session_id, None)

    def take_used(self) -> tuple[set[str], set[str]]:
        """Those that were flushed since the last call: kept whole, and put aside."""
        used, self._used = self._used, set()
        aside, self._used_aside = self._used_aside, set()
        return used, aside

    async def flush(self, store: SessionUpkeep) -> None:
        """In one batch. Raises `StoreUnavailable`."""
        unflushed, self._unflushed = self._unflushed, []
        aside, self._aside = self._aside, {}
        for live in unflushed:
            live.is_unflushed = False
            live.session = replace(live.session, last_used_at=live.last_used_at)
        if not unflushed and not aside:
            return
        uses = {live.session.session_id: live.last_used_at for live in unflushed}
        self._used |= uses.keys()
        self._used_aside |= aside.keys()
        try:
            await store.touch_sessions((aside | uses).items())
        except BaseException:
            self._aside = aside | self._aside
            for live in unflushed:
                if not live.is_unflushed:
                    live.is_unflushed = True
                    self._unflushed.append(live)
            raise
