"""The audit lines of the admin pages: who did what, and to whom. No typed names, no numbers."""

from __future__ import annotations

from aiohttp import web

from directory.principal import Account
from proxy.portal.app_keys import LOG, VISIT
from proxy.sessions.session import Session


def log_turned_away(request: web.Request, session: Session | None, reason: str) -> None:
    if session is not None:
        _log(request, session, "admin.refused", reason=reason)


def log_explained(request: web.Request, admin: Session, account: Account | None, *, verdict: bool) -> None:
    """A name that no directory knows belongs to nobody, and is not recorded."""
    if account is None:
        _log(request, admin, "admin.explained", found=False)
    else:
        _log(
            request,
            admin,
            "admin.explained",
            found=True,
            person_realm=account.realm,
            person_guid=account.guid,
            can_sign_in=verdict,
        )


def log_ended(request: web.Request, admin: Session, realm: str, guid: str, *, count: int) -> None:
    """`guid` is empty where sessions were found by the name that they keep, and there were none."""
    _log(request, admin, "admin.sessions_ended", person_realm=realm, person_guid=guid, sessions=count)


def log_unlocked(
    request: web.Request, admin: Session, realm: str, guid: str, *, with_passwords: bool, with_address: bool
) -> None:
    """`with_passwords`: wrong ones were cleared, too; `with_address`: so was what is counted for everybody there."""
    _log(
        request,
        admin,
        "admin.unlocked",
        person_realm=realm,
        person_guid=guid,
        wrong_ones_too=with_passwords,
        address_too=with_address,
    )


def log_confirmed(request: web.Request, admin: Session, realm: str, guid: str, *, masked: str) -> None:
    """A number that was held back because it changed was confirmed; `masked` shows its last digits."""
    _log(request, admin, "admin.number_confirmed", person_realm=realm, person_guid=guid, destination=masked)


def log_undelivered_shown(request: web.Request, admin: Session, *, count: int) -> None:
    _log(request, admin, "admin.undelivered_shown", failures=count)


def log_report(request: web.Request, admin: Session, done: str) -> None:
    """`done`: asked_for, shown, downloaded."""
    _log(request, admin, "admin.mobiles", done=done)


def _log(request: web.Request, admin: Session, event: str, **facts: str | int) -> None:
    visit = request[VISIT]
    request.app[LOG].info(
        event,
        incident=visit.incident,
        realm=admin.principal.realm,
        guid=admin.principal.guid,
        client_address=visit.client_address,
        **facts,
    )
