"""Whether a session opens an app, a pure decision, and what the app is told about the person then.

Both are computed once per session and app (or path rule) instead of once per request. An entry is valid while the
session's facts are the ones that it was made from, and for at most half an assertion's life.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from config.settings import AppSettings
from config.values import IdentityEncoding
from proxy.access.policy import (
    NotInGroups,
    NotInPass,
    TooFewFactors,
    judge,
    judge_confinement,
    judge_factors,
)
from proxy.access.rules import PathRule
from proxy.access.schemes import AppDemand
from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.audit.recorder import NoAudit, Recorder
from proxy.http.forwarded import block
from proxy.sessions.decided import NoteDecision, decided_on, not_noted
from proxy.sessions.identity import Assertions, identity_headers
from proxy.sessions.session import Level, Session
from proxy.sessions.way import OF_CREDENTIALS, Way

_ASSERTION = b"X-Gatepost-Assertion: "


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
    """Signed in, but without a factor that `scheme` asks for: the person may prove the rest.

    An empty `scheme`: none is meant for this person here, and there is nothing to prove.
    """

    scheme: str


@dataclass(frozen=True, slots=True)
class DenyConfined:
    """Signed in with a pass or a credential, or for an app alone: it is for these `apps`."""

    apps: tuple[str, ...]


Decision = Admit | AskToSignIn | Deny | DenyFactors | DenyConfined

_REASONS = {Admit: "", Deny: "groups", DenyFactors: "factors", DenyConfined: "confined"}
"""What is noted of them."""


def decide(
    session: Session | None,
    app: AppSettings,
    rule: PathRule | None = None,
    demand: AppDemand | None = None,
    *,
    now: float | None,
) -> Decision:
    """What becomes of a request to `app`, under `rule` if there is one, with this session, which is not over.

    `demand` is the app's; None: it asks only for a sign-in. `now`: None if proofs of any age will do. Groups come
    first, so that nobody proves more for an app that stays closed to them.

    Under a public rule it says whether the app is told who this is.
    """
    if session is None or session.level is not Level.SIGNED_IN:
        return AskToSignIn()
    principal = session.principal
    of_pass = judge_confinement(session.confined, app)
    if isinstance(of_pass, NotInPass):
        return DenyConfined(of_pass.apps)
    of_groups = judge(principal, app, rule)
    if isinstance(of_groups, NotInGroups):
        return Deny(of_groups.groups)
    if session.way in OF_CREDENTIALS and (rule is None or not rule.scheme):
        # One factor, which the app takes by name (`clients`). A rule that names a scheme asks for more.
        return Admit()
    of_factors = judge_factors(
        principal, session.proven, session.client_address, scheme=session.scheme, rule=rule, demand=demand, now=now
    )
    if isinstance(of_factors, TooFewFactors):
        return DenyFactors(of_factors.scheme)
    return Admit()


def is_still_open(session: Session, app: AppSettings, rule: PathRule | None, demand: AppDemand | None = None) -> bool:
    """Whether what was opened with this session may stay open with the principal that it holds now.

    A proof that has grown old in the meantime closes nothing: it was fresh when this was opened.
    """
    return (rule is not None and rule.is_public) or isinstance(decide(session, app, rule, demand, now=None), Admit)


@dataclass(slots=True, kw_only=True)
class Admission:
    """The decision on one session and one app, and what the app is told about the person.

    Its fields are final, and so it is frozen to the type checker alone (as `Forward` is).
    """

    session: Final[Session] = field(repr=False)
    decision: Final[Decision]
    is_admitted: Final[bool]
    identity_block: Final[bytes] = field(repr=False)
    """Header lines without the last CRLF; empty if not admitted."""
    renew_at: Final[float]


def denial_of(session: Session, app: AppSettings, rule: PathRule | None, decision: Decision) -> AuditEvent | None:
    """What is recorded of a decision that answers 403; None: it does not. Pure.

    Whoever may prove what is missing is asked for it, which is recorded where it is asked.
    """
    match decision:
        case _ if rule is not None and rule.is_public:
            return None
        case Deny():
            reason = "groups"
        case DenyConfined():
            reason = "confined"
        case DenyFactors(scheme=""):
            reason = "no_scheme"
        case _:
            return None
    principal = session.principal
    return AuditEvent(
        event="access.denied",
        actor=AuditedPerson(realm=principal.realm, guid=principal.guid, name=principal.username),
        address=session.client_address,
        way="" if session.way is Way.BROWSER else session.way.value,
        facts={"app": app.name, "reason": reason} | ({} if rule is None else {"rule": rule.key[1]}),
    )


def _same_facts(one: Session, other: Session) -> bool:
    """Whether everything is the same from which the decision, the headers and the assertion were made."""
    return one is other or (
        one.session_id == other.session_id
        and (one.principal is other.principal or one.principal == other.principal)
        and one.proven == other.proven
        and one.confined == other.confined
        and one.factors == other.factors
        and one.scheme == other.scheme
        and one.client_address == other.client_address
    )


MOST_SESSIONS = 4000
"""About 1.3 kB each, most of it the assertion. An admission is used for half an assertion's life, so these are enough
for 133 sessions a second; of more, some are signed again sooner."""


class Admissions:
    """The cache, per worker. It forgets a session when it ends, and the oldest one when it would outgrow `capacity`."""

    def __init__(
        self,
        assertions: Assertions,
        *,
        capacity: int = MOST_SESSIONS,
        identity_encoding: IdentityEncoding = "utf-8",
        recorder: Recorder | None = None,
        note: NoteDecision = not_noted,
    ) -> None:
        """`identity_encoding` is for apps that have none of their own. `recorder` hears of denials, `note` of each
        decision."""
        self._recorder = recorder or NoAudit()
        self._note = note
        self._assertions = assertions
        self._identity_encoding = identity_encoding
        self._capacity = capacity
        # To find the first of a plain dict takes longer the more were taken out at its front.
        self._by_session: OrderedDict[str, dict[str | tuple[str, int], Admission]] = OrderedDict()

    def get(
        self,
        session: Session,
        app: AppSettings,
        now: float,
        rule: PathRule | None = None,
        demand: AppDemand | None = None,
    ) -> Admission:
        """The admission of this session, which is not over, to `app`, or to the part of it that `rule` is for.

        `demand` is the app's own, always the same.

        An error in here must deny the request.
        """
        of_session = self._by_session.get(session.session_id)
        if of_session is None:
            if len(self._by_session) >= self._capacity:
                self._by_session.popitem(last=False)
            of_session = self._by_session[session.session_id] = {}
        key = app.name if rule is None else rule.key
        before = of_session.get(key)
        if before is None or now >= before.renew_at:
            admission = self._admit(session, app, now, rule, demand)
        elif before.session is session:
            return before
        elif _same_facts(before.session, session):
            admission = replace(before, session=session)
        else:
            admission = self._admit(session, app, now, rule, demand)
        of_session[key] = admission
        self._record(before, admission, app, rule)
        return admission

    def _record(self, before: Admission | None, admission: Admission, app: AppSettings, rule: PathRule | None) -> None:
        """Once: not for each request that meets it, nor when it is worked out again."""
        if before is None or before.decision != admission.decision:
            decision, written = admission.decision, "" if rule is None else rule.written
            if not isinstance(decision, AskToSignIn) and (rule is None or not rule.is_public):
                reason = _REASONS[type(decision)]
                self._note(partial(decided_on, admission.session, app=app.name, rule=written, reason=reason))
            denied = None if admission.is_admitted else denial_of(admission.session, app, rule, decision)
            if denied is not None:
                self._recorder.record(denied)

    def forget(self, session_id: str) -> None:
        """The session is over."""
        self._by_session.pop(session_id, None)

    def _admit(
        self, session: Session, app: AppSettings, now: float, rule: PathRule | None, demand: AppDemand | None
    ) -> Admission:
        decision = decide(session, app, rule, demand, now=now)
        is_admitted = isinstance(decision, Admit)
        identity_block = b""
        if is_admitted:
            assertion = self._assertions.sign(session, app, now)
            identity = block(identity_headers(session, app, self._identity_encoding))
            identity_block = (identity and identity + b"\r\n") + _ASSERTION + assertion
        return Admission(
            session=session,
            decision=decision,
            is_admitted=is_admitted,
            identity_block=identity_block,
            renew_at=_stale_at(session, rule, demand, after=now, latest=now + Assertions.LIFETIME_SECONDS / 2),
        )


def _stale_at(
    session: Session, rule: PathRule | None, demand: AppDemand | None, *, after: float, latest: float
) -> float:
    """Until when the decision holds: until `latest`, or earlier if a proof grows too old."""
    if rule is None and (demand is None or demand.named is None):
        return latest
    asked = (rule.freshness if rule is not None else None, demand.named.freshness if demand and demand.named else None)
    ends = (each.ends_at(session.proven) for each in asked if each is not None)
    return min((at for at in ends if after < at < latest), default=latest)
