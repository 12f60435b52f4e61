"""What a page that is held open may know of its session and do with it: the address, the script that asks it, and the
page at which a sign-in in a window of its own ends.

All three stand on each host. The answers are for that host's own pages: no other page reads one, frames one or makes a
use of a session with one.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
from base64 import urlsafe_b64encode
from http import HTTPStatus

from aiohttp import web

from directory.principal import Principal
from proxy.http.fetch_metadata import is_from_here
from proxy.http.problem import Problem
from proxy.http.reserved import SIGNED_IN
from proxy.pages.session_script import session_script
from proxy.portal.app_keys import KEYS, SESSIONS, SETTINGS, VISIT, current_session
from proxy.portal.forms import refused
from proxy.portal.landing import sign_in_path
from proxy.portal.pages import page, redirect, set_browser_cookie
from proxy.portal.return_to import WayBack, app_origin, host_origin
from proxy.portal.tickets import start_digest
from proxy.secrets.keys import Keys, Purpose
from proxy.sessions.session import Level

WARN_SECONDS = 120.0
"""How long before the end a page says so. WCAG 2.2, criterion 2.2.1, asks for 20 seconds at least."""
EXTENDS = ("X-Requested-With", "session.js")
"""The field of a request that is to count as a use: no form can send it, nor another origin's script without asking."""
_SURE_SECONDS = WARN_SECONDS + 60
_SCRIPT_SECONDS = 300
_PERSON_BYTES = 16
_OWN = {"X-Content-Type-Options": "nosniff", "Cross-Origin-Resource-Policy": "same-origin"}


async def show_session(request: web.Request) -> web.StreamResponse:
    """Whether somebody is signed in on this host, who (as an opaque id) and for how long. Asking is no use."""
    _refuse_other_pages(request)
    return await _ends_of_session(request)


async def extend_session(request: web.Request) -> web.StreamResponse:
    """A use of the session, for a person who is still there. Its end however it is used stays where it is."""
    _refuse_other_pages(request)
    name, value = EXTENDS
    if request.headers.get(name) != value or not _is_of_own_script(request):
        raise refused(Problem.BAD_FORM)
    await current_session(request)
    return await _ends_of_session(request)


async def show_session_script(request: web.Request) -> web.StreamResponse:
    """In the person's language; asked for again after a short time, because it belongs to this version."""
    body = session_script()
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = _OWN | {
        "ETag": etag,
        "Cache-Control": f"private, max-age={_SCRIPT_SECONDS}",
        "Vary": "Accept-Encoding, Accept-Language, Cookie",
    }
    if request.headers.get("If-None-Match") == etag:
        return web.Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Type"] = "text/javascript; charset=utf-8"
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        body, headers["Content-Encoding"] = gzip.compress(body, mtime=0), "gzip"
    return web.Response(body=body, headers=headers)


async def show_signed_in(request: web.Request) -> web.StreamResponse:
    """The end of a sign-in in a window of its own; its beginning where nobody is signed in here yet."""
    visit, public = request[VISIT], request.app[SETTINGS].server.public_url
    session = await current_session(request)
    if session is not None and session.level is Level.SIGNED_IN:
        return page(request, "signed_in.html")
    if visit.app is None:
        return redirect(sign_in_path(WayBack(return_to=SIGNED_IN)))
    return_to = app_origin(visit.app, public) + SIGNED_IN
    back = WayBack(return_to=return_to, start=start_digest(visit.browser), app=visit.app)
    response = redirect(public.origin + sign_in_path(back))
    # The app's page that opened the window loses its hold on it here: both are of one origin.
    response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if visit.browser_is_new:
        set_browser_cookie(request, response)
    return response


def person_on_host(keys: Keys, principal: Principal, host: str) -> str:
    """What the pages of one host may call a person: 22 characters that say nothing elsewhere.

    It stays the same when the master key is replaced, or a page that is open then would take its person for another.
    """
    parts = ("person on a host", host, principal.realm, principal.guid)
    digest = hmac.digest(keys.derive(Purpose.THROTTLE), "\0".join(parts).encode(), "sha256")
    return urlsafe_b64encode(digest[:_PERSON_BYTES]).rstrip(b"=").decode()


async def _ends_of_session(request: web.Request) -> web.Response:
    visit, sessions = request[VISIT], request.app[SESSIONS]
    token = (visit.session_token or "").encode()
    ends = await sessions.look_at(token, visit.host, visit.now, sure_for=_SURE_SECONDS)
    told: dict[str, object] = {"signed_in": False}
    if ends is not None and ends.session.level is Level.SIGNED_IN:
        idle_seconds = ends.session.idle_by(request.app[SETTINGS].sessions)
        told = {
            "signed_in": True,
            "person": person_on_host(request.app[KEYS], ends.session.principal, visit.host),
            "idle_in": int(ends.idle_at - visit.now),
            "ends_in": int(ends.ends_at - visit.now),
            "warn": int(min(WARN_SECONDS, idle_seconds / 2)),
        }
    return web.json_response(told, headers=_OWN | {"Cache-Control": "no-store"})


def _refuse_other_pages(request: web.Request) -> None:
    """Another host's page, of the same site too, cannot read an answer; nor is one made for it. Raises `Refused`."""
    if not is_from_here(request.headers.get("Sec-Fetch-Site")):
        raise refused(Problem.NOT_FROM_HERE)


def _is_of_own_script(request: web.Request) -> bool:
    """Said by the browser, in a field that no script can set; an old one says it in `Origin` alone."""
    if request.headers.get("Sec-Fetch-Site") == "same-origin":
        return True
    public, app = request.app[SETTINGS].server.public_url, request[VISIT].app
    return request.headers.get("Origin") == host_origin(app, public)
