"""From the fields that the forwarding plane adds, and the browser's cookies, to the facts of one request."""

from __future__ import annotations

import re
from collections.abc import Sequence

from multidict import CIMultiDictProxy

from config.settings import Settings
from proxy.http.internal_headers import CLIENT_ADDRESS, CLIENT_HOST, INCIDENT
from proxy.http.reserved import browser_cookie, session_cookie
from proxy.portal.app_keys import Visit
from proxy.secrets.tokens import new_token
from proxy.sessions.cookies import read_token

_INCIDENT = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_USER_AGENT_LENGTH = 256


class NotFromThePlane(Exception):
    """A request without the plane's own fields: nothing in it can be trusted, so it gets no answer."""


class UnknownHost(Exception):
    """Neither the sign-in host nor an app's."""


def read_visit(headers: CIMultiDictProxy[str], settings: Settings, now: float) -> Visit:
    """Raises `NotFromThePlane` and `UnknownHost`."""
    address, host, incident = (_single(headers, name) for name in (CLIENT_ADDRESS, CLIENT_HOST, INCIDENT))
    if not _INCIDENT.fullmatch(incident):
        raise NotFromThePlane
    public = settings.server.public_url
    app = next((each for each in settings.apps if each.host == host), None)
    if host != public.host and app is None:
        raise UnknownHost
    cookies = [value.encode(errors="replace") for value in headers.getall("Cookie", [])]
    browser = _token(cookies, browser_cookie(public.scheme))
    return Visit(
        now=now,
        client_address=address,
        host=host,
        app=None if host == public.host else app,
        incident=incident,
        accepted_languages=headers.get("Accept-Language", ""),
        user_agent=headers.get("User-Agent", "")[:_USER_AGENT_LENGTH].encode("ascii", "replace").decode(),
        browser=browser or new_token(),
        browser_is_new=browser is None,
        session_token=_token(cookies, session_cookie(public.scheme)),
    )


def _single(headers: CIMultiDictProxy[str], name: str) -> str:
    values = headers.getall(name, [])
    if len(values) != 1 or not values[0]:
        raise NotFromThePlane
    return values[0]


def _token(cookies: Sequence[bytes], name: str) -> str | None:
    token = read_token(cookies, name.encode())
    return None if token is None else token.decode()
