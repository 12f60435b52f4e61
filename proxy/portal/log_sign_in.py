"""The audit lines of a sign-in: who, where, by which scheme, and why not. No secrets, no numbers, no typed names."""

from __future__ import annotations

from aiohttp import web

from directory.principal import Principal
from proxy.portal.keys import PARTS, VISIT
from proxy.sessions.session import Session


def log_stop(request: web.Request, principal: Principal, reason: str) -> None:
    """The password was right, and the sign-in stops all the same."""
    _log(request, "sign_in.stopped", principal, reason=reason)


def log_signed_in(request: web.Request, session: Session) -> None:
    _log(request, "sign_in.succeeded", session.principal, scheme=session.scheme, factors=_factors(session))


def log_stepped_up(request: web.Request, session: Session, factor: str) -> None:
    """A further factor was proven in a session that was signed in already; `factors` are all that it has now."""
    _log(request, "step_up.done", session.principal, scheme=session.scheme, factor=factor, factors=_factors(session))


def log_step_up_begun(request: web.Request, session: Session, *, asked: str, factor: str) -> None:
    """A passcode was asked for, because an app wants what the scheme `asked` asks for."""
    _log(request, "step_up.begun", session.principal, scheme=session.scheme, asked=asked, factor=factor)


def log_passcode_refused(request: web.Request, session: Session, reason: str) -> None:
    _log(request, "passcode.refused", session.principal, reason=reason)


def log_password_changed(request: web.Request, session: Session, *, sessions_ended: int) -> None:
    _log(request, "password.changed", session.principal, sessions_ended=sessions_ended)


def log_password_not_changed(request: web.Request, session: Session, reason: str) -> None:
    _log(request, "password.not_changed", session.principal, reason=reason)


def log_signed_out(request: web.Request, session: Session) -> None:
    _log(request, "sign_out.done", session.principal)


def log_ended_by_person(request: web.Request, session: Session, *, count: int) -> None:
    _log(request, "session.ended", session.principal, reason="by_the_person", sessions=count)


def _factors(session: Session) -> str:
    return " ".join(factor for factor, _ in session.proven)


def _log(request: web.Request, event: str, principal: Principal, **facts: str | int) -> None:
    visit = request[VISIT]
    if event.startswith("sign_in."):
        request.app[PARTS].metrics.count_sign_in(str(facts.get("reason", "succeeded")), principal.realm)
    request.app[PARTS].log.info(
        event,
        incident=visit.incident,
        realm=principal.realm,
        guid=principal.guid,
        client_address=visit.client_address,
        **facts,
    )
