"""Which language a page is in, and the link by which a person chooses another one.

The choice is a GET: it harms nobody, and a link leads back to the same page, which a form could not say in an address.
Another site's link or picture chooses nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from proxy.http.fetch_metadata import is_from_here
from proxy.http.reserved import language_cookie
from proxy.languages.current import in_language
from proxy.portal.app_keys import LANGUAGES, SETTINGS, VISIT
from proxy.portal.pages import redirect, set_language_cookie
from proxy.portal.return_to import host_origin
from proxy.sessions.cookies import read_cookie


@web.middleware
async def say_in_their_language(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Around everything, errors too."""
    public = request.app[SETTINGS].server.public_url
    cookies = [value.encode(errors="replace") for value in request.headers.getall("Cookie", [])]
    chosen = read_cookie(cookies, language_cookie(public.scheme).encode("ascii")) or b""
    accepted = ",".join(request.headers.getall("Accept-Language", []))
    with in_language(request.app[LANGUAGES].asked_for(accepted, chosen.decode("latin-1"))):
        return await handler(request)


async def choose_language(request: web.Request) -> web.StreamResponse:
    """Remember it on this host, and go back to the address in the query, which is one of this host whatever it says."""
    language = request.app[LANGUAGES].tagged(request.match_info["tag"])
    if language is None:
        raise web.HTTPNotFound
    public, app = request.app[SETTINGS].server.public_url, request[VISIT].app
    origin = host_origin(app, public)
    target = request.raw_path.partition("?")[2]
    response = redirect(origin + (target if target.startswith("/") and target.isascii() else "/"))
    # The sign-in page takes a visit from itself without a cookie for one whose cookies are blocked.
    response.headers["Referrer-Policy"] = "no-referrer"
    if is_from_here(request.headers.get("Sec-Fetch-Site")):
        set_language_cookie(request, response, language.tag)
    return response
