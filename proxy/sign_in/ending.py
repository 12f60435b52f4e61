"""An end to what a person has here, in force on every worker and node before it is reported."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.factors.remembered.browser_store import RememberedBrowserStore
from proxy.sessions.session import Session
from proxy.sessions.session_store import SessionStore

_ENDED_AT_ONCE = 32
"""How many ends wait together: each waits for other workers to hear of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedPerson:
    """How many there were until now."""

    sessions: int
    browsers: int


async def end_person(
    sessions: SessionStore,
    browsers: RememberedBrowserStore,
    guid: str,
    *,
    kept: Session | None = None,
    kept_browser: str = "",
) -> EndedPerson:
    """Forget a person's browsers and end all of their sessions, but not those that are `kept`.

    Raises `StoreUnavailable`. A part may be done by then, and all of it may be done again.
    """

    async def forget() -> int:
        names = None
        if kept_browser:
            names = [each.name for each in await browsers.browsers(guid) if each.name != kept_browser]
        return await browsers.forget_browsers(guid, names)

    # First, or a thief with the password begins another session by one of them in between.
    forgotten = await forget()
    ended = await end_sessions(sessions, guid, kept=kept)
    # And those that were remembered in between, in a session that has just ended (`Proving`).
    return EndedPerson(sessions=ended, browsers=forgotten + await forget())


async def end_sessions(store: SessionStore, guid: str, *, kept: Session | None = None) -> int:
    """End all of a person's sessions but this one; how many there were."""
    if kept is None:
        return await store.end_sessions_of(guid)
    ended = 0
    # Until there is none: one that stepped up in the meantime has a new id.
    while others := [each for each in await store.sessions(guid) if each.session_id != kept.session_id]:
        ended += await end_each(store, others)
    return ended


async def end_each(store: SessionStore, sessions: Sequence[Session]) -> int:
    """How many of them stood until now."""
    ended = 0
    for first in range(0, len(sessions), _ENDED_AT_ONCE):
        batch = sessions[first : first + _ENDED_AT_ONCE]
        ended += sum(await asyncio.gather(*(store.end_session(each.session_id) for each in batch)))
    return ended
