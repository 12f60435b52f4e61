"""The decision on one request to an app: pure functions of the session, the app and the request."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from urllib.parse import quote

from config.addresses import PublicURL
from config.settings import AppSettings
from proxy.access.policy import NotInGroups, TooFewFactors, judge, judge_factors, judge_rule
from proxy.access.rules import PathRule
from proxy.access.schemes import AppDemand
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
from proxy.secrets.tokens import token_digest
from proxy.sessions.session import Level, Session


@dataclass(frozen=True, slots=True)
class Admit:
    """Forward it."""


@dataclass(frozen=True, slots=True)
class AskToSignIn:
    """Nobody is signed in here (a half signed-in session counts as nobody)."""


@dataclass(frozen=True, slots=True)
class Deny:
    """Signed in, but not a member of any of `groups`."""

    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DenyFactors:
    """Signed in, but not by all that `scheme` asks for: the person may prove the rest.

    An empty `scheme`: none is meant for this person here, and there is nothing to prove.
    """

    scheme: str


Decision = Admit | AskToSignIn | Deny | DenyFactors


def decide(
    session: Session | None,
    app: AppSettings,
    rule: PathRule | None = None,
    demand: AppDemand | None = None,
    *,
    now: float | None,
) -> Decision:
    """What becomes of a request to `app`, under `rule` if there is one, with this session, which is not over.

    `demand` is the app's; None: it asks for nothing but a sign-in. `now`: None where proofs of any age will do. Groups
    come first: nobody proves more in vain.

    Under a public rule it says whether the app is told who this is.
    """
    if session is None or session.level is not Level.SIGNED_IN:
        return AskToSignIn()
    principal = session.principal
    of_groups = judge(principal, app) if rule is None else judge_rule(principal, rule)
    if isinstance(of_groups, NotInGroups):
        return Deny(of_groups.groups)
    of_factors = judge_factors(principal, session.proven, session.client_address, rule=rule, demand=demand, now=now)
    if isinstance(of_factors, TooFewFactors):
        return DenyFactors(of_factors.scheme)
    return Admit()


def is_still_open(session: Session, app: AppSettings, rule: PathRule | None, demand: AppDemand | None = None) -> bool:
    """Whether what was opened with this session may go on with the principal that it holds now.

    A proof that has grown old meanwhile closes nothing: it was fresh when this was opened.
    """
    return (rule is not None and rule.is_public) or isinstance(decide(session, app, rule, demand, now=None), Admit)


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
