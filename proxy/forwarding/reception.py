"""What becomes of each request of one client connection: forwarded to an app or the portal, asked to sign in, refused.

The order is the program's whole access control: host, reserved prefix, session, level, policy. Whatever goes wrong
on the way denies.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from proxy.access.rules import PathRule
from proxy.forwarding.authorize import is_authorize, read_question
from proxy.forwarding.certificate_names import CertificateNames
from proxy.forwarding.client_places import ClientPlaces
from proxy.forwarding.cookies import NO_COOKIES, RequestCookies, split_cookies
from proxy.forwarding.forwarder import Forwarder
from proxy.forwarding.gate import Deny, DenyFactors
from proxy.forwarding.kept_forms import is_form, is_sent_from_page, may_be_kept, may_be_sending
from proxy.forwarding.listeners import Arrival
from proxy.forwarding.overrides import refuse_what_stays
from proxy.forwarding.own_answers import OwnAnswers
from proxy.forwarding.routes import Route
from proxy.forwarding.rule_choice import choose_rule
from proxy.http.problem import Problem
from proxy.http.request_head import RefusedHead, RequestHead
from proxy.http.reserved import PREFIX
from proxy.operations.store_errors import StoreUnavailable
from proxy.pages.answers import wants_page
from proxy.pages.texts import ENGLISH
from proxy.sessions.live_sessions import CookieKey, cookie_key
from proxy.sessions.session import Session

if TYPE_CHECKING:
    from proxy.forwarding.client_connection import ClientConnection
    from proxy.forwarding.plane import ForwardingPlane

DECISION_SECONDS = 15.0
"""How long the store may take to say whose session it is."""
_PREFIX = PREFIX.encode("ascii")


class Reception:
    """Of one connection: it remembers what the last request had, since browsers repeat themselves on a connection."""

    __slots__ = (
        "_answers", "_arrival", "_certificate", "_connection", "_cookie", "_cookie_key", "_cookie_route", "_cookies",
        "_deciding_on", "_forwarder", "_may_turn_back", "_places", "_plane", "deciding", "transport_security",
    )  # fmt: skip

    def __init__(
        self,
        plane: ForwardingPlane,
        connection: ClientConnection,
        arrival: Arrival,
        places: ClientPlaces,
        answers: OwnAnswers,
        certificate: CertificateNames | None,
    ) -> None:
        """`certificate` is what the client chose by the host that it named in the TLS handshake, if it did."""
        self._plane = plane
        self._connection = connection
        self._arrival = arrival
        self._certificate = certificate
        self._places = places
        self._answers = answers
        self._forwarder = Forwarder(plane, connection, places)
        self._may_turn_back = arrival.redirects or certificate is not None or places.is_peer_trusted
        """Whether each request has to be looked at before it is routed; most connections are judged by now."""
        self.transport_security = plane.transport_security if arrival.is_https else None
        """The ``Strict-Transport-Security`` line for the current answer (RFC 6797 section 7.2: over https only)."""
        self.deciding: asyncio.Task[None] | None = None
        """The look-up that the current request waits for."""
        self._deciding_on: tuple[RequestHead, Route] | None = None
        """That request."""
        self._cookie: bytes | None = None
        self._cookies = NO_COOKIES
        self._cookie_key: CookieKey | None = None
        self._cookie_route: Route | None = None

    def receive(self, head: RequestHead) -> None:
        """Decide on one request, now or (when its session has to be looked up) soon."""
        self._answers.has_answered = False
        try:
            self._route(head)
            self._check_settled()
        except RefusedHead as refused:
            self._answers.refuse(refused.problem, refused.reason, head=head)
        except Exception as exc:  # noqa: BLE001  # the border of one request: whatever it is, it denies
            self.deny_after(exc, head)

    def _check_settled(self) -> None:
        """A request that nobody answers would leave its client waiting, and nothing would tell."""
        connection = self._connection
        is_pending = connection.exchange is not None or self.deciding is not None
        if not (is_pending or self._answers.has_answered or connection.transport.is_closing()):
            raise AssertionError("nobody answers this request")

    def cancel(self) -> None:
        if self.deciding is not None:
            self.deciding.cancel()
            self.deciding = None

    def give_up(self) -> None:
        """The look-up takes too long."""
        self.cancel()
        head, route = self._deciding_on or (None, None)
        self._answers.refuse(Problem.STORE_UNAVAILABLE, "no decision in time", head=head, route=route, closes=True)

    def deny_after(self, exc: Exception, head: RequestHead) -> None:
        self._plane.log.error("forwarding.failed", error=type(exc).__name__, exc_info=exc)
        exchange, self._connection.exchange = self._connection.exchange, None
        if exchange is not None:
            exchange.abort()
        self._answers.refuse(Problem.INTERNAL, type(exc).__name__, head=head, closes=True)

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
            self._answers.refuse(Problem.UNKNOWN_HOST, "host", head=head)
        else:
            self._forwarder.forward_to_portal(head)

    def _turns_back(self, head: RequestHead) -> bool:
        """Whether this request came by a way that is not one for it; then it is answered here."""
        place = self._places.of(head)
        self.transport_security = self._plane.transport_security if place.is_https else None
        certificate = self._certificate
        if certificate is not None and not (
            self._places.is_peer_trusted or certificate.cover(head.host.decode("ascii"))
        ):
            # RFC 9110 section 15.5.20. A proxy that we trust vouches for the host, whatever name it asked for.
            self._answers.refuse(Problem.UNKNOWN_HOST, "not a host of the certificate that was asked for", head=head)
            return True
        is_clear = self._places.is_peer_trusted and self._places.says_scheme and not place.is_https
        if self._arrival.redirects:
            self._answers.redirect_to_https(head)
            return True
        if is_clear and self._plane.public_url.scheme == "https" and not is_authorize(head.target):
            self._answers.redirect_to_https(head)
            return True
        return False

    def _answer_question(self, head: RequestHead) -> None:
        """Another proxy asks for what it may forward. Nobody else is believed, and so nobody else is answered."""
        if not self._places.is_peer_trusted:
            raise RefusedHead(Problem.NOT_FROM_HERE, "authorize: asked by nobody of trusted_proxies")
        head.question = question = read_question(head, self._plane.app_hosts)
        route = self._plane.routes[question.host]
        if head.held or head.withdrawn or head.names_http:
            refuse_what_stays(head, question, route.upstream.pass_fields)
        self._ask_gate(head, route)

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
            self._deciding_on = head, route
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
            self._answers.refuse(Problem.STORE_UNAVAILABLE, str(exc), head=head, route=route)
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
            self._answers.refuse(Problem.NOT_ALLOWED, "groups", head=head, route=route, detail=detail, session=session)
        elif isinstance(admission.decision, DenyFactors):
            scheme = admission.decision.scheme
            if scheme and self._keeps(head):
                not_kept = partial(self._answers.refuse_form, head, route, cookies, session=session, scheme=scheme)
                self._forwarder.keep_form(head, not_kept, scheme)
            else:
                self._answers.ask_to_step_up(head, route, cookies, session, scheme)
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
            self._answers.allow(head, cookies, identity_block)
        elif not route.upstream.urls:
            # Another proxy forwards to this app: it should have sent nothing but /.gatepost/ here.
            self._answers.refuse(Problem.NOT_FOUND, "no upstream", head=head, route=route)
        elif session is not None and may_be_sending(head) and self._plane.kept_requests is not None:
            self._forwarder.await_sending(head, route, cookies, identity_block, session)
        else:
            session_id = session.session_id if session is not None else None
            fields = self._forwarder.fields(head, route, cookies, identity_block, session_id)
            self._forwarder.forward(head, route, fields, session_id)

    def _keeps(self, head: RequestHead) -> bool:
        """Whether this is a form that the portal may take in. Another proxy's question brings no body along."""
        is_kept = head.question is None and self._plane.kept_requests is not None
        return is_kept and is_form(head) and may_be_kept(head)

    def _ask_to_sign_in(self, head: RequestHead, route: Route, cookies: RequestCookies) -> None:
        question = head.question
        asked = question or head
        if question is None and is_sent_from_page(head):
            not_kept = partial(self._answers.refuse_form, head, route, cookies)
            if cookies.session_token and self._keeps(head):
                self._forwarder.keep_form(head, not_kept)
            else:
                not_kept("no session")
            return
        if not wants_page(head.accept, head.fetch_mode, head.fetch_dest, asked.method):
            self._answers.refuse(Problem.NOT_SIGNED_IN, "no session", head=head, route=route)
            return
        self._answers.send_to_portal(head, cookies)
