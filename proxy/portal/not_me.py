"""The page behind the link in a mail about a new browser. It only shows a button: mail scanners follow links."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from proxy.http.reserved import ME, NOT_ME
from proxy.languages.current import gettext as _
from proxy.portal.app_keys import CLOCK, NOT_ME_STEP, VISIT
from proxy.portal.forms import read_form
from proxy.portal.landing import sign_in_path
from proxy.portal.number_notice import TOKEN
from proxy.portal.pages import OneButton, clear_session_cookie, message


async def show_not_me(request: web.Request) -> web.StreamResponse:
    """It changes nothing, however often it is asked for."""
    token = request.query.get(TOKEN, "")
    if not await request.app[NOT_ME_STEP].is_open(token, now=request[VISIT].now):
        return _over(request)
    return message(
        request,
        HTTPStatus.OK,
        _("Was that not you?"),
        _(
            "Did somebody else sign in as you? The button signs you out everywhere, forgets the browsers "
            "that were remembered for you, removes your app passwords, and tells the help desk."
        ),
        form=OneButton(action=NOT_ME, fields=((TOKEN, token),), button=_("That was not me")),
        link=(ME, _("Where you are signed in")),
    )


async def take_not_me(request: web.Request) -> web.StreamResponse:
    """The button was pressed. Nobody who does not have the mail can make a browser send this form: it needs no other
    token."""
    fields = await read_form(request)
    now = request.app[CLOCK]()
    if not await request.app[NOT_ME_STEP].take(request[VISIT].client, fields.get(TOKEN, ""), now=now):
        return _over(request)
    response = message(
        request,
        HTTPStatus.OK,
        _("You are signed out everywhere"),
        _(
            "The help desk has been told. Somebody may have your password: sign in and change it now, or ask "
            "the help desk to do it."
        ),
        link=(sign_in_path(form=True), _("Sign in again")),
    )
    clear_session_cookie(request, response)
    return response


def _over(request: web.Request) -> web.Response:
    return message(
        request,
        HTTPStatus.GONE,
        _("This link does nothing any more"),
        _(
            "It works once, for two days. If somebody else may have signed in as you, sign out everywhere on "
            "the page “Where you are signed in”, and call the help desk."
        ),
        link=(ME, _("Where you are signed in")),
    )
