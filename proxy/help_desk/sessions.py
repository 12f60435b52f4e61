"""A person's sessions, and an end to them that is in force on every worker and node before it is reported.

With all sessions of a person go the browsers that are remembered for them: one of those would begin the next session
with a password alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from directory.errors import DirectoryError
from directory.login_name import fold
from directory.realms import Realms
from proxy.factors.remembered.browser_store import RememberedBrowserStore
from proxy.help_desk.person import choose_realm
from proxy.sessions.session import Session
from proxy.sessions.session_store import SessionStore

ENDED_AT_ONCE = 32
"""How many ends wait together: each waits for other workers to hear of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Half signed-in ones too."""

    sessions: Sequence[Session]
    realm: str
    guid: str
    """Whose they are; empty where the directory knows nobody of that name."""
    warning: str = ""
    """Why the directory could not say whose they are: then they were found by the name in the session."""

    @property
    def guids(self) -> list[str]:
        """Of the account, signed in or not; else of all whose sessions these are."""
        return [self.guid] if self.guid else sorted({each.principal.guid for each in self.sessions})


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedPerson:
    """How many there were until now."""

    sessions: int
    browsers: int


async def sessions_called(realms: Realms, store: SessionStore, typed: str) -> Found:
    """By the account. If the directory no longer has it, or is down: by the name in the sessions.

    Raises `NotFound` for what is no login name of any realm, and `StoreError`.
    """
    login_name, directory = await choose_realm(realms, typed)
    warning = ""
    try:
        account = await directory.find(login_name)
    except DirectoryError as error:
        account, warning = None, str(error)
    if account is not None:
        return Found(sessions=await store.sessions(account.guid), realm=directory.realm, guid=account.guid)
    name = fold(login_name.name)
    kept = [
        each
        for each in await store.sessions()
        if each.principal.realm == directory.realm and fold(each.principal.username) == name
    ]
    return Found(sessions=kept, realm=directory.realm, guid="", warning=warning)


async def end_person(sessions: SessionStore, browsers: RememberedBrowserStore, guid: str) -> EndedPerson:
    """End all sessions of this person, those that step up in the meantime too, and forget their browsers."""
    # First, or a thief with the password begins another session by one of them in between.
    forgotten = await browsers.forget_browsers(guid)
    return EndedPerson(sessions=await sessions.end_sessions_of(guid), browsers=forgotten)


async def end_all(store: SessionStore, sessions: Sequence[Session]) -> int:
    """How many of them stood until now."""
    ended = 0
    for first in range(0, len(sessions), ENDED_AT_ONCE):
        batch = sessions[first : first + ENDED_AT_ONCE]
        ended += sum(await asyncio.gather(*(store.end_session(each.session_id) for each in batch)))
    return ended
