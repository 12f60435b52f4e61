"""Signing out: one button on the sign-in host, and the session ends for every app at once."""

from __future__ import annotations

from aiohttp import web

from proxy.http.reserved import SIGN_IN, SIGN_OUT
from proxy.languages.current import gettext as _
from proxy.portal.app_keys import SIGN_IN_LOG, STORE, VISIT, current_session
from proxy.portal.csrf import Form
from proxy.portal.forms import read_form, require_csrf_token
from proxy.portal.landing import START_PAGE, sign_in_path
from proxy.portal.pages import OneButton, clear_session_cookie, form_token, message, redirect
from proxy.portal.shared_computers import AGAIN
from proxy.secrets.tokens import token_digest
from proxy.sessions.session import Level


async def show_sign_out(request: web.Request) -> web.StreamResponse:
    session = await current_session(request)
    if session is None:
        return await _signed_out_before(request)
    return message(
        request,
        200,
        _("Sign out?"),
        _(
            "You are signed in as %(name)s. Signing out ends your session in every app.",
            name=session.principal.display_name,
        ),
        form=OneButton(
            action=SIGN_OUT,
            fields=(("csrf_token", form_token(request, Form.SIGN_OUT, session.session_id)),),
            button=_("Sign out"),
        ),
        link=(
            START_PAGE if session.level is Level.SIGNED_IN else SIGN_IN,
            _("Stay signed in") if session.level is Level.SIGNED_IN else _("Start again"),
        ),
    )


async def take_sign_out(request: web.Request) -> web.StreamResponse:
    """End the session. Where there is none, nothing changes and the page is the same."""
    fields = await read_form(request)
    session = await current_session(request)
    if session is None:
        return await _signed_out_before(request)
    fields = {"csrf_token": fields.get(AGAIN, ""), **fields}
    require_csrf_token(request, fields, Form.SIGN_OUT, session.session_id)
    await request.app[STORE].sessions.end_session(session.session_id)
    request.app[SIGN_IN_LOG].signed_out(request[VISIT].client, session.principal)
    if AGAIN in fields:
        # Where the person before wanted to go is none of the next one's business.
        response = redirect(sign_in_path(form=True))
        clear_session_cookie(request, response)
        return response
    return signed_out(request)


async def _signed_out_before(request: web.Request) -> web.Response:
    """Nobody who has had a session is told that it ended in every app before every worker has heard of it.

    They may have signed out a moment ago, and had no answer because the store or a worker died.
    """
    store, visit = request.app[STORE], request[VISIT]
    if visit.session_token is not None:
        cookie = token_digest(visit.session_token)
        if await store.sessions.former_owner(cookie, visit.host, now=visit.now) is not None:
            await store.sessions.ends_heard()
    return signed_out(request)


def signed_out(request: web.Request) -> web.Response:
    """What is left to say, and the cookie gone."""
    response = message(
        request,
        200,
        _("You are signed out"),
        _("Your session has ended in every app."),
        link=(sign_in_path(form=True), _("Sign in again")),
    )
    clear_session_cookie(request, response)
    return response
