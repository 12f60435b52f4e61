"""Where a person may be sent after signing in: a URL of a configured app, judged as it was parsed, or nowhere.

Only plain URLs pass: what two parsers could read differently is refused, and the start page is shown instead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from config.addresses import PublicURL
from config.settings import AppSettings
from proxy.http.reserved import KEPT, KEPT_QUERY, MAX_RETURN_TARGET_BYTES, PREFIX, SIGNED_IN

_MAX_LENGTH = MAX_RETURN_TARGET_BYTES + 300
"""With scheme, host and port."""
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9-]+(?:\.[a-z0-9-]+)*)(?::(?P<port>[1-9][0-9]{0,4}))?(?P<rest>(?:[/?].*)?)",
    re.ASCII | re.IGNORECASE,
)
_PLAIN = re.compile(r"[!-~]*", re.ASCII)
_ENCODED_CONTROL = re.compile(r"%(?:[01][0-9a-f]|7f)", re.ASCII | re.IGNORECASE)
_LEADING_SLASHES = re.compile(r"/(?:/|%2f|%5c)", re.ASCII | re.IGNORECASE)
_START = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_KEPT = re.compile(re.escape(f"{KEPT}?{KEPT_QUERY}=") + "[A-Za-z0-9_-]{43}", re.ASCII)
"""Beside `SIGNED_IN` the one page of Gatepost's own on an app's host that a sign-in may lead to."""
_DEFAULT_PORT = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A page of an app that a person asked for."""

    app: AppSettings
    url: str = field(repr=False)
    """Absolute, with the configured spelling of its origin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WayBack:
    """Where a sign-in leads, already judged: what forms and challenges carry along. Empty: to the start page."""

    return_to: str = field(default="", repr=False)
    """An app page's URL, or the path of a page on the sign-in host."""
    start: str = field(default="", repr=False)
    """The digest of the browser cookie on the app's host; empty if there is none to bind a ticket to."""
    app: AppSettings | None = None

    @property
    def leads_to_kept_form(self) -> bool:
        """Whether its person waits to be asked about a form that was kept."""
        return f"{KEPT}?{KEPT_QUERY}=" in self.return_to


NOWHERE = WayBack()


def app_origin(app: AppSettings, public: PublicURL) -> str:
    """Under which origin browsers reach an app: its own host, the scheme and port of the sign-in pages."""
    return f"{public.scheme}://{public.authority(app.host)}"


def host_origin(app: AppSettings | None, public: PublicURL) -> str:
    """That of the host which a request came to: an app's; None: the sign-in host's."""
    return public.origin if app is None else app_origin(app, public)


def judge_return_to(text: str, *, public: PublicURL, apps: Iterable[AppSettings]) -> Target | None:
    """The app page that `text` is the URL of; None for anything that is not exactly that.

    Exact are scheme, host and port. Refused as well: user information, a trailing dot, backslashes, blanks and
    control characters, encoded ones too, fragments, anything but ASCII, dot segments and leading double slashes
    (encoded ones too), Gatepost's own paths (but for a kept form's and `SIGNED_IN`), a target of more than
    `MAX_RETURN_TARGET_BYTES`.
    """
    if len(text) > _MAX_LENGTH or not _PLAIN.fullmatch(text) or "\\" in text or "#" in text:
        return None
    match = _URL.fullmatch(text)
    if match is None or _ENCODED_CONTROL.search(text):
        return None
    scheme, host = match["scheme"].lower(), match["host"].lower()
    port = int(match["port"]) if match["port"] else _DEFAULT_PORT[scheme]
    if (scheme, port) != (public.scheme, public.port):
        return None
    app = next((each for each in apps if each.host == host), None)
    rest = match["rest"]
    if app is None or len(rest) > MAX_RETURN_TARGET_BYTES:
        return None
    if not (rest == SIGNED_IN or _KEPT.fullmatch(rest) or _is_plain_path(rest.partition("?")[0])):
        return None
    return Target(app=app, url=app_origin(app, public) + (rest if rest.startswith("/") else "/" + rest))


def judge_start(text: str) -> str:
    """The digest that binds a ticket to a browser, or an empty string for anything that cannot be one."""
    return text if _START.fullmatch(text) else ""


def judge_way_back(
    return_to: str,
    start: str,
    *,
    public: PublicURL,
    apps: Iterable[AppSettings],
    own_pages: Collection[str] = (),
) -> WayBack:
    """What a query, a form or a challenge says, as far as it may be followed.

    `own_pages` are paths on the sign-in host: one of these is meant only where it is written exactly so.
    """
    if return_to in own_pages:
        return WayBack(return_to=return_to)
    target = judge_return_to(return_to, public=public, apps=apps)
    if target is None:
        return NOWHERE
    return WayBack(return_to=target.url, start=judge_start(start), app=target.app)


def _is_plain_path(path: str) -> bool:
    if _LEADING_SLASHES.match(path):
        return False
    decoded = unquote_to_bytes(path)
    if decoded.startswith(PREFIX.encode()) or decoded == PREFIX.encode().rstrip(b"/"):
        return False
    return not any(segment.partition(b";")[0] in (b".", b"..") for segment in re.split(rb"[/\\]", decoded))
