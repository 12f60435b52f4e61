"""Clients without a browser: which requests are theirs, and what they are told. Never a page, never a redirect."""

from __future__ import annotations

from config.client_kinds import ClientKind
from proxy.access.policy import is_within_limits
from proxy.forwarding.admissions import Admission, Deny, DenyConfined, DenyFactors
from proxy.forwarding.given_credential import GivenCredential
from proxy.forwarding.kept_forms import is_sent_from_page
from proxy.forwarding.overrides import names_another_method
from proxy.forwarding.verdict import JudgedRequest, RefuseRequest
from proxy.http.problem import Problem
from proxy.http.request_head import RequestHead
from proxy.languages.current import N_, Sentence
from proxy.pages import phrases
from proxy.sessions.credential_use import UseRefused, UseThrottled
from proxy.sessions.session import Session

_CHALLENGES = {ClientKind.APP_PASSWORD: b'Basic realm="%b", charset="UTF-8"', ClientKind.BEARER: b'Bearer realm="%b"'}
"""In the order in which they are sent: many clients look at the first one only."""


def challenges(request: JudgedRequest, *, is_wrong: bool = False) -> tuple[bytes, ...]:
    """What goes into ``WWW-Authenticate`` (RFC 9110 section 11.6.1); none where the app takes browsers alone.

    ``Basic`` goes to no request that a page in a browser may have made: the browser would ask for a password in a
    dialog of its own, and people would type that of their account. `is_wrong`: something was sent and does not count
    (RFC 6750 section 3.1).
    """
    error = b', error="invalid_token"' if is_wrong else b""
    realm = _realm(request)
    return tuple(
        template % realm + (error if kind is ClientKind.BEARER else b"")
        for kind, template in _CHALLENGES.items()
        if kind in request.clients and not (kind is ClientKind.APP_PASSWORD and _may_be_of_page(request))
    )


def _realm(request: JudgedRequest) -> bytes:
    name = request.route.upstream.name
    plain = name if name.isascii() and name.isprintable() else request.route.host_name
    return plain.replace("\\", "\\\\").replace('"', '\\"').encode("ascii")


def _may_be_of_page(request: JudgedRequest) -> bool:
    head = request.head
    if says_how_it_fetches(head):
        return True  # a page's script can send a password too, and the browser would ask for a better one
    if request.given is not None and request.given.kind is ClientKind.APP_PASSWORD:
        return False  # it knows how to send one
    return (head.fields.accept is not None and b"text/html" in head.fields.accept.lower()) or is_sent_from_page(head)


def says_how_it_fetches(head: RequestHead) -> bool:
    """Every browser does, in one field or another (Fetch Metadata), where it is over https."""
    return head.fields.fetch_mode is not None or any(line[:10].lower() == b"sec-fetch-" for line in head.lines)


def is_good_for(session: Session, given: GivenCredential, head: RequestHead, address: str) -> bool:
    """Whether a credential may name this session, for such a request from there."""
    confined = session.confined
    if session.way not in given.ways or confined is None:
        return session.way in given.ways
    if confined.methods is not None and names_another_method(head):
        return False  # the app may do that one instead
    return is_within_limits(confined, head.method, address)


def stops_of_use(request: JudgedRequest, session: Session, beside: Session | None) -> RefuseRequest | None:
    """What stops a request before it is asked what its session opens; None: nothing does.

    `beside`: the session of the cookie that came with it.
    """
    given = request.given
    if given is None or session.way not in given.ways:
        return refuse_client(request, Problem.NOT_SIGNED_IN, "credential", is_wrong=True)
    if beside is not None and beside.principal.guid != session.principal.guid:
        return refuse_client(request, Problem.AMBIGUOUS_REQUEST, "credential and cookie of two persons")
    if not is_good_for(session, given, request.head, request.address):
        return refuse_client(
            request,
            Problem.NOT_ALLOWED,
            "limits of the credential",
            detail=(Sentence(N_("This password or token is not good for such requests, or not from this network.")),),
            session=session,
        )
    return None


def refuse_use(request: JudgedRequest, refused: UseRefused | UseThrottled | None) -> RefuseRequest:
    """No session began by what was sent; None: one did, and has ended again."""
    if isinstance(refused, UseThrottled):
        seconds = refused.retry_after_seconds
        return refuse_client(request, Problem.THROTTLED, "credentials", retry_after_seconds=seconds)
    if refused is UseRefused.DIRECTORY_AWAY:
        return refuse_client(request, Problem.DIRECTORY_UNAVAILABLE, refused.value)
    if refused is UseRefused.NO_SCHEME:
        return refuse_client(request, Problem.NOT_ALLOWED, refused.value, detail=(Sentence(phrases.NO_SCHEME_HERE),))
    if refused is UseRefused.CLOSED:
        return refuse_client(request, Problem.NOT_ALLOWED, refused.value, detail=(Sentence(phrases.CLOSED_TEXT),))
    reason = "session ended" if refused is None else refused.value
    return refuse_client(request, Problem.NOT_SIGNED_IN, reason, is_wrong=True)


def refuse_admission(request: JudgedRequest, session: Session, admission: Admission) -> RefuseRequest:
    """The person, or what was proven in this session, does not open it."""
    decision = admission.decision
    if isinstance(decision, Deny):
        open_to = Sentence(phrases.OPEN_TO_GROUPS, {"groups": ", ".join(decision.groups)})
        return refuse_client(request, Problem.NOT_ALLOWED, "groups", detail=(open_to,), session=session)
    if isinstance(decision, DenyConfined):
        opens = Sentence(N_("This password or token opens only %(apps)s."), {"apps": ", ".join(decision.apps)})
        return refuse_client(request, Problem.NOT_ALLOWED, "other app", detail=(opens,), session=session)
    if isinstance(decision, DenyFactors):
        return refuse_client(request, Problem.NOT_ALLOWED, "factors", detail=(lacks(decision.scheme),), session=session)
    return refuse_client(request, Problem.NOT_SIGNED_IN, "not signed in", is_wrong=True)  # half a session is none


def lacks(scheme: str) -> Sentence:
    """What is told to whose session has proven too little; an empty `scheme`: none is for them."""
    return Sentence(phrases.OPEN_TO_SCHEME, {"scheme": scheme}) if scheme else Sentence(phrases.NO_SCHEME_HERE)


def refuse_browser(request: JudgedRequest) -> RefuseRequest:
    """The app, or this part of it, is for clients alone. Nothing is gained by signing in."""
    if _may_be_of_page(request):
        return RefuseRequest(
            problem=Problem.NOT_ALLOWED,
            reason="no browsers",
            app_name=request.route.upstream.name,
            detail=(Sentence(N_("It is open to programs with an app password or a token, not to browsers.")),),
            question=request.question,
        )
    return refuse_client(request, Problem.NOT_SIGNED_IN, "no credential")


def refuse_client(
    request: JudgedRequest,
    problem: Problem,
    reason: str,
    *,
    detail: tuple[Sentence, ...] = (),
    session: Session | None = None,
    is_wrong: bool = False,
    retry_after_seconds: int | None = None,
) -> RefuseRequest:
    return RefuseRequest(
        problem=problem,
        reason=reason,
        app_name=request.route.upstream.name,
        detail=detail,
        session=session,
        challenges=challenges(request, is_wrong=is_wrong),
        question=request.question,
        retry_after_seconds=retry_after_seconds,
        is_of_client=True,
    )
