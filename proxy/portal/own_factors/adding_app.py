"""Setting up an authenticator app: its key as a picture and as text, and a first code that proves that it is there.

Nothing is kept before that: the key is in the form, sealed, for this session alone.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import web
from markupsafe import Markup

from config.factors import Factor
from proxy.factors.enrolment import seal_enrolment
from proxy.factors.totp.totp import (
    grouped,
    lookup_of,
    new_secret,
    provisioning_uri,
    qr_svg,
    steps_of,
    typed_code,
)
from proxy.languages.current import gettext as _
from proxy.portal.app_keys import CLOCK, KEYS, SETTINGS, SIGN_IN_LOG, VISIT
from proxy.portal.own_factors.factor_pages import ADDED, ENROLLING, TOO_MANY, clean_name, no_more, own_page, told
from proxy.secrets.keys import Purpose
from proxy.secrets.sealing import seal_bytes, unseal_by_any
from proxy.sessions.session import Session
from proxy.sign_in.enrolling import Added


async def show_adding_app(request: web.Request, session: Session) -> web.StreamResponse:
    return _form(request, session, new_secret())


async def take_app(request: web.Request, session: Session, fields: Mapping[str, str]) -> web.StreamResponse:
    keys, enrolling, principal = request.app[KEYS], request.app[ENROLLING], session.principal
    now = request.app[CLOCK]()  # once all of its form has come in
    secret = _unseal(request, session, fields.get("sealed", ""))
    if secret is None:
        return _form(
            request,
            session,
            new_secret(),
            error=_(
                "This page was open too long. Scan the new picture: remove the entry that you may have made before."
            ),
            status=HTTPStatus.GONE,
        )
    code = typed_code(fields.get("passcode", ""))
    steps = steps_of(secret, code, now=now) if code is not None else ()
    if not steps:
        name = fields.get("name", "")
        return _form(
            request,
            session,
            secret,
            name=name,
            error=_("That code is not right. Check that the time on your phone is right, then enter the next code."),
            status=HTTPStatus.UNPROCESSABLE_ENTITY,
        )
    if not await enrolling.reserve(principal, now=now):
        return no_more(request)
    name = clean_name(fields.get("name", ""), _("Authenticator app"))
    # The code that was just typed does not sign in as well.
    added = seal_enrolment(
        keys, principal, Factor.TOTP, secret, name=name, counter=steps[0], lookup=lookup_of(secret), now=now
    )
    match await enrolling.add(principal, added, incident=request[VISIT].incident):
        case Added.FULL:
            return told(TOO_MANY)
        case Added.TAKEN:
            return told(ADDED)  # the form was sent twice
    request.app[SIGN_IN_LOG].factor_changed(request[VISIT].client, principal, "factor.added", Factor.TOTP)
    return told(ADDED)


def _form(
    request: web.Request, session: Session, secret: bytes, *, name: str = "", error: str = "", status: int = 200
) -> web.Response:
    host = request.app[SETTINGS].server.public_url.host
    uri = provisioning_uri(secret, issuer=f"Gatepost {host}", login=session.principal.username)
    return own_page(
        request,
        session,
        "factor_app.html",
        status=status,
        qr=Markup(qr_svg(uri)),  # noqa: S704  # a library's paths and numbers
        secret=grouped(secret),
        uri=uri,
        sealed=_seal(request, session, secret),
        name=name or _("Authenticator app"),
        error=error,
    )


def _seal(request: web.Request, session: Session, secret: bytes) -> str:
    key = request.app[KEYS].derive(Purpose.ENROLMENTS)
    return base64.urlsafe_b64encode(seal_bytes(key, secret, bound_to=_bound_to(session))).decode()


def _unseal(request: web.Request, session: Session, sealed: str) -> bytes | None:
    try:
        raw = base64.urlsafe_b64decode(sealed.encode())
    except (ValueError, binascii.Error):
        return None
    return unseal_by_any(request.app[KEYS].accepted(Purpose.ENROLMENTS), raw, bound_to=_bound_to(session))


def _bound_to(session: Session) -> bytes:
    return f"to be added\0{session.principal.guid}\0{session.session_id}".encode()
