"""The answers that Gatepost gives on a client connection itself: refusals, the ways to sign-in and to https, a yes."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from proxy.forwarding.authorize import allowed, sign_in_needed
from proxy.forwarding.client_places import ClientPlaces
from proxy.forwarding.cookies import RequestCookies
from proxy.forwarding.gate import browser_cookie_field, sign_in_location
from proxy.forwarding.kept_forms import is_sent_from_page
from proxy.forwarding.refusals import answer_bytes, asks_for_page, method_of, redirect, redirect_to_https
from proxy.forwarding.routes import Route
from proxy.http.problem import Problem
from proxy.http.request_head import RequestHead
from proxy.operations.incidents import new_incident_id
from proxy.pages.answers import Answer, step_up_url, wants_page
from proxy.pages.texts import ENGLISH
from proxy.secrets.tokens import new_token
from proxy.sessions.session import Session

if TYPE_CHECKING:
    from proxy.forwarding.client_connection import ClientConnection
    from proxy.forwarding.plane import ForwardingPlane

_NOTHING_SENT = frozenset((Problem.STORE_UNAVAILABLE, Problem.OVERLOADED, Problem.UPSTREAM_UNREACHABLE))
"""Where nothing of a request got to its app."""
_AS_SENT = "".join(map(chr, range(33, 127)))
"""A target is written into a link as it was sent; what is no ASCII is escaped."""

_OTHER_FIELDS_BYTES = 4096
"""What a browser says besides when it follows a redirect: its cookies above all."""


class OwnAnswers:
    """Of one connection."""

    __slots__ = ("_connection", "_places", "_plane", "has_answered")

    def __init__(self, plane: ForwardingPlane, connection: ClientConnection, places: ClientPlaces) -> None:
        self._plane = plane
        self._connection = connection
        self._places = places
        self.has_answered = False
        """Whether the current request has an answer from here."""

    def allow(self, head: RequestHead, cookies: RequestCookies, identity_block: bytes) -> None:
        """Say yes to another proxy that asked."""
        closes = self._closes(head)
        self._answer(allowed(identity_block, cookies.others, closes=closes), closes=closes)

    def redirect_to_https(self, head: RequestHead) -> None:
        """The same request once more, over TLS: 308, so that its method stays. Only ever to a host of ours."""
        if head.host not in self._plane.routes:
            self.refuse(Problem.UNKNOWN_HOST, "host", head=head, closes=True)
        elif not head.target.startswith(b"/"):
            self.refuse(Problem.MALFORMED_REQUEST, "nothing to redirect to", head=head, closes=True)
        else:
            authority = self._plane.public_url.authority(head.host.decode("ascii")).encode("ascii")
            answer = redirect_to_https(b"https://" + authority + head.target, method=head.method)
            self._answer(answer, closes=True)

    def ask_to_step_up(
        self, head: RequestHead, route: Route, cookies: RequestCookies, session: Session, scheme: str
    ) -> None:
        """Whose session has proven too little is sent to prove the rest, or told where that can be done."""
        asked_method = (head.question or head).method
        if scheme and wants_page(head.accept, head.fetch_mode, head.fetch_dest, asked_method):
            self.send_to_portal(head, cookies, scheme)
            return
        if scheme and head.question is None and is_sent_from_page(head):
            self.refuse_form(head, route, cookies, "factors", session=session, scheme=scheme)
            return
        detail = ENGLISH.open_to_scheme.format(scheme=scheme) if scheme else ENGLISH.no_scheme_here
        problem = Problem.TOO_FEW_FACTORS if scheme else Problem.NOT_ALLOWED
        self.refuse(problem, "factors", head=head, route=route, detail=detail, session=session, scheme=scheme)

    def refuse_form(
        self,
        head: RequestHead,
        route: Route,
        cookies: RequestCookies,
        reason: str,
        *,
        session: Session | None = None,
        scheme: str = "",
    ) -> None:
        """What a person sent from a page was not passed on and is not kept: it is still in their browser.

        So they sign in, or prove the rest of `scheme`, in another tab, and then go back to the form in this one.
        """
        detail = f"{ENGLISH.open_to_scheme.format(scheme=scheme)} {ENGLISH.kept_not}" if scheme else ENGLISH.kept_not
        problem = Problem.SIGNED_OUT if cookies.session_token else Problem.NOT_SIGNED_IN
        if scheme:
            problem = Problem.TOO_FEW_FACTORS
        self.refuse(
            problem,
            reason,
            head=head,
            route=route,
            detail=detail,
            session=session,
            scheme=scheme,
            tab_href=self._way_to_sign_in(head, cookies, scheme),
        )

    def _way_to_sign_in(self, head: RequestHead, cookies: RequestCookies, scheme: str) -> str:
        """Signs in on this app's host too, and leads to its first page."""
        public_url = self._plane.public_url
        if not cookies.browser_token and scheme:  # the app's first page may ask for less, and so lead nowhere
            return step_up_url(scheme, public_url.origin)
        if not cookies.browser_token:  # on the way there it is given one
            return f"{public_url.scheme}://{public_url.authority(head.host.decode('ascii'))}/"
        return sign_in_location(
            public_url=public_url, host=head.host, target=b"/", browser_token=cookies.browser_token, scheme=scheme
        ).decode("ascii")

    def send_to_portal(self, head: RequestHead, cookies: RequestCookies, scheme: str = "") -> None:
        """Redirect a page load, which is told the way back."""
        question, public_url = head.question, self._plane.public_url
        asked = question or head
        token = cookies.browser_token or new_token().encode("ascii")
        location = sign_in_location(
            public_url=public_url,
            host=asked.host,
            target=asked.target,
            browser_token=token,
            scheme=scheme,
            most_bytes=max(0, self._plane.max_head_bytes - _OTHER_FIELDS_BYTES),
        )
        set_cookie = None if cookies.browser_token else browser_cookie_field(token, public_url.scheme)
        closes = self._closes(head)
        write = redirect if question is None or question.passes_redirects else sign_in_needed
        answer = write(location, set_cookie=set_cookie, method=head.method, closes=closes)
        self._answer(answer, closes=closes)

    def refuse(
        self,
        problem: Problem,
        reason: str,
        *,
        head: RequestHead | None = None,
        route: Route | None = None,
        detail: str = "",
        session: Session | None = None,
        scheme: str = "",
        tab_href: str = "",
        sent: bytes = b"",
        closes: bool = False,
    ) -> None:
        """Answer `problem`; `reason` is for the log, and so is who it was where a `session` is known.

        Of a request without a `head`, `sent` is what came of it.

        The connection ends where the request's end is not known.
        """
        closes = closes or head is None or self._closes(head)
        app = route.upstream.name if route is not None else ""
        is_from_page = head is not None and is_sent_from_page(head)
        if is_from_page and problem in _NOTHING_SENT and not detail:
            detail = ENGLISH.not_passed_on
        answer = Answer(
            problem=problem,
            detail=detail,
            app=app,
            scheme=scheme,
            again_href=self._url_of(head) if head is not None else "",
            tab_href=tab_href,
            incident=new_incident_id(),
        )
        method = head.method if head is not None else method_of(sent)
        asked_method = head.question.method if head is not None and head.question is not None else method
        if head is None:
            page = asks_for_page(sent)
        else:
            page = wants_page(head.accept, head.fetch_mode, head.fetch_dest, asked_method) or is_from_page
        client = self._places.of(head).address if head is not None else self._places.peer
        self._plane.metrics.count_refusal(problem.value)
        person = {} if session is None else {"realm": session.principal.realm, "guid": session.principal.guid}
        log = self._plane.log
        # What is our fault or an app's is for the operator to see: it is a warning.
        (log.warning if answer.status >= 500 else log.info)(
            "request.refused",
            problem=problem.value,
            status=answer.status,
            reason=reason,
            incident=answer.incident,
            app=app,
            client_address=client,
            **person,
        )
        origin = self._plane.public_url.origin
        data = answer_bytes(
            answer, page=page, sign_in_origin=origin, method=method, closes=closes, now=self._plane.clock()
        )
        self._answer(data, closes=closes, is_patient=is_from_page)

    def _url_of(self, head: RequestHead) -> str:
        """What was asked for, where it is safe to ask for it again; else empty."""
        asked = head.question or head
        if asked.method not in (b"GET", b"HEAD") or not asked.target.startswith(b"/"):
            return ""
        public_url = self._plane.public_url
        origin = f"{public_url.scheme}://{public_url.authority(asked.host.decode('ascii'))}"
        return origin + quote(asked.target, safe=_AS_SENT)

    def _closes(self, head: RequestHead) -> bool:
        """Whether the connection ends with this answer: a body that nobody reads would be taken for a request."""
        return head.has_body or not self._connection.is_kept

    def _answer(self, data: bytes, *, closes: bool, is_patient: bool = False) -> None:
        self.has_answered = True
        self._connection.send_own_answer(data, closes=closes, is_patient=is_patient)
