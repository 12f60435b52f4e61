"""Gatepost's own answers: what went wrong, whose fault it is and what to do, as a page or as JSON.

Every answer carries the incident id that the log has too. The words stand in `proxy/pages/problem_texts.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlencode

from proxy.http.problem import Problem
from proxy.http.reserved import SCHEME, SIGN_IN, STEP_UP
from proxy.languages.choice import ENGLISH_ALONE, Languages
from proxy.languages.current import gettext as _
from proxy.pages.amounts import duration
from proxy.pages.instants import instant_in
from proxy.pages.language_links import language_fields, language_links
from proxy.pages.look import OWN_LOOK, HouseLook
from proxy.pages.problem_texts import problem_words
from proxy.pages.template import protective_headers, render_page

_STATUS: Mapping[Problem, int] = MappingProxyType(
    {
        Problem.MALFORMED_REQUEST: 400,
        Problem.AMBIGUOUS_REQUEST: 400,
        Problem.NOT_SIGNED_IN: 401,
        Problem.SIGNED_OUT: 401,
        Problem.NOT_ALLOWED: 403,
        Problem.TOO_FEW_FACTORS: 403,
        Problem.NOT_FROM_HERE: 403,
        Problem.BAD_FORM: 403,
        Problem.NOT_FOUND: 404,
        Problem.METHOD_NOT_ALLOWED: 405,
        Problem.REQUEST_TIMEOUT: 408,
        Problem.KEPT_FORM_GONE: 410,
        Problem.BODY_TOO_LARGE: 413,
        Problem.TARGET_TOO_LONG: 414,
        Problem.UNKNOWN_HOST: 421,
        Problem.THROTTLED: 429,
        Problem.HEAD_TOO_LARGE: 431,
        Problem.INTERNAL: 500,
        Problem.NOT_IMPLEMENTED: 501,
        Problem.UPSTREAM_UNREACHABLE: 502,
        Problem.UPSTREAM_BROKEN: 502,
        Problem.DIRECTORY_UNAVAILABLE: 503,
        Problem.STORE_UNAVAILABLE: 503,
        Problem.SIGN_IN_UNAVAILABLE: 503,
        Problem.OVERLOADED: 503,
        Problem.UPSTREAM_SILENT: 504,
        Problem.VERSION_NOT_SUPPORTED: 505,
    }
)
OWN_CHALLENGE = b'Gatepost realm="sign-in"'
"""Of a 401 (RFC 9110 section 11.6.1): by it `session.js` tells Gatepost's answers from an app's own."""
_RETRY_AFTER_SECONDS: Mapping[int, int] = MappingProxyType({429: 60, 503: 5})
"""What a 429 or 503 says where the answer itself does not know better."""
_PAGE_WAIT_SECONDS: Mapping[int, int] = MappingProxyType({**_RETRY_AFTER_SECONDS, 502: 30, 504: 30})
"""When a page suggests to try again. Clients without a page are told so only where the status has a field for it."""
_AGAIN = frozenset({429, 500, 502, 503, 504})
"""Where the same address may have an answer later."""
_LINKED = frozenset({400, 401, 403, 404, 405, 410, 421})
"""Where the start page is a way out. It is none from an app that is down, and useless while Gatepost itself is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    problem: Problem
    detail: str = ""
    """One sentence more for this case (which group is asked for); plain text, escaped when rendered."""
    app: str = ""
    scheme: str = ""
    """The scheme whose factors are yet to be proven."""
    retry_after_seconds: int | None = None
    challenges: tuple[str, ...] = ()
    """Of a 401 (RFC 9110 section 11.6.1); empty: one that browsers pass over."""
    again_href: str = field(default="", repr=False)
    """The absolute URL that was asked for, where it may be asked for again: with GET."""
    tab_href: str = field(default="", repr=False)
    """Where to sign in without leaving this tab, whose form still holds what was sent."""
    window_href: str = field(default="", repr=False)
    """Where a script may have its person sign in, in a window of its own: for JSON."""
    incident: str = field(default="")

    @property
    def status(self) -> int:
        """The HTTP status (RFC 9110 section 15; 421 and 431 by RFC 9110 and 6585)."""
        return status_of(self.problem)


def status_of(problem: Problem) -> int:
    return _STATUS[problem]


def wants_page(accept: bytes | None, fetch_mode: bytes | None, fetch_dest: bytes | None, method: bytes) -> bool:
    """Whether a person waits for this as a page: a GET or HEAD navigation (Sec-Fetch-Mode, else Accept: text/html)."""
    if method not in (b"GET", b"HEAD"):
        return False
    if fetch_mode is not None:
        # A prefetch or a script's fetch is answered as such, whatever it says that it accepts.
        return fetch_mode == b"navigate" and fetch_dest in (None, b"document", b"iframe", b"frame")
    return accept is not None and b"text/html" in accept.lower()


def render(
    answer: Answer,
    *,
    page: bool,
    sign_in_origin: str,
    now: float | None = None,
    look: HouseLook = OWN_LOOK,
    languages: Languages = ENGLISH_ALONE,
    target: str = "",
) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Header fields (content type, cache control, CSP, Retry-After and the like, no length) and body.

    `now`: epoch seconds, for the instant at which to try again; None: only how long that takes is said.
    The style sheet is loaded from the page's own host, except on an unknown one, which serves none: there it
    comes from `sign_in_origin`. The words are in the language in use, which is one of `languages`. `target`: as
    `language_links` has it.
    """
    words = problem_words(answer.problem.value)
    retry_after = answer.retry_after_seconds
    if retry_after is None:
        retry_after = _RETRY_AFTER_SECONDS.get(answer.status)
    asset_origin = sign_in_origin if answer.problem is Problem.UNKNOWN_HOST else ""
    headers = [*protective_headers(asset_origin=asset_origin), *language_fields(languages)]
    if retry_after is not None:
        headers.append(("Retry-After", str(retry_after)))
    if answer.status == 401:
        # RFC 9110 section 15.5.2 asks for a challenge; browsers pass over a scheme they do not know.
        headers += [("WWW-Authenticate", each) for each in answer.challenges or (OWN_CHALLENGE.decode("ascii"),)]
    if page:
        headers.append(("Content-Type", "text/html; charset=utf-8"))
        link_href, link_text = sign_in_origin + "/" if answer.status in _LINKED else "", _("Go to the start page")
        if answer.again_href and answer.status in _AGAIN:
            link_href, link_text = answer.again_href, _("Try again")
        if answer.scheme:
            link_href, link_text = step_up_url(answer.scheme, sign_in_origin), _("Continue")
        if answer.tab_href:
            link_href = answer.tab_href
            link_text = _("Continue in a new tab") if answer.scheme else _("Sign in in a new tab")
        wait = retry_after if retry_after is not None else _PAGE_WAIT_SECONDS.get(answer.status)
        body = render_page(
            "message.html",
            {
                "title": f"{answer.app}: {words.title}" if answer.app else words.title,
                "message": words.text,
                "detail": answer.detail,
                "wait": "" if wait is None else duration(wait),
                "again_at": None if wait is None or now is None else instant_in(wait, now),
                "bad": True,
                "form": None,
                "link_href": link_href,
                "link_text": link_text,
                "opens_tab": bool(answer.tab_href),
                "is_step": False,
                "incident": answer.incident,
            },
            look=look,
            links=() if asset_origin else language_links(languages, target),
            asset_origin=asset_origin,
        )
    else:
        headers.append(("Content-Type", "application/json"))
        content = {"error": answer.problem.value, "message": f"{words.text} {answer.detail}".strip()}
        if answer.problem is Problem.NOT_SIGNED_IN:
            content["sign_in"] = sign_in_origin + SIGN_IN
        if answer.window_href:
            content["sign_in_url"] = answer.window_href
        if answer.scheme:
            content |= {"scheme": answer.scheme, "step_up": step_up_url(answer.scheme, sign_in_origin)}
        if answer.incident:
            content["incident"] = answer.incident
        body = json.dumps(content, ensure_ascii=False).encode() + b"\n"
    return [(name.encode(), value.encode()) for name, value in headers], body


def step_up_url(scheme: str, sign_in_origin: str) -> str:
    """Where the rest of `scheme` is proven, with no way back."""
    return f"{sign_in_origin}{STEP_UP}?{urlencode({SCHEME: scheme})}"
