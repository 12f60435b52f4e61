"""What becomes of each request of one client connection: forwarded to an app or the portal, asked to sign in, refused.

The order is the program's whole access control: host, reserved prefix, session, level, policy. Whatever goes wrong
on the way denies.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from proxy.access.rules import PathRule
from proxy.answers import Answer, Problem, wants_page
from proxy.forwarding.authorize import allowed, is_authorize, read_question, sign_in_needed
from proxy.forwarding.certificate_names import CertificateNames
from proxy.forwarding.client_places import ClientPlaces
from proxy.forwarding.cookies import NO_COOKIES, RequestCookies, split_cookies
from proxy.forwarding.exchange import Exchange
from proxy.forwarding.gate import Deny, DenyFactors, browser_cookie_field, sign_in_location
from proxy.forwarding.kept_forms import SendingFlow, SentOn, is_form, may_be_kept, may_be_sending, restored
from proxy.forwarding.listeners import Arrival
from proxy.forwarding.refusals import answer_bytes, redirect, redirect_to_https
from proxy.forwarding.request_head import RefusedHead, RequestHead
from proxy.forwarding.routes import Route
from proxy.forwarding.rule_choice import choose_rule
from proxy.forwarding.upstream_lines import block, fields_for_upstream, portal_block, request_line
from proxy.incidents import new_incident_id
from proxy.internal_headers import KEPT_TARGET
from proxy.kept_requests import KeptRequest
from proxy.reserved import KEEP, PREFIX
from proxy.sessions.live_sessions import CookieKey, cookie_key
from proxy.sessions.session import Session
from proxy.sessions.tokens import new_token
from proxy.store.store import StoreUnavailable
from proxy.texts import ENGLISH

if TYPE_CHECKING:
    from proxy.forwarding.client_connection import ClientConnection
    from proxy.forwarding.plane import ForwardingPlane

DECISION_SECONDS = 15.0
"""How long the store may take to say whose session it is."""
_PREFIX = PREFIX.encode("ascii")
_KEEP = KEEP.encode("ascii")


class Reception:
    """Of one connection: it remembers what the last request had, since browsers repeat themselves on a connection."""

    __slots__ = (
        "_arrival", "_certificate", "_connection", "_cookie", "_cookie_key", "_cookie_route", "_cookies",
        "_has_answered", "_may_turn_back", "_places", "_plane", "deciding", "transport_security",
    )  # fmt: skip

    def __init__(
        self,
        plane: ForwardingPlane,
        connection: ClientConnection,
        arrival: Arrival,
        certificate: CertificateNames | None,
    ) -> None:
        """`certificate` is what the client chose by the host that it named in the TLS handshake, if it did."""
        self._plane = plane
        self._connection = connection
        self._arrival = arrival
        self._certificate = certificate
        self._places = ClientPlaces(arrival)
        self._may_turn_back = arrival.redirects or certificate is not None or self._places.is_peer_trusted
        """Whether each request has to be looked at before it is routed; most connections are judged by now."""
        self.transport_security = plane.transport_security if arrival.is_https else None
        """The ``Strict-Transport-Security`` line for the current answer (RFC 6797 section 7.2: over https only)."""
        self.deciding: asyncio.Task[None] | None = None
        """The look-up that the current request waits for."""
        self._has_answered = False
        """Whether the current request has an answer from here."""
        self._cookie: bytes | None = None
        self._cookies = NO_COOKIES
        self._cookie_key: CookieKey | None = None
        self._cookie_route: Route | None = None

    def receive(self, head: RequestHead) -> None:
        """Decide on one request, now or (when its session has to be looked up) soon."""
        self._has_answered = False
        try:
            self._route(head)
            self._check_settled()
        except RefusedHead as refused:
            self.refuse(refused.problem, refused.reason, head=head)
        except Exception as exc:  # noqa: BLE001  # the border of one request: whatever it is, it denies
            self.deny_after(exc, head)

    def _check_settled(self) -> None:
        """A request that nobody answers would leave its client waiting, and nothing would tell."""
        connection = self._connection
        is_pending = connection.exchange is not None or self.deciding is not None
        if not (is_pending or self._has_answered or connection.transport.is_closing()):
            raise AssertionError("nobody answers this request")

    def cancel(self) -> None:
        if self.deciding is not None:
            self.deciding.cancel()
            self.deciding = None

    def deny_after(self, exc: Exception, head: RequestHead) -> None:
        self._plane.log.error("forwarding.failed", error=type(exc).__name__, exc_info=exc)
        exchange, self._connection.exchange = self._connection.exchange, None
        if exchange is not None:
            exchange.abort()
        self.refuse(Problem.INTERNAL, type(exc).__name__, head=head, closes=True)

    def _route(self, head: RequestHead) -> None:
        plane = self._plane
        if self._may_turn_back and self._turns_back(head):
            return
        route = plane.routes.get(head.host)
        if route is not None and route.app is not None and not head.target.startswith(_PREFIX):
            self._ask_gate(head, route)
        elif is_authorize(head.target):
            self._answer_question(head)
        elif route is None:
            self.refuse(Problem.UNKNOWN_HOST, "host", head=head)
        else:
            incident = new_incident_id()
            blocks = (portal_block(self._places.of(head), head, incident),)
            fields = fields_for_upstream(head, plane.portal_route.upstream, head.cookie or b"", blocks)
            self._forward(head, plane.portal_route, fields, None)

    def _turns_back(self, head: RequestHead) -> bool:
        """Whether this request came by a way that is not one for it; then it is answered here."""
        place = self._places.of(head)
        self.transport_security = self._plane.transport_security if place.is_https else None
        certificate = self._certificate
        if certificate is not None and not (
            self._places.is_peer_trusted or certificate.cover(head.host.decode("ascii"))
        ):
            # RFC 9110 section 15.5.20. A proxy that we trust vouches for the host, whatever name it asked for.
            self.refuse(Problem.UNKNOWN_HOST, "not a host of the certificate that was asked for", head=head)
            return True
        is_clear = self._places.is_peer_trusted and bool(head.forwarded_proto) and not place.is_https
        if self._arrival.redirects:
            self._redirect_to_https(head)
            return True
        if is_clear and self._plane.public_url.scheme == "https" and not is_authorize(head.target):
            self._redirect_to_https(head)
            return True
        return False

    def _redirect_to_https(self, head: RequestHead) -> None:
        """The same request once more, over TLS: 308, so that its method stays. Only ever to a host of ours."""
        if head.host not in self._plane.routes:
            self.refuse(Problem.UNKNOWN_HOST, "host", head=head, closes=True)
        elif not head.target.startswith(b"/"):
            self.refuse(Problem.MALFORMED_REQUEST, "nothing to redirect to", head=head, closes=True)
        else:
            authority = self._plane.public_url.authority(head.host.decode("ascii")).encode("ascii")
            answer = redirect_to_https(b"https://" + authority + head.target, method=head.method)
            self._answer(answer, closes=True)

    def _answer_question(self, head: RequestHead) -> None:
        """Another proxy asks for what it may forward. Nobody else is believed, and so nobody else is answered."""
        if not self._places.is_peer_trusted:
            raise RefusedHead(Problem.NOT_FROM_HERE, "authorize: asked by nobody of trusted_proxies")
        head.question = question = read_question(head, self._plane.app_hosts)
        self._ask_gate(head, self._plane.routes[question.host])

    def _ask_gate(self, head: RequestHead, route: Route) -> None:
        rule = None if route.rules is None else choose_rule(head, route.rules, self._places)
        if head.cookie != self._cookie or route is not self._cookie_route:
            self._cookie, self._cookie_route = head.cookie, route
            self._cookies = split_cookies(head.cookie, self._plane.public_url.scheme) if head.cookie else NO_COOKIES
            token = self._cookies.session_token
            self._cookie_key = cookie_key(token, route.host_name) if token is not None else None
        if self._cookie_key is None:
            self._go_on_without(head, route, self._cookies, rule)
            return
        now = self._plane.clock()
        session = self._plane.sessions.known_by(self._cookie_key, now)
        if session is not None:
            self._judge(head, route, self._cookies, session, now, rule)
        else:
            self._connection.deadline = self._plane.coarse_now + DECISION_SECONDS
            self.deciding = asyncio.get_running_loop().create_task(self._find(head, route, self._cookies, rule))

    async def _find(self, head: RequestHead, route: Route, cookies: RequestCookies, rule: PathRule | None) -> None:
        """The slow way: this worker does not know the session yet."""
        token = cookies.session_token or b""
        try:
            session = await self._plane.sessions.find(token, route.host_name, self._plane.clock())
            self.deciding = None
            if session is None:
                self._go_on_without(head, route, cookies, rule)
            else:
                self._judge(head, route, cookies, session, self._plane.clock(), rule)
            self._check_settled()
        except StoreUnavailable as exc:
            self.deciding = None
            self.refuse(Problem.STORE_UNAVAILABLE, str(exc), head=head, route=route)
        except Exception as exc:  # noqa: BLE001  # the border of one request: whatever it is, it denies
            self.deciding = None
            self.deny_after(exc, head)
        self._connection.read_on()

    def _judge(
        self,
        head: RequestHead,
        route: Route,
        cookies: RequestCookies,
        session: Session,
        now: float,
        rule: PathRule | None,
    ) -> None:
        if route.app is None:
            raise AssertionError("the sign-in host has no gate")
        admission = self._plane.admissions.get(session, route.app, now, rule, route.demand)
        if admission.is_admitted:
            self._admit(head, route, cookies, admission.identity_block, session)
        elif rule is not None and rule.is_public:
            self._admit(head, route, cookies, b"", None)
        elif isinstance(admission.decision, Deny):
            detail = ENGLISH.open_to_groups.format(groups=", ".join(admission.decision.groups))
            self.refuse(Problem.NOT_ALLOWED, "groups", head=head, route=route, detail=detail, session=session)
        elif isinstance(admission.decision, DenyFactors):
            self._ask_to_step_up(head, route, cookies, session, admission.decision.scheme)
        else:
            self._ask_to_sign_in(head, route, cookies)

    def _go_on_without(self, head: RequestHead, route: Route, cookies: RequestCookies, rule: PathRule | None) -> None:
        """There is no session."""
        if rule is not None and rule.is_public:
            self._admit(head, route, cookies, b"", None)
        else:
            self._ask_to_sign_in(head, route, cookies)

    def _admit(
        self, head: RequestHead, route: Route, cookies: RequestCookies, identity_block: bytes, session: Session | None
    ) -> None:
        if head.question is not None:
            closes = head.has_body or not self._connection.is_kept
            answer = allowed(identity_block, cookies.others, closes=closes)
            self._answer(answer, closes=closes)
        elif not route.upstream.urls:
            # Another proxy forwards to this app: it should have sent nothing but /.gatepost/ here.
            self.refuse(Problem.NOT_FOUND, "no upstream", head=head, route=route)
        elif session is not None and may_be_sending(head) and self._plane.kept_requests is not None:
            self._await_sending(head, route, cookies, identity_block, session)
        else:
            session_id = session.session_id if session is not None else None
            self._forward(head, route, self._fields(head, route, cookies, identity_block), session_id)

    def _await_sending(
        self, head: RequestHead, route: Route, cookies: RequestCookies, identity_block: bytes, session: Session
    ) -> None:
        """The body will tell whether this is an app's own form or the button that sends a kept one on."""

        def begin(kept: KeptRequest | None) -> Exchange:
            if kept is None:
                return self._exchange(head, route, self._fields(head, route, cookies, identity_block), session_id)
            sent = restored(head, kept, cookies.others)
            blocks = (self._places.forwarded(sent), identity_block)
            fields = fields_for_upstream(sent, route.upstream, sent.cookie or b"", blocks)
            return self._exchange(sent, route, fields, session_id, SentOn)

        plane, session_id = self._plane, session.session_id
        if plane.kept_requests is None:
            raise AssertionError("no form is kept")
        flow = SendingFlow(
            self._connection, route, head, session, kept_requests=plane.kept_requests, clock=plane.clock, begin=begin
        )
        plane.note_session(self._connection, session_id)
        self._connection.exchange = flow
        flow.start()

    def _fields(self, head: RequestHead, route: Route, cookies: RequestCookies, identity_block: bytes) -> bytes:
        """All that follows the request line: the same as long as client and session stay the same."""
        memory = self._connection.memory
        fields = memory.fields_sent(head, route, identity_block)
        if fields is None:
            forwarded = self._places.forwarded(head)
            blocks = (forwarded, identity_block) if identity_block else (forwarded,)
            fields = fields_for_upstream(head, route.upstream, cookies.others, blocks)
            memory.keep(head, route, identity_block, fields)
        return fields

    def _forward(self, head: RequestHead, route: Route, fields: bytes, session_id: str | None) -> None:
        exchange = self._exchange(head, route, fields, session_id)
        if session_id is not None and session_id != self._connection.session_id:
            self._plane.note_session(self._connection, session_id)
        self._connection.exchange = exchange
        exchange.start()

    def _exchange(
        self, head: RequestHead, route: Route, fields: bytes, session_id: str | None, kind: type[Exchange] = Exchange
    ) -> Exchange:
        plane, name, request_bytes = self._plane, route.upstream.name, request_line(head) + fields
        return kind(self._connection, plane.pools[name], route, head, request_bytes, session_id, plane.traffic[name])

    def _keep(self, head: RequestHead) -> None:
        """The portal takes the form in, if it knows whose session has ended."""
        place, portal = self._places.of(head), self._plane.portal_route
        blocks = (
            portal_block(place, head, new_incident_id()),
            block(((KEPT_TARGET.encode("ascii"), head.target),)),
        )
        fields = fields_for_upstream(head, portal.upstream, head.cookie or b"", blocks)
        self._forward(head.repeated(b"POST", _KEEP), portal, fields, None)

    def _ask_to_step_up(
        self, head: RequestHead, route: Route, cookies: RequestCookies, session: Session, scheme: str
    ) -> None:
        """Whose session has proven too little is sent to prove the rest, or told where that can be done."""
        asked_method = (head.question or head).method
        if scheme and wants_page(head.accept, head.fetch_mode, head.fetch_dest, asked_method):
            self._send_to_portal(head, cookies, scheme)
            return
        detail = ENGLISH.open_to_scheme.format(scheme=scheme) if scheme else ENGLISH.no_scheme_here
        problem = Problem.TOO_FEW_FACTORS if scheme else Problem.NOT_ALLOWED
        self.refuse(problem, "factors", head=head, route=route, detail=detail, session=session, scheme=scheme)

    def _ask_to_sign_in(self, head: RequestHead, route: Route, cookies: RequestCookies) -> None:
        question = head.question
        asked = question or head
        if question is None and is_form(head):
            if cookies.session_token and may_be_kept(head) and self._plane.kept_requests is not None:
                self._keep(head)
            else:
                self.refuse(Problem.NOT_SIGNED_IN, "no session", head=head, route=route, detail=ENGLISH.kept_not)
            return
        if not wants_page(head.accept, head.fetch_mode, head.fetch_dest, asked.method):
            self.refuse(Problem.NOT_SIGNED_IN, "no session", head=head, route=route)
            return
        self._send_to_portal(head, cookies)

    def _send_to_portal(self, head: RequestHead, cookies: RequestCookies, scheme: str = "") -> None:
        """Redirect a page load, which is told the way back."""
        question, public_url = head.question, self._plane.public_url
        asked = question or head
        token = cookies.browser_token or new_token().encode("ascii")
        location = sign_in_location(
            public_url=public_url, host=asked.host, target=asked.target, browser_token=token, scheme=scheme
        )
        set_cookie = None if cookies.browser_token else browser_cookie_field(token, public_url.scheme)
        closes = head.has_body or not self._connection.is_kept
        write = redirect if question is None or question.passes_redirects else sign_in_needed
        answer = write(location, set_cookie=set_cookie, method=head.method, closes=closes)
        self._answer(answer, closes=closes)

    def _answer(self, data: bytes, *, closes: bool) -> None:
        self._has_answered = True
        self._connection.send_own_answer(data, closes=closes)

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
        is_page: bool = False,
        closes: bool = False,
    ) -> None:
        """Answer `problem`; `reason` is for the log, and so is who it was where a `session` is known.

        The connection ends where the request's end is not known.
        """
        closes = closes or head is None or head.has_body or not self._connection.is_kept
        app = route.upstream.name if route is not None else ""
        answer = Answer(problem=problem, detail=detail, app=app, scheme=scheme, incident=new_incident_id())
        method = head.method if head is not None else b"GET"
        asked_method = head.question.method if head is not None and head.question is not None else method
        page = is_page
        if head is not None:
            page = wants_page(head.accept, head.fetch_mode, head.fetch_dest, asked_method) or is_form(head)
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
        data = answer_bytes(answer, page=page, sign_in_origin=origin, method=method, closes=closes)
        self._answer(data, closes=closes)
