"""Answers of the portal: pages, redirects, and the cookies that go with them."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from proxy.http.reserved import browser_cookie, language_cookie, remembered_cookie, session_cookie
from proxy.pages.amounts import duration
from proxy.pages.instants import instant_in
from proxy.pages.language_links import language_fields, language_links
from proxy.pages.onward import STEPS
from proxy.pages.template import protective_headers, render_page
from proxy.portal.addresses import address_of
from proxy.portal.app_keys import DEGRADE, KEYS, LANGUAGES, LOOK, NOTICE_BOARD, SETTINGS, VISIT
from proxy.portal.csrf import Form, csrf_token, form_stamp
from proxy.portal.return_to import app_origin
from proxy.portal.rungs_said import rungs_said
from proxy.secrets.keys import Purpose

_BROWSER_SECONDS = 400 * 86_400
"""The longest that browsers keep a cookie (RFC 6265bis section 5.5). A browser that already has its cookie when many
tabs are restored at once has one token for all of them."""


def page(
    request: web.Request,
    template: str,
    *,
    status: int = 200,
    form_targets: tuple[str, ...] | None = None,
    may_fetch: bool = False,
    may_be_framed: bool = False,
    has_frame: bool = False,
    holds_session: bool = False,
    shown_at: str = "",
    **values: object,
) -> web.Response:
    """A whole page; one that refuses shows its incident id. The browser cookie is set where there is none: its forms
    depend on it.

    `form_targets`: where the answers to its forms may redirect to, if not to the apps. `holds_session`: whether people
    may stay on it until their session ends; then it tells so before. `shown_at`: path and query at which it says the
    same on a GET, if not at its own.
    """
    settings, visit = request.app[SETTINGS], request[VISIT]
    public = settings.server.public_url
    targets = form_targets or tuple(dict.fromkeys(app_origin(app, public) for app in settings.apps))
    own = {
        "incident": visit.incident if status >= 400 else "",
        "operator_notice": request.app[NOTICE_BOARD].text(visit.now),
        "rungs": rungs_said(request.app[DEGRADE].known(visit.now), visit.now),
        "holds_session": holds_session,
    }
    may_fetch = may_fetch or holds_session
    response = web.Response(
        body=render_page(
            template,
            {**own, **values},
            look=request.app[LOOK],
            links=language_links(request.app[LANGUAGES], shown_at or address_of(request)),
        ),
        status=status,
        headers=[
            *protective_headers(
                form_targets=targets, may_fetch=may_fetch, may_be_framed=may_be_framed, has_frame=has_frame
            ),
            *language_fields(request.app[LANGUAGES]),
            ("Content-Type", "text/html; charset=utf-8"),
        ],
    )
    if visit.browser_is_new:
        set_browser_cookie(request, response)
    return response


@dataclass(frozen=True, slots=True, kw_only=True)
class OneButton:
    """A form that is a button: where it goes and what it carries."""

    action: str = ""
    """Empty: to the page's own address, as the forms of a sign-in go (`proxy.portal.app`)."""
    fields: tuple[tuple[str, str], ...]
    button: str


def message(
    request: web.Request,
    status: int,
    title: str,
    text: str,
    *,
    link: tuple[str, str],
    detail: str = "",
    wait_seconds: int | None = None,
    form: OneButton | None = None,
    opens_tab: bool = False,
    may_be_framed: bool = False,
) -> web.Response:
    """A page that says one thing and offers one link (where to, and its text) and at most one form.

    `wait_seconds`: after how long it makes sense to try again. `opens_tab`: whether the link leaves this tab as it is.
    """
    href, link_text = link
    return page(
        request,
        "message.html",
        status=status,
        title=title,
        message=text,
        detail=detail,
        wait="" if wait_seconds is None else duration(wait_seconds),
        again_at=None if wait_seconds is None else instant_in(wait_seconds, request[VISIT].now),
        bad=status >= 400,
        form=form,
        link_href=href,
        link_text=link_text,
        opens_tab=opens_tab,
        is_step=request.path in STEPS,
        may_be_framed=may_be_framed,
    )


def redirect(location: str) -> web.Response:
    """303 See Other (RFC 9110 section 15.4.4) to exactly `location`, which is ASCII and already judged."""
    return web.Response(
        status=303,
        headers={"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "same-origin"},
    )


def form_token(request: web.Request, form: Form, session_id: str = "") -> str:
    """The hidden `csrf_token` of a form on the page that answers this request."""
    key = request.app[KEYS].derive(Purpose.CSRF)
    return csrf_token(key, form=form, browser=request[VISIT].browser, session_id=session_id)


def stamp_of(request: web.Request, token: str) -> str:
    """The hidden `stamp` beside this token."""
    return form_stamp(request.app[KEYS].derive(Purpose.CSRF), token=token, now=request[VISIT].now)


def set_session_cookie(request: web.Request, response: web.Response, token: str) -> None:
    _set_cookie(request, response, session_cookie(_scheme(request)), token, max_age=None)


def set_browser_cookie(request: web.Request, response: web.Response) -> None:
    _set_cookie(request, response, browser_cookie(_scheme(request)), request[VISIT].browser, max_age=_BROWSER_SECONDS)


def set_remembered_cookie(request: web.Request, response: web.Response, value: str, seconds: float) -> None:
    """An empty value and 0 seconds: there is nothing to remember any more."""
    _set_cookie(request, response, remembered_cookie(_scheme(request)), value, max_age=int(seconds))


def set_language_cookie(request: web.Request, response: web.Response, tag: str) -> None:
    _set_cookie(request, response, language_cookie(_scheme(request)), tag, max_age=_BROWSER_SECONDS)


def clear_session_cookie(request: web.Request, response: web.Response) -> None:
    _set_cookie(request, response, session_cookie(_scheme(request)), "", max_age=0)


def _set_cookie(request: web.Request, response: web.Response, name: str, value: str, *, max_age: int | None) -> None:
    response.set_cookie(
        name, value, max_age=max_age, path="/", secure=_scheme(request) == "https", httponly=True, samesite="Lax"
    )


def _scheme(request: web.Request) -> str:
    return request.app[SETTINGS].server.public_url.scheme
