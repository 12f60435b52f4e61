"""Answers to clients that are not let through, and to proxies that ask: pure, from the judged request to a verdict.

A page load is redirected to the page where the missing proof can be given. Anything else is refused in words or JSON.
"""

from __future__ import annotations

import base64
from urllib.parse import quote

from config.addresses import PublicURL
from proxy.forwarding.authorize import SIGN_IN_FIELD
from proxy.forwarding.clients import challenges, lacks, says_how_it_fetches
from proxy.forwarding.context import Context
from proxy.forwarding.cookies import RequestCookies
from proxy.forwarding.cross_origin import answer_preflight
from proxy.forwarding.kept_forms import is_sent_from_page
from proxy.forwarding.verdict import JudgedRequest, RefuseRequest, Respond, Verdict
from proxy.http.problem import Problem
from proxy.http.request_head import RequestHead
from proxy.http.reserved import (
    CUT,
    MAX_RETURN_TARGET_BYTES,
    RETURN_TO,
    SCHEME,
    SIGN_IN,
    START,
    STEP_UP,
    browser_cookie,
)
from proxy.languages.current import Sentence
from proxy.pages import phrases
from proxy.pages.answers import OWN_CHALLENGE, step_up_url, wants_page
from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.session import Session

_IDENTITY = (
    b"Remote-User", b"Remote-Name", b"Remote-Email", b"Remote-Groups", b"Remote-Realm", b"X-Gatepost-Assertion",
)  # fmt: skip
_OTHER_FIELDS_BYTES = 4096
"""What a browser says besides when it follows a redirect: its cookies above all."""


def redirect_to_https(context: Context, head: RequestHead) -> Verdict:
    """The same request once more, over TLS: 308 (RFC 9110 section 15.4.9), so that its method stays. Only to our hosts.

    It is not cached: HSTS says how long https is required.
    """
    if head.fields.host not in context.routes:
        return RefuseRequest(problem=Problem.UNKNOWN_HOST, reason="host", ends=True)
    if not head.target.startswith(b"/"):
        return RefuseRequest(problem=Problem.MALFORMED_REQUEST, reason="nothing to redirect to", ends=True)
    authority = context.public_url.authority(head.fields.host.decode("ascii")).encode("ascii")
    location = b"Location: https://" + authority + head.target
    return Respond(status=308, lines=(location, b"Cache-Control: no-store"), ends=True)


def allow(identity_block: bytes, cookie: bytes) -> Respond:
    """Yes to another proxy that asked: who the person is, for it to copy, and the app's own cookies without Gatepost's.

    A field without a value is sent empty: copied, it takes the place of whatever the browser sent under that name.
    """
    told = {line.partition(b":")[0] for line in identity_block.split(b"\r\n")}
    lines = [identity_block] if identity_block else []
    lines += [name + b":" for name in _IDENTITY if name not in told]
    return Respond(status=200, lines=(*lines, b"Cookie: " + cookie, b"Cache-Control: no-store"))


def ask_to_sign_in(context: Context, request: JudgedRequest) -> Verdict:
    """Nobody is signed in."""
    if request.question is None and is_sent_from_page(request.head):
        return refuse_form(context, request)
    preflight = answer_preflight(request)
    if preflight is not None:
        return preflight
    if not _wants_page(request):
        return refuse(request, Problem.NOT_SIGNED_IN, "no session")
    return _send_to_portal(context, request)


def ask_to_step_up(context: Context, request: JudgedRequest, session: Session, scheme: str) -> Verdict:
    """Whose session has proven too little is sent to prove the rest of `scheme`, or told where that can be done."""
    if scheme and _wants_page(request):
        return _send_to_portal(context, request, scheme)
    if scheme and request.question is None and is_sent_from_page(request.head):
        return refuse_form(context, request, session, scheme)
    problem = Problem.TOO_FEW_FACTORS if scheme else Problem.NOT_ALLOWED
    return refuse(request, problem, "factors", detail=(lacks(scheme),), session=session, scheme=scheme)


def refuse_form(
    context: Context, request: JudgedRequest, session: Session | None = None, scheme: str = ""
) -> RefuseRequest:
    """A form from a page was not forwarded and is not kept: it is still in the person's browser.

    So they sign in, or prove the rest of `scheme`, in another tab, and then go back to the form in this one.
    """
    detail = (*((lacks(scheme),) if scheme else ()), Sentence(phrases.KEPT_NOT))
    problem = Problem.SIGNED_OUT if request.cookies.session_token else Problem.NOT_SIGNED_IN
    if scheme:
        problem = Problem.TOO_FEW_FACTORS
    href = _way_to_sign_in(context.public_url, request.head, request.cookies, scheme)
    reason = "factors" if scheme else "no session"
    return refuse(request, problem, reason, detail=detail, session=session, scheme=scheme, tab_href=href)


def refuse(
    request: JudgedRequest,
    problem: Problem,
    reason: str,
    *,
    detail: tuple[Sentence, ...] = (),
    session: Session | None = None,
    scheme: str = "",
    tab_href: str = "",
    ends: bool = False,
) -> RefuseRequest:
    """Refuse a request to an app, which is named then."""
    return RefuseRequest(
        problem=problem,
        reason=reason,
        app_name=request.route.upstream.name,
        detail=detail,
        session=session,
        scheme=scheme,
        tab_href=tab_href,
        question=request.question,
        ends=ends,
        challenges=_challenges(request),
    )


def _challenges(request: JudgedRequest) -> tuple[bytes, ...]:
    """Beside those for clients without a browser, a page's script finds the one that it knows Gatepost by."""
    if not request.route.takes_credentials:
        return ()
    others = challenges(request)
    return (*others, OWN_CHALLENGE) if others and says_how_it_fetches(request.head) else others


def _wants_page(request: JudgedRequest) -> bool:
    head = request.head
    return wants_page(head.fields.accept, head.fields.fetch_mode, head.fields.fetch_dest, request.asked.method)


def _send_to_portal(context: Context, request: JudgedRequest, scheme: str = "") -> Respond:
    """Redirect a page load, which is told the way back. No cache may keep it: the next answer may be the app's."""
    question, public_url, asked = request.question, context.public_url, request.asked
    token = request.cookies.browser_token or new_token().encode("ascii")
    location = sign_in_location(
        public_url=public_url,
        host=asked.host,
        target=asked.target,
        browser_token=token,
        scheme=scheme,
        most_bytes=max(0, context.max_head_bytes - _OTHER_FIELDS_BYTES),
    )
    is_redirect = question is None or question.passes_redirects
    # nginx turns a 401 into a redirect by itself: `docs/forward-auth.md` shows how.
    status, name = (302, b"Location") if is_redirect else (401, SIGN_IN_FIELD)
    lines = [name + b": " + location, b"Cache-Control: no-store"]
    if not request.cookies.browser_token:
        lines.append(b"Set-Cookie: " + browser_cookie_field(token, public_url.scheme))
    return Respond(status=status, lines=tuple(lines))


def _way_to_sign_in(public_url: PublicURL, head: RequestHead, cookies: RequestCookies, scheme: str) -> str:
    """Signs in on this app's host too, and leads to its first page."""
    if not cookies.browser_token and scheme:  # the app's first page may ask for less
        return step_up_url(scheme, public_url.origin)
    if not cookies.browser_token:  # on the way there it is given one
        return f"{public_url.scheme}://{public_url.authority(head.fields.host.decode('ascii'))}/"
    return sign_in_location(
        public_url=public_url, host=head.fields.host, target=b"/", browser_token=cookies.browser_token, scheme=scheme
    ).decode("ascii")


def sign_in_location(
    *,
    public_url: PublicURL,
    host: bytes,
    target: bytes,
    browser_token: bytes,
    scheme: str = "",
    most_bytes: int = 2**31,
) -> bytes:
    """Where a page load without a session is sent: the sign-in page, told the way back and which browser asked.

    With a session that has proven too little: the page where the rest of `scheme` is proven. `most_bytes` is how much
    of it a request may hold. A target that is too long for one of the limits gives way to its app's first page, and
    the sign-in page says so.
    """
    app_origin = f"{public_url.scheme}://{public_url.authority(host.decode('ascii'))}"
    start = base64.urlsafe_b64encode(token_digest(browser_token)).rstrip(b"=").decode("ascii")
    path = f"{STEP_UP}?{SCHEME}={quote(scheme, safe='')}&" if scheme else f"{SIGN_IN}?"

    def leading_to(target: bytes) -> str:
        return_to = quote(app_origin + target.decode("ascii"), safe="")
        return f"{public_url.origin}{path}{RETURN_TO}={return_to}&{START}={start}"

    if len(target) <= MAX_RETURN_TARGET_BYTES:
        location = leading_to(target)
        if len(location) <= most_bytes:
            return location.encode("ascii")
    return f"{leading_to(b'/')}&{CUT}=1".encode("ascii")


def browser_cookie_field(token: bytes, scheme: str) -> bytes:
    """The ``Set-Cookie`` value that marks a browser before it is signed in."""
    secure = b"; Secure" if scheme == "https" else b""
    return browser_cookie(scheme).encode("ascii") + b"=" + token + b"; Path=/; HttpOnly; SameSite=Lax" + secure
