"""The gate: what becomes of each request of one client connection. It decides and does nothing.

The order is the program's whole access control: the way it came, host, reserved prefix, session, level, policy.
Any error on the way denies.
"""

from __future__ import annotations

from config.client_kinds import ClientKind
from proxy.access.paths import Ambiguous
from proxy.access.rules import AppRules, PathRule
from proxy.forwarding.admissions import Admission, Deny, DenyConfined, DenyFactors
from proxy.forwarding.authorize import Question, is_authorize, read_question
from proxy.forwarding.certificate_names import CertificateNames
from proxy.forwarding.client_places import ClientPlaces
from proxy.forwarding.clients import (
    is_good_for,
    refuse_admission,
    refuse_browser,
    refuse_use,
    stops_of_use,
)
from proxy.forwarding.context import Context
from proxy.forwarding.cookies import NO_COOKIES, split_cookies
from proxy.forwarding.given_credential import GivenCredential, read_credential
from proxy.forwarding.head_memory import HeadMemory
from proxy.forwarding.kept_forms import is_form, may_be_kept, may_be_sending, restored
from proxy.forwarding.overrides import refuse_contradictions, refuse_what_stays
from proxy.forwarding.routes import Route
from proxy.forwarding.upstream_lines import around_lines, joined, portal_block
from proxy.forwarding.verdict import (
    AwaitButton,
    Forward,
    ForwardAs,
    JudgedRequest,
    LookUp,
    RefuseRequest,
    SentOn,
    TellingForward,
    Verdict,
)
from proxy.forwarding.ways_in import allow, ask_to_sign_in, ask_to_step_up, redirect_to_https, refuse, refuse_form
from proxy.http.forwarded import block
from proxy.http.internal_headers import KEPT_SCHEME, KEPT_TARGET
from proxy.http.problem import Problem
from proxy.http.request_head import RefusedHead, RequestHead
from proxy.http.reserved import KEEP, PREFIX
from proxy.languages.current import N_, Sentence
from proxy.operations.incidents import new_incident_id
from proxy.pages import phrases
from proxy.sessions.credential_use import UseRefused, UseThrottled
from proxy.sessions.kept_requests import SENDING_BYTES
from proxy.sessions.live_sessions import CookieKey, cookie_key
from proxy.sessions.session import Session
from proxy.upstreams.after_body import is_last

_PREFIX = PREFIX.encode("ascii")
_KEEP = KEEP.encode("ascii")


class Gate:
    """Of one connection: it remembers what the last request had, since browsers repeat themselves on a connection."""

    __slots__ = (
        "_authorization", "_certificate", "_clock", "_context", "_cookie", "_cookie_key", "_cookie_route", "_cookies",
        "_given", "_is_for_redirects", "_memory", "_places", "_sessions", "_turns_on_place", "transport_security",
    )  # fmt: skip

    def __init__(
        self, context: Context, places: ClientPlaces, memory: HeadMemory, certificate: CertificateNames | None
    ) -> None:
        """`certificate` is what the client chose by the host that it named in the TLS handshake, if it did."""
        self._context = context
        self._clock = context.clock
        self._sessions = context.sessions
        self._places = places
        self._memory = memory
        self._certificate = certificate
        self._is_for_redirects = places.arrival.redirects
        self._turns_on_place = self._is_for_redirects or places.is_peer_trusted
        """Whether each request has to be looked at before it is routed; most connections are judged by now."""
        self.transport_security = context.transport_security if places.arrival.is_https else None
        """The ``Strict-Transport-Security`` line for the current answer (RFC 6797 section 7.2: only over https)."""
        self._cookie: bytes | None = None
        self._cookies = NO_COOKIES
        self._cookie_key: CookieKey | None = None
        self._cookie_route: Route | None = None
        self._authorization: bytes | None = None
        self._given: GivenCredential | None = None

    def judge(self, head: RequestHead) -> Verdict:
        """What becomes of this request, as far as this worker knows whose session it is."""
        context, question = self._context, None
        try:
            known = self._memory.of(head)
            if self._turns_on_place or (known is None and self._certificate is not None):
                turned = self._turned_back(head)
                if turned is not None:
                    return turned
            if known is not None and known.cookie is not None and not head.target.startswith(_PREFIX):
                # As nearly all are: only the rule, the session and the time can be others than when it was admitted.
                rules = known.rules
                if rules is None or choose_rule(head, None, rules, self._places) is known.forward.rule:
                    now = self._clock()
                    if now < known.renew_at and self._sessions.known_by(known.cookie, now) is known.session:
                        return self._memory.forward_of(head, known)
            route = context.routes.get(head.fields.host)
            if route is None or route.app is None or head.target.startswith(_PREFIX):
                if not is_authorize(head.target):
                    unknown = RefuseRequest(problem=Problem.UNKNOWN_HOST, reason="host")
                    return unknown if route is None else self._to_portal(head)
                question = self._question(head)
                route = context.routes[question.host]
                if (
                    head.fields.held
                    or head.fields.withdrawn
                    or head.fields.names_http
                    or head.fields.authorization is not None
                ):
                    refuse_what_stays(head, question, route.upstream.pass_fields)
            rule = None if route.rules is None else choose_rule(head, question, route.rules, self._places)
            if head.fields.cookie != self._cookie or route is not self._cookie_route:
                self._cookie, self._cookie_route = head.fields.cookie, route
                self._cookies = (
                    split_cookies(head.fields.cookie, context.public_url.scheme) if head.fields.cookie else NO_COOKIES
                )
                token = self._cookies.session_token
                self._cookie_key = cookie_key(token, route.host_name) if token is not None else None
            cookie = self._cookie_key
            if route.takes_credentials:
                of_client = self._of_client(head, question, route, rule)
                if of_client is not None:
                    return of_client
            if cookie is not None:
                now = self._clock()
                session = self._sessions.known_by(cookie, now)
                if session is not None:
                    admission = self._admission(route, session, rule, now)
                    identity = admission.identity_block
                    if (
                        identity
                        and question is None
                        and head.fields.content_length != SENDING_BYTES
                        and route.upstream.urls
                    ):
                        # Nothing more has to be known of it, and not even this the next time.
                        forward = self._memory.known(head, route, rule, identity, session.session_id) or self._forward(
                            head, route, rule, self._cookies.others, identity, session.session_id
                        )
                        self._memory.admit(head, cookie, session, admission.renew_at)
                        return forward
                    return self._with_session(
                        JudgedRequest(head=head, question=question, route=route, rule=rule, cookies=self._cookies),
                        session,
                        admission,
                    )
            request = JudgedRequest(head=head, question=question, route=route, rule=rule, cookies=self._cookies)
            return LookUp(request=request) if cookie is not None else self._without_session(request)
        except RefusedHead as refused:
            return RefuseRequest(problem=refused.problem, reason=refused.reason, question=question)
        except Exception as exc:  # noqa: BLE001  # the border of one decision: any error denies
            return RefuseRequest.because_of(exc, question)

    def judge_found(self, request: JudgedRequest, session: Session | None) -> Verdict:
        """The same, once the store said whose session it is; None: nobody's."""
        if session is None:
            return self._without_session(request)
        now = self._clock()
        return self._with_session(request, session, self._admission(request.route, session, request.rule, now))

    def judge_used(
        self,
        request: JudgedRequest,
        session: Session | None,
        beside: Session | None,
        refused: UseRefused | UseThrottled | None,
    ) -> Verdict:
        """The same, of a client without a browser: `session` is that of the credential, or `refused` says why there is
        none; `beside` is that of its cookie."""
        if session is None:
            return self._admitted(request, None, b"") if _is_public(request.rule) else refuse_use(request, refused)
        stopped = stops_of_use(request, session, beside)
        if stopped is not None:
            return stopped
        admission = self._admission(request.route, session, request.rule, self._clock())
        if admission.is_admitted:
            return self._admitted(request, session, admission.identity_block)
        if _is_public(request.rule):
            return self._admitted(request, None, b"")
        return refuse_admission(request, session, admission)

    # Clients without a browser.

    def _of_client(
        self, head: RequestHead, question: Question | None, route: Route, rule: PathRule | None
    ) -> Verdict | None:
        """None: it is judged by its cookie. What another proxy asks about is a browser's: it would pass on the rest."""
        clients = route.clients if rule is None else rule.clients
        if head.fields.authorization is not None and question is None:
            if head.fields.authorization != self._authorization:
                self._authorization, self._given = head.fields.authorization, read_credential(head.fields.authorization)
            given = self._given
            if given is not None and given.kind in clients:
                return self._used(head, route, rule, given)
        if ClientKind.BROWSER in clients or _is_public(rule):
            return None
        request = JudgedRequest(head=head, question=question, route=route, rule=rule, cookies=NO_COOKIES)
        return refuse_browser(request)

    def _used(self, head: RequestHead, route: Route, rule: PathRule | None, given: GivenCredential) -> Verdict:
        address, session = self._places.of(head).address, None
        if given.key is not None and self._cookie_key is None:
            now = self._clock()
            session = self._sessions.known_by(given.key, now)
            if session is not None and is_good_for(session, given, head, address):
                identity = self._admission(route, session, rule, now).identity_block
                if identity and route.upstream.urls:  # as nearly all are: nothing more has to be known of it
                    known = self._memory.known(head, route, rule, identity, session.session_id)
                    others = self._cookies.others
                    return known or self._forward(head, route, rule, others, identity, session.session_id)
        request = JudgedRequest(
            head=head, question=None, route=route, rule=rule, cookies=self._cookies, given=given, address=address
        )
        return LookUp(request=request) if session is None else self.judge_used(request, session, None, None)

    # The way it came, and what is asked about.

    def _turned_back(self, head: RequestHead) -> Verdict | None:
        """The refusal or redirect of a request that came in a way in which it may not come."""
        places, context = self._places, self._context
        place = places.of(head)
        self.transport_security = context.transport_security if place.is_https else None
        certificate = self._certificate
        if certificate is not None and not (
            places.is_peer_trusted or certificate.cover(head.fields.host.decode("ascii"))
        ):
            # RFC 9110 section 15.5.20. A trusted proxy vouches for the host, whatever name it used in its own
            # handshake.
            reason = "not a host of the certificate that was asked for"
            return RefuseRequest(problem=Problem.UNKNOWN_HOST, reason=reason)
        is_clear = places.is_peer_trusted and places.says_scheme and not place.is_https
        if self._is_for_redirects or (
            is_clear and context.public_url.scheme == "https" and not is_authorize(head.target)
        ):
            return redirect_to_https(context, head)
        return None

    def _question(self, head: RequestHead) -> Question:
        """Another proxy asks for what it may forward. Nobody else is believed, and so nobody else is answered."""
        if not self._places.is_peer_trusted:
            raise RefusedHead(Problem.NOT_FROM_HERE, "authorize: asked by nobody of trusted_proxies")
        return read_question(head, self._context.app_hosts)

    # Session, level, policy.

    def _admission(self, route: Route, session: Session, rule: PathRule | None, now: float) -> Admission:
        if route.app is None:
            raise AssertionError("the sign-in host has no gate")
        return self._context.admissions.get(session, route.app, now, rule, route.demand)

    def _with_session(self, request: JudgedRequest, session: Session, admission: Admission) -> Verdict:
        decision = admission.decision
        if admission.is_admitted:
            return self._admitted(request, session, admission.identity_block)
        if _is_public(request.rule):
            return self._admitted(request, None, b"")
        if isinstance(decision, Deny):
            open_to = Sentence(phrases.OPEN_TO_GROUPS, {"groups": ", ".join(decision.groups)})
            return refuse(request, Problem.NOT_ALLOWED, "groups", detail=(open_to,), session=session)
        if isinstance(decision, DenyConfined):
            opens = Sentence(
                N_("You signed in with a pass. It opens only %(apps)s. For the rest, sign in with your own phone."),
                {"apps": ", ".join(decision.apps)},
            )
            return refuse(request, Problem.NOT_ALLOWED, "pass", detail=(opens,), session=session)
        if isinstance(decision, DenyFactors):
            if decision.scheme and _keeps(request):
                return self._to_be_kept(request, refuse_form(self._context, request, session, decision.scheme))
            return ask_to_step_up(self._context, request, session, decision.scheme)
        return self._without_session(request)  # half a session counts as none

    def _without_session(self, request: JudgedRequest) -> Verdict:
        if _is_public(request.rule):
            return self._admitted(request, None, b"")
        if request.cookies.session_token and _keeps(request):
            return self._to_be_kept(request, refuse_form(self._context, request))
        return ask_to_sign_in(self._context, request)

    def _admitted(self, request: JudgedRequest, session: Session | None, identity_block: bytes) -> Verdict:
        if request.question is not None:
            return allow(identity_block, request.cookies.others)
        if not request.route.upstream.urls:
            # Another proxy forwards to this app: it should have sent nothing but /.gatepost/ here.
            return refuse(request, Problem.NOT_FOUND, "no upstream")
        if session is not None and request.given is None and may_be_sending(request.head):
            return AwaitButton(request=request, session=session, identity_block=identity_block)
        return self.forward(request, session, identity_block)

    # What goes on.

    def forward(self, request: JudgedRequest, session: Session | None, identity_block: bytes) -> Forward:
        """An admitted request as it came."""
        head, route, rule, others = request.head, request.route, request.rule, request.cookies.others
        session_id = session.session_id if session is not None else None
        known = self._memory.known(head, route, rule, identity_block, session_id)
        return known or self._forward(head, route, rule, others, identity_block, session_id)

    def _forward(
        self,
        head: RequestHead,
        route: Route,
        rule: PathRule | None,
        cookie: bytes,
        identity_block: bytes,
        session_id: str | None,
        sent_on: SentOn | None = None,
    ) -> Forward:
        """Its fields stay the same as long as client and session do."""
        forwarded = self._places.forwarded(head)
        around = around_lines(
            head,
            route.upstream,
            cookie,
            (forwarded, identity_block) if identity_block else (forwarded,),
            is_last=is_last(head, route.upstream, session_id),
            is_peer_trusted=self._places.is_peer_trusted,
        )
        is_telling = session_id is not None and route.app is not None and route.app.tells_session_end
        kind = TellingForward if is_telling else Forward
        forward = kind(route, joined(around, head.lines), session_id, rule, identity_block, sent_on, around)
        self._memory.keep(head, forward)
        return forward

    def forward_kept(self, awaited: AwaitButton, sent_on: SentOn) -> ForwardAs:
        """The kept form that an admitted button names, in the button's place."""
        request, identity, session_id = awaited.request, awaited.identity_block, awaited.session.session_id
        head = restored(request.head, sent_on.form, request.cookies.others)
        cookie = head.fields.cookie or b""
        forward = self._forward(head, request.route, request.rule, cookie, identity, session_id, sent_on)
        return ForwardAs(head=head, forward=forward)

    def _to_portal(self, head: RequestHead, kept: bytes = b"", not_kept: RefuseRequest | None = None) -> Forward:
        route = self._context.portal_route
        told = portal_block(self._places.of(head), head, new_incident_id())
        blocks = (told, kept) if kept else (told,)
        around = around_lines(head, route.upstream, head.fields.cookie or b"", blocks)
        return Forward(route, joined(around, head.lines), not_kept=not_kept)

    def _to_be_kept(self, request: JudgedRequest, not_kept: RefuseRequest) -> ForwardAs:
        """The portal takes the form in, if it knows whose session this is or was."""
        kept = [(KEPT_TARGET.encode("ascii"), request.head.target)]
        if not_kept.scheme:
            kept.append((KEPT_SCHEME.encode("ascii"), not_kept.scheme.encode("utf-8")))
        forward = self._to_portal(request.head, block(kept), not_kept)
        head = RequestHead(b"POST", _KEEP, request.head.lines, request.head.fields)
        return ForwardAs(head=head, forward=forward)


def _is_public(rule: PathRule | None) -> bool:
    return rule is not None and rule.is_public


def _keeps(request: JudgedRequest) -> bool:
    """Whether this is a form that the portal may take in. Another proxy's question brings no body along."""
    return request.question is None and is_form(request.head) and may_be_kept(request.head)


def choose_rule(head: RequestHead, question: Question | None, rules: AppRules, places: ClientPlaces) -> PathRule | None:
    """The rule that decides; raises `RefusedHead` where none can, or where it is not open from here."""
    asked = question or head
    rule = rules.choose(asked.method, asked.target)
    if isinstance(rule, Ambiguous):
        raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "path: " + rule.reason)
    refuse_contradictions(head, asked, rules, rule)
    if rule is not None and not rule.is_open_from(places.of(head).address):
        raise RefusedHead(Problem.NOT_FROM_HERE, "networks")
    return rule
