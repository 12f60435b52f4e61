"""Where the page that answers a request can be asked for again."""

from __future__ import annotations

from aiohttp import web

from proxy.http.reserved import KEEP

FORM = "form"
"""Query field of the sign-in page."""


def address_of(request: web.Request) -> str:
    """Path and query: our forms are posted to the address that they are shown at. Empty: there is no such page.

    A button that is none of a sign-in may be posted to an address of its own, below the page's.
    """
    target = request.raw_path
    if not _is_page(request):
        target = target.partition("?")[0].rpartition("/")[0]
    if request.path == KEEP or not target.startswith("/"):
        return ""
    if request.method not in ("GET", "HEAD"):
        # Another address than the page's own: with a fragment, a link to that one would load nothing.
        target += ("&" if "?" in target else "?") + f"{FORM}=1"
    return target


def _is_page(request: web.Request) -> bool:
    """Whether a browser may ask for this address by GET; also True for an unknown address."""
    if request.method in ("GET", "HEAD"):
        return True
    resource = request.match_info.route.resource
    routes = request.app.router.routes()
    return resource is None or any(
        route.method == "GET" and route.resource is not None and route.resource.canonical == resource.canonical
        for route in routes
    )
