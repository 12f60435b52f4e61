"""The log lines of a sign-in that handlers of the portal write, by `proxy.sign_in.sign_in_log`."""

from __future__ import annotations

from aiohttp import web

from config.factors import Factor
from directory.principal import Principal
from proxy.portal.keys import PARTS, VISIT
from proxy.sessions.session import Session


def log_stop(request: web.Request, principal: Principal, reason: str) -> None:
    request.app[PARTS].sign_in_log.stopped(request[VISIT].client, principal, reason)


def log_signed_in(request: web.Request, session: Session) -> None:
    request.app[PARTS].sign_in_log.succeeded(request[VISIT].client, session)


def log_stepped_up(request: web.Request, session: Session, factor: Factor) -> None:
    request.app[PARTS].sign_in_log.stepped_up(request[VISIT].client, session, factor)


def log_step_up_begun(request: web.Request, session: Session, *, asked: str, factor: Factor) -> None:
    request.app[PARTS].sign_in_log.step_up_begun(request[VISIT].client, session, asked=asked, factor=factor)


def log_passcode_refused(request: web.Request, session: Session, reason: str) -> None:
    request.app[PARTS].sign_in_log.passcode_refused(request[VISIT].client, session.principal, reason)


def log_signed_out(request: web.Request, session: Session) -> None:
    request.app[PARTS].sign_in_log.signed_out(request[VISIT].client, session.principal)


def log_ended_by_person(request: web.Request, session: Session, *, count: int) -> None:
    request.app[PARTS].sign_in_log.ended_by_person(request[VISIT].client, session.principal, count=count)
