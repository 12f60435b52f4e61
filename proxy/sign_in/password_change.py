"""One change of password: throttled like a sign-in, one at a time per person, and what it does to their sessions.

The old password is judged by the directory, so it costs what a sign-in's costs. It is kept nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from config.factors import Factor
from directory.change_outcomes import ChangeRefusal, PasswordChanged, PasswordChanger, PasswordChangeRefused
from directory.errors import DirectoryError, OutcomeUnknown
from directory.principal import Principal
from directory.realms import Realms
from proxy.factors.proof import with_proof
from proxy.secrets.keys import Keys
from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.session import Session
from proxy.sessions.session_store import SessionStore
from proxy.sign_in.attempt import PersonLocks, begin_attempt
from proxy.sign_in.client import Client
from proxy.sign_in.password_guard import PasswordGuard
from proxy.sign_in.sign_in_log import SignInLog
from proxy.throttle.limits import Throttled
from proxy.throttle.throttle import Throttle

_JUDGED_WRONG = frozenset({ChangeRefusal.WRONG_PASSWORD, ChangeRefusal.LOCKED})


@dataclass(frozen=True, slots=True)
class Changed:
    """The password was changed, and all other sessions of the person have ended."""

    session: Session
    """In the place of the one that they had: signed in, whatever that one was."""
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChangedAndSignedOut:
    """The password was changed, but nothing could be proven with the new one: no session is left, and they sign in
    again."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """The session ended while this request waited its turn: sent twice, most likely. Nothing was tried."""


ChangeOutcome = Changed | ChangedAndSignedOut | Superseded | PasswordChangeRefused | Throttled


class PasswordChangeStep:
    """The step that takes the old and the new password of somebody who has proven all factors of their scheme."""

    def __init__(
        self,
        *,
        realms: Realms,
        store: SessionStore,
        throttle: Throttle,
        keys: Keys,
        locks: PersonLocks,
        log: SignInLog,
        clock: Callable[[], float],
    ) -> None:
        """`locks` are the ones that sign-ins wait at: both spend the same budget of the directory."""
        self._realms = realms
        self._store = store
        self._throttle = throttle
        self._guard = PasswordGuard(throttle, keys)
        self._locks = locks
        self._log = log
        self._clock = clock

    def changer_of(self, session: Session) -> PasswordChanger | None:
        """Who changes this person's password; None: it cannot be changed here."""
        directory = self._realms.of(session.principal.realm)
        return directory if isinstance(directory, PasswordChanger) else None

    async def change(
        self, client: Client, session: Session, changer: PasswordChanger, *, old: str, new: str
    ) -> ChangeOutcome:
        """Raises `DirectoryError` and `StoreUnavailable`."""
        async with self._locks.of(session.principal.guid):
            if not await self._store.sessions_by_id([session.session_id]):
                return Superseded()
            # In the person's turn, for which they may have waited long (see `begin_attempt`).
            now = self._clock()
            throttled = await self._throttle.reserve_address(client.address, now=now)
            if throttled is not None:
                self._log.password_not_changed(client, session.principal, throttled.limit.value)
                return throttled
            try:
                outcome = await self._ask(client, session.principal, changer, old=old, new=new, now=now)
            except OutcomeUnknown:
                raise  # the domain may have judged it, and towards a lockout: it stays counted
            except DirectoryError:
                await self._throttle.give_back_address(client.address, now=now)
                raise
            if isinstance(outcome, Throttled):
                return outcome
            if isinstance(outcome, PasswordChangeRefused):
                if outcome.reason not in _JUDGED_WRONG:
                    await self._throttle.give_back_address(client.address, now=now)
                return outcome
            await self._throttle.give_back_address(client.address, now=now)
            return await self._go_on(client, session, outcome)

    async def _ask(
        self,
        client: Client,
        principal: Principal,
        changer: PasswordChanger,
        *,
        old: str,
        new: str,
        now: float,
    ) -> PasswordChanged | PasswordChangeRefused | Throttled:
        """One attempt at the directory, counted and settled for the person."""
        guid, limits = principal.guid, self._throttle.password_limits(self._realms.of(principal.realm))
        attempt = await begin_attempt(self._throttle, person=guid, address=client.address, limits=limits, now=now)
        if isinstance(attempt, Throttled):
            self._log.password_not_changed(client, principal, attempt.limit.value)
            return attempt
        outcome = await attempt.answer(changer.change_password(guid, old, new))
        if isinstance(outcome, PasswordChangeRefused):
            self._log.password_not_changed(client, principal, outcome.reason.value)
            if outcome.reason in _JUDGED_WRONG:
                await attempt.refused(server=outcome.told_by)
            else:
                await attempt.not_judged()
            return outcome
        if old != new:
            await self._guard.remember_replaced(principal, outcome.principal, old, now=now)
        if outcome.principal is None:
            await attempt.not_judged()  # no sign-in with the new one followed, so the directory forgot nothing
        else:
            await attempt.accepted(server=outcome.principal.told_by)
        return outcome

    async def _go_on(self, client: Client, session: Session, changed: PasswordChanged) -> Changed | ChangedAndSignedOut:
        """The person's session after the change, and an end to all others."""
        renewed = None if changed.principal is None else await self._renew(client, session, changed.principal)
        kept = renewed.session if renewed is not None else None
        ended = await self._end_others(session.principal.guid, kept)
        self._log.password_changed(client, session.principal, sessions_ended=ended)
        return renewed or ChangedAndSignedOut()

    async def _renew(self, client: Client, older: Session, principal: Principal) -> Changed | None:
        """A session with an id and a credential of its own in the older one's place; None if that is gone.

        A person who was signed in before stays so no longer than they would have.
        """
        # Read again after the change. A session that seems to begin before the password was set would count as one of
        # the old password, and be ended (`proxy.sessions.watch`).
        now = self._clock()
        session = replace(
            older,
            session_id=new_token(),
            principal=principal,
            proven=with_proof(older.proven, Factor.PASSWORD, now),
            password_must_change=False,
            created_at=now if older.password_must_change else older.created_at,
            last_used_at=now,
        )
        token = new_token()
        is_replaced = await self._store.replace_session(
            older.session_id, session, cookie=token_digest(token), host=client.host
        )
        return Changed(session, token) if is_replaced else None

    async def _end_others(self, guid: str, kept: Session | None) -> int:
        """Someone with one of these sessions may have got in by the old password."""
        if kept is None:
            return await self._store.end_sessions_of(guid)
        others = [each for each in await self._store.sessions(guid) if each.session_id != kept.session_id]
        for other in others:
            await self._store.end_session(other.session_id)
        return len(others)
