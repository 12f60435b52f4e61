"""Whose sessions are meant: by a login name, as the directory or else the sessions know it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from directory.errors import DirectoryError
from directory.login_name import fold
from directory.realms import Realms
from proxy.help_desk.person import choose_realm
from proxy.sessions.session import Session
from proxy.sessions.session_store import SessionStore

_DIGITS = 12


def short_name_of(session: Session) -> str:
    """Twelve hexadecimal digits that name a session and do not lead to it."""
    return hashlib.sha256(b"session\0" + session.session_id.encode()).hexdigest()[:_DIGITS]


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
