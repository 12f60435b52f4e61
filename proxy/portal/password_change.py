"""One change of password: throttled like a sign-in, one at a time per person, and what it does to their sessions.

The old password is judged by the directory, so it costs what a sign-in's costs. It is kept nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from aiohttp import web

from directory.errors import DirectoryError, OutcomeUnknown
from directory.password_change import ChangeRefusal, PasswordChanger, PasswordChangeRefused
from directory.principal import Principal
from proxy.portal.current_session import renew_session
from proxy.portal.keys import PARTS, VISIT, Parts
from proxy.portal.log_sign_in import log_password_changed, log_password_not_changed
from proxy.portal.password_guard import limits_at, remember_replaced
from proxy.sessions.session import Session
from proxy.throttle.limits import Throttled

_JUDGED_WRONG = frozenset({ChangeRefusal.WRONG_PASSWORD, ChangeRefusal.LOCKED})


@dataclass(frozen=True, slots=True)
class Changed:
    """The new password stands, and of the person's sessions only this one, which is new; none: sign in anew."""

    session: Session | None
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Superseded:
    """The session ended while this request waited its turn: sent twice, most likely. Nothing was tried."""


async def change_password(
    request: web.Request, session: Session, changer: PasswordChanger, *, old: str, new: str
) -> Changed | Superseded | PasswordChangeRefused | Throttled:
    """Raises `DirectoryError` and `StoreUnavailable`."""
    parts, visit = request.app[PARTS], request[VISIT]
    guid, address = session.principal.guid, visit.client_address
    async with parts.password_locks.of(guid):
        if not await parts.store.sessions_by_id([session.session_id]):
            return Superseded()
        limits = limits_at(parts, parts.realms.of(session.principal.realm))
        reserved_at = parts.clock()
        throttled = await parts.throttle.reserve_address(address, now=reserved_at)
        if throttled is None:
            throttled = await parts.throttle.reserve_password(
                person=guid, address=address, limits=limits, now=reserved_at
            )
        if throttled is not None:
            log_password_not_changed(request, session, throttled.limit.value)
            return throttled
        judged = await parts.throttle.judged_so_far(person=guid, now=parts.clock())
        try:
            outcome = await changer.change_password(guid, old, new)
        except OutcomeUnknown:
            raise  # the domain may have judged it, and towards a lockout: it stays counted
        except DirectoryError:
            await parts.throttle.password_not_judged(person=guid, address=address, now=parts.clock())
            await parts.throttle.give_back_address(address, now=parts.clock())
            raise
        if isinstance(outcome, PasswordChangeRefused):
            log_password_not_changed(request, session, outcome.reason.value)
            if outcome.reason in _JUDGED_WRONG:
                await parts.throttle.password_refused(
                    person=guid, limits=limits, reserved_at=reserved_at, server=outcome.told_by
                )
            else:
                await parts.throttle.password_not_judged(person=guid, address=address, now=parts.clock())
                await parts.throttle.give_back_address(address, now=parts.clock())
            return outcome
        if old != new:
            await remember_replaced(parts, session.principal, outcome.principal, old)
        taken = outcome.principal  # None: no sign-in with the new one followed, so nothing was forgotten
        await parts.throttle.password_accepted(
            person=guid,
            address=address,
            judged=judged if taken is not None else None,
            now=parts.clock(),
            server=taken.told_by if taken is not None else "",
        )
        await parts.throttle.give_back_address(address, now=parts.clock())
        return await _renew(request, session, outcome.principal)


async def _renew(request: web.Request, session: Session, principal: Principal | None) -> Changed:
    parts = request.app[PARTS]
    renewed = None if principal is None else await renew_session(request, session, principal)
    kept = None if renewed is None else renewed[0]
    ended = await _end_others(parts, session.principal.guid, kept)
    log_password_changed(request, session, sessions_ended=ended)
    return Changed(None) if renewed is None else Changed(*renewed)


async def _end_others(parts: Parts, guid: str, kept: Session | None) -> int:
    """Whoever holds one of them may have got in by the old password."""
    if kept is None:
        return await parts.store.end_sessions_of(guid)
    others = [each for each in await parts.store.sessions(guid) if each.session_id != kept.session_id]
    for other in others:
        await parts.store.end_session(other.session_id)
    return len(others)
