"""The page behind the link in a mail about a new browser. It only shows a button: mail scanners follow links."""

from __future__ import annotations

from http import HTTPStatus

from aiohttp import web

from proxy.http.reserved import ME, NOT_ME
from proxy.pages.texts import ENGLISH
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
        ENGLISH.not_me_title,
        ENGLISH.not_me_text,
        form=OneButton(action=NOT_ME, fields=((TOKEN, token),), button=ENGLISH.not_me_button),
        link=(ME, ENGLISH.me_title),
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
        ENGLISH.not_me_done_title,
        ENGLISH.not_me_done,
        link=(sign_in_path(form=True), ENGLISH.signed_out_again),
    )
    clear_session_cookie(request, response)
    return response


def _over(request: web.Request) -> web.Response:
    return message(
        request, HTTPStatus.GONE, ENGLISH.not_me_over_title, ENGLISH.not_me_over, link=(ME, ENGLISH.me_title)
    )
