"""One change of password: throttled like a sign-in, one at a time per person, and what it does to their sessions.

The old password is judged by the directory, so it costs what a sign-in's costs. It is kept nowhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from config.factors import Factor
from config.password_lists import is_listed
from directory.change_outcomes import ChangeRefusal, PasswordChanged, PasswordChanger, PasswordChangeRefused
from directory.principal import Principal
from directory.realms import Realms
from proxy.degrade.board import DegradeBoard
from proxy.factors.second_factor import Unusable
from proxy.sessions.session import Level, Session
from proxy.sign_in.attempt import Attempts, begin_attempt
from proxy.sign_in.client import Client
from proxy.sign_in.session_steps import SessionSteps
from proxy.throttle.limits import Throttled

_JUDGED_WRONG = frozenset({ChangeRefusal.WRONG_PASSWORD, ChangeRefusal.LOCKED})


@dataclass(frozen=True, slots=True)
class Changed:
    """The password was changed, and all other sessions of the person have ended."""

    session: Session
    """In the place of the one that they had: signed in, whatever that one was."""
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChangedAndSignedOut:
    """The password was changed, but nothing could be proven with the new one, or nobody new signs in by now: no session
    is left, and they sign in again."""


@dataclass(frozen=True, slots=True)
class Superseded:
    """The session ended while this request waited its turn: sent twice, most likely. Nothing was tried."""


ChangeOutcome = Changed | ChangedAndSignedOut | Superseded | PasswordChangeRefused | Throttled | Unusable
"""`Unusable`: nobody new signs in now, and they are not signed in yet. Nothing was tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChangeStep:
    """The step that takes the old and the new password of somebody who has proven all factors of their scheme."""

    realms: Realms
    degrade: DegradeBoard
    sessions: SessionSteps
    attempts: Attempts
    refused_lists: Sequence[Path]
    """Lists of passwords that nobody may choose (`config.password_lists`)."""

    def changer_of(self, session: Session) -> PasswordChanger | None:
        """Who changes this person's password; None: it cannot be changed here, or not in a session by a pass."""
        if session.confined is not None:
            return None
        directory = self.realms.of(session.principal.realm)
        return directory if isinstance(directory, PasswordChanger) else None

    async def change(
        self, client: Client, session: Session, changer: PasswordChanger, *, old: str, new: str
    ) -> ChangeOutcome:
        """Raises `DirectoryError`, `StoreUnavailable`, `OSError` if a list cannot be read, and `ValueError` for
        somebody who is still half-way: a stolen password gets as far."""
        if session.level is Level.FIRST_FACTOR:
            raise ValueError("a password is changed once all factors are proven")
        if session.confined is not None:
            raise ValueError("nobody changes a password with a pass")
        if await asyncio.to_thread(lambda: any(is_listed(new, path) for path in self.refused_lists)):
            self.attempts.log.password_not_changed(client, session.principal, ChangeRefusal.TOO_COMMON.value)
            return PasswordChangeRefused(ChangeRefusal.TOO_COMMON)
        async with self.attempts.locks.of(session.principal.guid):
            if not await self.sessions.is_standing(session):
                return Superseded()
            # In the person's turn, for which they may have waited long (see `begin_attempt`).
            now = self.attempts.clock()
            if (closed := await self._closed(session, now=now)) is not None:
                self.attempts.log.stopped(client, session.principal, closed.reason, first=session.begun_with)
                return closed
            outcome = await self.attempts.from_address(
                client.address,
                lambda: self._ask(client, session.principal, changer, old=old, new=new, now=now),
                is_guess=_is_guess,
                now=now,
            )
            if isinstance(outcome, Throttled):
                self.attempts.log.password_not_changed(client, session.principal, outcome.limit.value)
            if not isinstance(outcome, PasswordChanged):
                return outcome
            return await self._go_on(client, session, outcome)

    async def _ask(
        self, client: Client, principal: Principal, changer: PasswordChanger, *, old: str, new: str, now: float
    ) -> PasswordChanged | PasswordChangeRefused | Throttled:
        """One attempt at the directory, counted and settled for the person."""
        guid, throttle = principal.guid, self.attempts.throttle
        limits = throttle.password_limits(self.realms.of(principal.realm))
        attempt = await begin_attempt(throttle, person=guid, address=client.address, limits=limits, now=now)
        if isinstance(attempt, Throttled):
            return attempt
        outcome = await attempt.answer(changer.change_password(guid, old, new))
        if isinstance(outcome, PasswordChangeRefused):
            self.attempts.log.password_not_changed(client, principal, outcome.reason.value)
            if outcome.reason in _JUDGED_WRONG:
                await attempt.refused(server=outcome.told_by)
            else:
                await attempt.not_judged()
            return outcome
        if old != new:
            await self.attempts.guard.remember_replaced(principal, outcome.principal, old, now=now)
        if outcome.principal is None:
            await attempt.not_judged()  # no sign-in with the new one followed, so the directory forgot nothing
        else:
            await attempt.accepted(server=outcome.principal.told_by)
        return outcome

    async def _go_on(self, client: Client, session: Session, changed: PasswordChanged) -> Changed | ChangedAndSignedOut:
        """The person's session after the change, and an end to all others: someone with one of them may have got in by
        the old password."""
        principal, renewed = changed.principal, None
        # Read again after the change. A session that seems to begin before the password was set would count as one of
        # the old password, and be ended (`proxy.sessions.watch`).
        now = self.attempts.clock()
        if principal is not None and await self._closed(session, now=now) is None:
            renewed = await self.sessions.go_on(client, session, Factor.PASSWORD, changed=principal, now=now)
        ended = await self.sessions.end_others(session.principal.guid, None if renewed is None else renewed[0])
        self.attempts.log.password_changed(client, session.principal, sessions_ended=ended)
        if renewed is None:
            return ChangedAndSignedOut()
        if session.level is not Level.SIGNED_IN:
            await self.attempts.log.succeeded(client, renewed[0])
        return Changed(*renewed)

    async def _closed(self, session: Session, *, now: float) -> Unusable | None:
        """Why nobody new signs in now, if they still would have to. Who is signed in may change it all the same."""
        if session.level is Level.SIGNED_IN:
            return None
        return (await self.degrade.at(now)).stops_sign_in(Factor.PASSWORD)


def _is_guess(outcome: PasswordChanged | PasswordChangeRefused | Throttled) -> bool:
    """Whether it stays counted for the address: the old password was wrong, or nothing was asked."""
    return not isinstance(outcome, PasswordChanged) and (
        isinstance(outcome, Throttled) or outcome.reason in _JUDGED_WRONG
    )
