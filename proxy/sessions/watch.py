"""Live sessions follow what their directories say: they end, or their principal changes, within seconds.

A person who can no longer sign in loses all sessions, and if their account is disabled, their remembered browsers too.
A changed password ends the sessions that began with the old one. Any other change is written to the session, and
decisions are made again. A directory that is down ends no session: they continue to their own limits, and `/readyz`
reports it. Instants are of one monotonic clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import replace

from structlog.typing import FilteringBoundLogger

from directory.directory import Directory, WatchedDirectory
from directory.errors import DirectoryError
from directory.principal import Principal
from directory.realms import Realms
from proxy.factors.remembered.browser_store import RememberedBrowserStore
from proxy.factors.remembered.stopped_accounts import forget_if_stopped
from proxy.operations.store_errors import StoreError
from proxy.sessions.due_reads import DueReads
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.session import Session
from proxy.sessions.session_store import SessionStore

POLL_SECONDS = 1.0
"""How often directories are asked for changes."""
READ_SECONDS = 2.0
"""How long persons are read for before changes are asked for again."""
READERS = 2
"""How many of a directory's threads this may take: the others are for sign-ins."""
RENEWAL_SECONDS = 1.5
"""How long the person who changed the password has to renew their session, before it ends as one of the old
password."""
AGAIN_SECONDS = 10.0
"""When to try again to read somebody who could not be read."""
UNWATCHED_SECONDS = 5.0
"""How often persons are read from a directory that reports no changes: a file, which is cheap to read."""
LISTED_AT_ONCE = 8
"""Of how many new persons the sessions are read together: after a start all are new, and requests use the store too."""


class SessionWatch:
    """The watch over all realms; `run` it in the background."""

    def __init__(
        self,
        *,
        store: SessionStore,
        browsers: RememberedBrowserStore,
        sessions: LiveSessions,
        realms: Realms,
        log: FilteringBoundLogger,
        poll_seconds: float = POLL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._browsers = browsers
        self._sessions = sessions
        self._log = log
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._realms = {each.realm: _RealmWatch(each) for each in realms}
        self._listed: dict[str, float] = {}
        self._group_sets: dict[frozenset[str], frozenset[str]] = {}
        """One copy of each."""
        self._outdated: dict[str, float] = {}
        """Sessions of another password, by `session_id`: since when that is known."""

    @property
    def backlog(self) -> int:
        """How many persons wait to be read because of a change."""
        return sum(each.due.backlog for each in self._realms.values())

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except StoreError:
                pass  # the store's own state is told in /readyz; nothing is lost by looking later
            except Exception:  # noqa: BLE001  # the border of a background task: a watch that ends would be an open door
                self._log.exception("watch.failed")
            await asyncio.sleep(self._poll_seconds)

    async def look(self) -> None:
        """Once: who is there, what changed, and what follows from it. Raises `StoreError`."""
        await self._list_persons()
        results = await asyncio.gather(*(self._look_at(each) for each in self._realms.values()), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _list_persons(self) -> None:
        now = self._clock()
        listed = await self._store.persons()
        if listed is self._listed or listed == self._listed:
            return
        for guid in self._listed.keys() - listed.keys():
            self._forget(guid)
        differing = [guid for guid, newest_at in listed.items() if self._listed.get(guid) != newest_at]
        unknown = [guid for guid in differing if self._realm_with(guid) is None]
        # Never all of their sessions at once: they are many times larger than what is kept of them.
        for start in range(0, len(unknown), LISTED_AT_ONCE):
            guids = unknown[start : start + LISTED_AT_ONCE]
            found = await asyncio.gather(*map(self._store.sessions, guids))
            for guid, sessions in zip(guids, found, strict=True):
                for session in sessions:
                    await self._put(guid, session.principal, listed[guid], now)
        for guid in differing:
            realm = self._realm_with(guid)
            if realm is not None:
                realm.due.put(guid, realm.due.groups_of(guid), listed[guid], now)
        self._listed = listed

    async def _put(self, guid: str, principal: Principal, newest_at: float, now: float) -> None:
        if principal.realm in self._realms:
            groups = self._group_sets.setdefault(principal.groups, principal.groups)
            due = self._realms[principal.realm].due
            due.put(guid, groups, newest_at, now)
            # Another worker may have written it.
            due.hold(guid, hash(principal))
        else:
            await self._end_all(guid, "realm_unknown")  # no directory vouches for them any more

    def _forget(self, guid: str) -> None:
        realm = self._realm_with(guid)
        if realm is not None:
            realm.due.drop(guid)

    def _realm_with(self, guid: str) -> _RealmWatch | None:
        """Whose due reads this person is among."""
        return next((each for each in self._realms.values() if guid in each.due), None)

    async def _look_at(self, realm: _RealmWatch) -> None:
        if not len(realm.due):
            return
        try:
            await realm.ask(self._clock)
        except DirectoryError as exc:
            if not realm.is_away:
                self._log.warning("watch.directory_away", realm=realm.directory.realm, reason=str(exc))
            realm.is_away = True
            return
        realm.is_away = False
        give_up_at = self._clock() + READ_SECONDS
        await asyncio.gather(*(self._read_due(realm, give_up_at) for _ in range(READERS)))

    async def _read_due(self, realm: _RealmWatch, give_up_at: float) -> None:
        due = realm.due
        while self._clock() < give_up_at and (taken := due.take(self._clock())) is not None:
            guid, seen_at = taken
            try:
                principal = await realm.read(guid, seen_at)
                is_settled = await self._follow(due, guid, principal)
            except DirectoryError:
                due.put_off(guid, seen_at, self._clock() + AGAIN_SECONDS)
                return
            except BaseException:
                due.put_off(guid, seen_at, self._clock())
                raise
            if principal is None:
                with contextlib.suppress(DirectoryError):  # `EnrolmentUpkeep` looks again
                    forgotten = await forget_if_stopped(self._browsers, realm.directory, guid)
                    if forgotten:
                        self._log.info("browser.forgotten", reason="account_stopped", person=guid, browsers=forgotten)
            else:
                groups = self._group_sets.setdefault(principal.groups, principal.groups)
                due.was_read(guid, groups, self._clock())
            if not is_settled:
                due.put_off(guid, seen_at, self._clock() + RENEWAL_SECONDS)

    async def _follow(self, due: DueReads, guid: str, principal: Principal | None) -> bool:
        """Bring this person's sessions up to date with the directory; False if it has to look once more."""
        if principal is None:
            await self._end_all(guid, "account_not_usable")
            return True
        now, facts = self._clock(), hash(principal)
        is_known_otherwise = due.facts_of(guid) != facts
        is_settled = True
        for session in await self._store.sessions(guid):
            if has_other_password(session, principal):
                is_settled = await self._end_of_old_password(session, now) and is_settled
            elif is_known_otherwise or session.principal != principal:
                await self._sessions.update_principal(replace(session, principal=principal))
        due.hold(guid, facts)
        return is_settled

    async def _end_of_old_password(self, session: Session, now: float) -> bool:
        """End it, unless it may be about to be renewed. False: not yet."""
        self._outdated = {each: since for each, since in self._outdated.items() if now - since < 10 * RENEWAL_SECONDS}
        since = self._outdated.setdefault(session.session_id, now)
        if now - since < RENEWAL_SECONDS:
            return False
        if await self._store.end_session(session.session_id):
            self._log.info("session.ended", reason="password_changed", person=session.principal.guid, sessions=1)
        return True

    async def _end_all(self, guid: str, reason: str) -> None:
        count = await self._store.end_sessions_of(guid)
        if count:
            self._log.info("session.ended", reason=reason, person=guid, sessions=count)


class _RealmWatch:
    """One directory, and who is due to be read from it."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.is_away = False
        self._watched = directory if isinstance(directory, WatchedDirectory) else None
        recheck_seconds = UNWATCHED_SECONDS if self._watched is None else self._watched.recheck_seconds
        self.due = DueReads(recheck_seconds, random=random.random)

    async def ask(self, clock: Callable[[], float]) -> None:
        """What changed, and who may be gone."""
        if self._watched is None:
            return
        for changes in await self._watched.changes():
            self.due.note(changes, clock())
        for guid in await self._watched.doubtful(self.due.to_look_at(clock())):
            self.due.doubt(guid)

    async def read(self, guid: str, seen_at: str) -> Principal | None:
        if self._watched is None:
            return await self.directory.read(guid)
        return await self._watched.read_at(guid, seen_at)


def has_other_password(session: Session, principal: Principal) -> bool:
    """Whether the session was begun with another password than the person has now.

    The session's own record decides, not the clocks. Only if it has none (the password had to be changed), a password
    that was set after the proof counts as another one. Where the directory does not tell when it was set, the marks
    decide.
    """
    if session.principal.password_mark and principal.password_mark:
        return session.principal.password_mark != principal.password_mark
    held, current = session.principal.password_set_at, principal.password_set_at
    if held is None:
        return current is not None and current > session.begun_at
    return current != held
