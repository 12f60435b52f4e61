"""The dry run says yes exactly where a sign-in of a copy gets through, and names what stops it where it does not.

Both work on a store and a directory that know the very same. What is generated is what schemes ask for, who the person
is, what was remembered and counted of them, and what they want to reach.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyotp
import structlog
from hypothesis import HealthCheck, event, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from structlog.testing import CapturingLogger

from config.factors import Factor
from config.settings import Settings
from directory.change_outcomes import PasswordChanged, PasswordChangeRefused, PasswordRules
from directory.directory import AccountState, CheckResult, PasswordRefused, RefusalReason
from directory.kerberos.ticket import KerberosTicket, TicketRefusal, TicketRefused
from directory.login_name import LoginName, parse_login_name
from directory.mobile import E164
from directory.principal import Account, Principal
from directory.realms import Realms
from proxy.access.networks import network_of
from proxy.access.schemes import create_app_demand
from proxy.factors.challenge import Challenge
from proxy.factors.enrolment import Enrolment, seal_enrolment
from proxy.factors.passcode.passcodes import known_as
from proxy.factors.passes.given_pass import code_digest as pass_digest
from proxy.factors.passkey.passkey import PasskeyRefusal
from proxy.factors.passkey.passkeys import Passkeys
from proxy.factors.recovery_code.code import code_digest
from proxy.forwarding.admissions import Deny, DenyConfined, DenyFactors, decide
from proxy.help_desk.explaining import Explaining, SignInQuestion
from proxy.operations.metrics import Metrics
from proxy.secrets.keys import Keys, Purpose
from proxy.sessions.session import Level, Session
from proxy.sign_in.changed_numbers import Notice
from proxy.sign_in.client import Client, Goal
from proxy.sign_in.create import create_sign_in
from proxy.sign_in.dry_run import DryRun
from proxy.sign_in.flow import ByTicket
from proxy.sign_in.foreseen import Foreseen, Obstacle, log_word
from proxy.sign_in.outcomes import Accepted, Missing, ProofAsked, SignedIn
from proxy.sign_in.passkey_alone import PasskeyGiven
from proxy.sign_in.password_change import Changed
from proxy.throttle.counters import Counters
from proxy.throttle.limits import Limit
from proxy.throttle.throttle import Throttle
from tests.portal.stage import SIGN_IN_ORIGIN, Phone
from tests.support.authenticator import Authenticator
from tests.support.memory_store import MemoryStore
from tests.support.people import given_pass
from tests.support.rungs import begun_rung

NOW, DAY = 1_800_000_000.0, 86_400.0
GUID = "00000000-0000-4000-8000-00000000000a"
OFFICE, ELSEWHERE = "192.0.2.10", "203.0.113.9"
NUMBER, MAIL = "+447400123456", "alice@corp.example"
OLD, NEW = "the right one 1", "an other one 2"
KEYS = Keys(b"k" * 32, clock=lambda: NOW)
DEVICE = Authenticator(origin=SIGN_IN_ORIGIN)
PASS_CODE = "48217730194622859130"
SECRET, CODE = b"12345678901234567890", "K7QX2MRA9FZT"
STOPS = {"sign_in.refused", "sign_in.stopped", "passcode.refused", "password.not_changed"}


class Domain:
    """The realm `corp`, in which alice's account is as `state` says, to whoever asks and to whoever signs in."""

    realm = "corp"
    kerberos_realm = "CORP.EXAMPLE"

    def __init__(self, principal: Principal, refusals: tuple[RefusalReason, ...]) -> None:
        self.principal = principal
        self.refusals = refusals
        self.password = OLD

    def serves(self, login_name: LoginName) -> bool:
        return login_name.suffix == "corp.example"

    async def find(self, login_name: LoginName) -> Account | None:
        return Account(guid=GUID, realm="corp", username="alice", locator="x") if login_name.name == "alice" else None

    async def state(self, guid: str) -> AccountState | None:
        return AccountState(principal=self.principal, refusals=self.refusals, told_by="dc1")

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        if account is None or password != self.password:
            return PasswordRefused(RefusalReason.WRONG_PASSWORD)
        # As a domain controller does: of several reasons it tells one, that of the password last.
        for reason in sorted(self.refusals, key=lambda each: each.is_fixed_by_a_change):
            return PasswordRefused(reason, self.principal if reason.is_fixed_by_a_change else None)
        return self.principal

    async def holder(self, ticket: KerberosTicket) -> Principal | RefusalReason | TicketRefusal:
        # Logon hours are looked at by who gives a ticket.
        others = (each for each in self.refusals if each is not RefusalReason.LOGON_HOURS)
        return next(others, None) or self.principal

    async def read(self, guid: str) -> Principal | None:
        return self.principal

    async def check(self) -> list[CheckResult]:
        return []

    async def close(self) -> None: ...


class ChangingDomain(Domain):
    """The same, with passwords that can be changed."""

    async def change_password(self, guid: str, old: str, new: str) -> PasswordChanged | PasswordChangeRefused:
        assert old == self.password
        self.password, self.refusals = new, ()
        return PasswordChanged(self.principal)

    async def password_rules(self) -> PasswordRules | None:
        return None


@dataclass(frozen=True, kw_only=True)
class Case:
    """Everything that a sign-in depends on."""

    schemes: tuple[dict[str, Any], ...]
    app: str
    wiki_groups: tuple[str, ...] | None
    wiki_scheme: str | None
    person: dict[str, Any]
    refusals: tuple[RefusalReason, ...]
    can_change: bool
    has_tickets: bool
    """Whether the directory takes Kerberos tickets."""
    address: str
    is_familiar: bool
    then: str
    mails_stand_in: bool
    known: str | None
    """The number that they used last."""
    enrolled: tuple[Factor, ...] = ()
    passes: bool = False
    """Whether the help desk may give them."""
    given: str = ""
    """The pass that they have, as `PASSES` describes it; empty: none."""
    rungs: tuple[str, ...] = ()
    """Those that are in force."""
    counted: Mapping[Limit, int] = field(default_factory=dict)
    """How many are left of each limit, where it is less than all."""

    def settings(self) -> Settings:
        corp = {
            "type": "active_directory",
            "name": "corp",
            "domain": "corp.example",
            "servers": ["ldaps://dc1.corp.example"],
            "bind_user": "svc@corp.example",
            "bind_password": "x",
        }
        if self.has_tickets:
            corp["kerberos_keytab"] = "/nowhere/gatepost.keytab"
        wiki: dict[str, Any] = {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1"}
        if self.wiki_groups is not None:
            wiki["groups"] = list(self.wiki_groups)
        if self.wiki_scheme is not None:
            wiki["scheme"] = self.wiki_scheme
        return Settings.model_validate(
            {
                "server": {"public_url": SIGN_IN_ORIGIN},
                "directories": [corp],
                "smtp": [{"host": "127.0.0.1", "from": "otp@corp.example", "security": "none"}],
                "mobile": {"then": self.then, "changed_within": "24h"},
                "second_factor": {"email_for_sms": self.mails_stand_in, "channels": ["kapow", "email"]},
                "throttle": {limit.value: MOST for limit in COUNTED if limit is not Limit.PASSWORDS_FROM_UNFAMILIAR},
                "schemes": list(self.schemes),
                "degrade": [{"name": each, "what": each} for each in ("mail", "remembered", "closed")],
                "admin": {"groups": ["Desk"]},
                "help_desk": {"passes": self.passes, "vouching": True},
                "networks": [{"name": "Shared", "addresses": [f"{OFFICE}/32"], "shared": True}],
                "apps": [wiki, {"name": "Forms", "host": "forms.corp.example", "upstream": "http://127.0.0.1:1"}],
            }
        )


PASSES: dict[str, dict[str, Any]] = {
    "for Wiki": {"apps": ("Wiki",)},
    "for Forms": {"apps": ("Forms",)},
    "to be confirmed": {"apps": ("Wiki",), "needs_second": True},
    "of another realm": {"apps": ("Wiki",), "realm": "other"},
    "over": {"apps": ("Wiki",), "ends_at": NOW},
    "vouched": {"apps": ("Wiki",), "session_id": "of another sign-in"},
}
MOST = 4
COUNTED = {
    Limit.PASSWORDS_PER_PERSON: GUID,
    Limit.PASSWORDS_FROM_UNFAMILIAR: GUID,
    Limit.PASSWORDS_PER_ADDRESS: "",
    Limit.PASSCODES_PER_PERSON: GUID,
    Limit.PASSCODE_FAILURES_IN_A_ROW: GUID,
    Limit.SENDS_PER_PERSON: GUID,
    Limit.SENDS_PER_NUMBER: "",
    Limit.SENDS_PER_ADDRESS: "",
    Limit.SENDS_PER_DAY: "",
}
"""The limits that somebody can meet, and whom each is counted of; empty: filled in below."""


class Copy:
    """One world of a case. Two of them know the same."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.settings = case.settings()
        self.store = MemoryStore()
        principal = Principal(guid=GUID, realm="corp", username="alice", display_name="Alice", **case.person)
        self.domain = (ChangingDomain if case.can_change else Domain)(principal, case.refusals)
        self.realms = Realms([self.domain])
        self.throttle = Throttle(self.store.counters, self.settings.throttle, key=KEYS.derive(Purpose.THROTTLE))

    async def fill(self) -> None:
        case = self.case
        counters = Counters(self.store.counters, self.settings.throttle, key=KEYS.derive(Purpose.THROTTLE))
        limits = self.throttle.password_limits(self.domain)
        for limit, left in case.counted.items():
            whoms = [COUNTED[limit] or network_of(case.address)]
            if limit is Limit.SENDS_PER_NUMBER:
                whoms = [NUMBER, MAIL]
            elif limit is Limit.SENDS_PER_DAY:
                whoms = [""]
            is_password = limit in (Limit.PASSWORDS_PER_PERSON, Limit.PASSWORDS_FROM_UNFAMILIAR)
            for whom in whoms:
                counter = counters.of(limit, whom, limits if is_password else None).counter
                for _ in range(max(0, counter.limit - left)):
                    await self.store.counters.add(counter.key, now=NOW, window_seconds=counter.window_seconds)
        if case.is_familiar:
            await self.throttle.remember_address(person=GUID, address=case.address, now=NOW)
        if case.known is not None:
            known = known_as(KEYS, self.domain.principal, E164(case.known), now=NOW - 30 * DAY)
            await self.store.numbers.put_known_number(GUID, known)
        if case.given:
            digest = pass_digest(KEYS.derive(Purpose.PASSES), guid=GUID, code=PASS_CODE)
            described = {"guid": GUID, "given_at": NOW - 60, "digest": digest, **PASSES[case.given]}
            await self.store.passes.put_pass(given_pass(**described))
        for name in case.rungs:
            await self.store.rungs.put_rung(begun_rung(name, at=NOW - 60), seen=None)
        for factor in case.enrolled:
            await self.store.enrolments.put_enrolments([await self._enrolment(factor)])

    async def _enrolment(self, factor: Factor) -> Enrolment:
        principal = self.domain.principal
        if factor is not Factor.PASSKEY:
            secret = SECRET if factor is Factor.TOTP else code_digest(GUID, CODE)
            return seal_enrolment(KEYS, principal, factor, secret, name="mine", now=NOW - DAY)
        passkeys = Passkeys(self.settings, self.store.enrolments, KEYS)
        asked = await passkeys.ask_for_new(principal, session_id="s", now=NOW)
        answer = DEVICE.make(asked.options)
        made = passkeys.made(principal, answer, session_id="s", stamp=asked.stamp, name="mine", now=NOW)
        assert made is not None
        return made

    async def foreseen(self) -> Foreseen:
        login_name = parse_login_name("alice")
        assert login_name is not None
        account = await self.domain.find(login_name)
        assert account is not None
        dry_run = DryRun(self.settings, store=self.store, keys=KEYS)
        found = await dry_run.foresee(
            login_name, self.domain, account, address=self.case.address, app=self.case.app, now=NOW
        )
        assert found is not None
        return found

    async def explained(self) -> bool:
        explaining = Explaining(self.settings, realms=self.realms, store=self.store, keys=KEYS)
        question = SignInQuestion(login="alice", address=self.case.address, app=self.case.app)
        return (await explaining.explain(question, now=NOW)).can_sign_in


class Acceptor:
    """Takes any token for a ticket of alice's."""

    async def accept(self, token: bytes) -> KerberosTicket | TicketRefused:
        return KerberosTicket(
            kerberos_realm=Domain.kerberos_realm,
            sid="S-1-5-21-1",
            password_set_at=NOW - DAY,
            authenticator=token,
            reply=b"",
        )

    async def close(self) -> None: ...


class SigningIn:
    """One person before the sign-in, with everything right that they type."""

    def __init__(self, copy: Copy) -> None:
        self.copy = copy
        self.phone, self.logger, self.seen = Phone(), CapturingLogger(), 0
        parts = create_sign_in(
            settings=copy.settings,
            realms=copy.realms,
            channels=self.phone,
            store=copy.store,
            keys=KEYS,
            throttle=copy.throttle,
            metrics=Metrics(realms=["corp"]),
            log=structlog.wrap_logger(
                self.logger, processors=[], wrapper_class=structlog.make_filtering_bound_logger(0)
            ),
            clock=lambda: NOW,
            wording=lambda event, masked: Notice(sms="", subject="", mail=""),
            acceptor=Acceptor(),
        )
        self.flow, self.changes, self.passkeys = parts.flow, parts.password_change, parts.passkeys
        self.client = Client(address=copy.case.address, host="signin.corp.example", browser="b", incident="i")
        self.goal = Goal(app=copy.case.app, host="signin.corp.example")

    async def stop(self, first: Factor) -> str:
        """What stops a sign-in that begins so, in the log's words; empty: nothing does."""
        outcome: object = await self._first(first, None)
        for _ in range(12):
            self.seen = len(self.logger.calls)
            match outcome:
                case ProofAsked(session=session, challenge=Challenge() as challenge):
                    answered = await self.flow.proving.answer(
                        self.client, self.goal, session, challenge, await self._answer(challenge), now=NOW
                    )
                    if not isinstance(answered, Accepted):
                        return self._said()
                    outcome = answered.then or SignedIn(session=answered.session, token="")
                case SignedIn(session=session) if session.level is Level.MUST_CHANGE_PASSWORD:
                    changer = self.changes.changer_of(session)
                    if session.confined is not None:
                        assert changer is None
                        return RefusalReason.MUST_CHANGE.value  # the page says that it does not go by a pass
                    assert changer is not None
                    changed = await self.changes.change(self.client, session, changer, old=OLD, new=NEW)
                    if not isinstance(changed, Changed):
                        return self._said()
                    outcome = SignedIn(session=changed.session, token="")
                case SignedIn(session=session):
                    reached = await self._reach_app(session)
                    if isinstance(reached, str):
                        return reached
                    outcome = reached
                case _:
                    self.seen = 0
                    return self._said()
        raise AssertionError("it comes to no end")

    async def _answer(self, challenge: Challenge) -> str:
        match challenge.factor:
            case Factor.PASSKEY:
                return DEVICE.prove(await self.passkeys.options(self.copy.domain.principal, challenge))
            case Factor.TOTP:
                return pyotp.TOTP(base64.b32encode(SECRET).decode()).at(int(NOW))
            case Factor.RECOVERY_CODE:
                return CODE
            case Factor.PASS:
                return PASS_CODE
            case _:
                return self.phone.messages[-1].passcode

    async def _first(self, first: Factor, current: Session | None) -> object:
        if first is Factor.PASSWORD:
            password = self.copy.domain.password
            return await self.flow.by_password(self.client, self.goal, "alice", password, current=current, now=NOW)
        if first is Factor.PASSKEY:
            asked = self.passkeys.ask_anybody(self.client.browser, now=NOW)
            given = PasskeyGiven(assertion=DEVICE.prove(asked.options), stamp=asked.stamp)
            return await self.flow.by_passkey(self.client, self.goal, given, current=current, now=NOW)
        found = await self.flow.by_ticket(self.client, self.goal, b"token", current=current, now=NOW)
        return found.then if isinstance(found, ByTicket) else found

    async def _reach_app(self, session: Session) -> object:
        """Signed in: what stops them at the app's gate, empty if nothing does; or what comes of proving more."""
        settings = self.copy.settings
        app = next((each for each in settings.apps if each.name == self.copy.case.app), None)
        if app is None:
            return ""
        match decide(session, app, demand=create_app_demand(app, settings.schemes), now=NOW):
            case DenyConfined():
                return "not_in_pass"
            case Deny():
                return "not_in_groups"
            case DenyFactors(scheme=scheme):
                missing = self.flow.missing(session, scheme, now=NOW)
                assert isinstance(missing, Missing)
                if missing.first_factor is None:
                    return await self.flow.step_up(self.client, self.goal, session, missing, now=NOW)
                if missing.first_factor is Factor.PASSWORD:
                    return await self._first(Factor.PASSWORD, session)
                return "step_up_needs_kerberos"
            case _:
                return ""

    def _said(self) -> str:
        lines = [call.kwargs for call in self.logger.calls[self.seen :] if call.kwargs.get("event") in STOPS]
        reason = str(lines[-1]["reason"])
        # Who has none is not known by the one of somebody else.
        return "no_passkey" if reason == PasskeyRefusal.UNKNOWN.value else reason


FACTORS = [
    ["password"],
    ["kerberos", "sms"],
    [["password", "kerberos"], "sms"],
    ["password", "sms"],
    ["password", "email"],
    ["password", "sms", "email"],
    ["password", ["sms", "email"]],
    ["password", ["email", "sms"]],
    ["password", "totp"],
    ["password", ["totp", "sms", "recovery_code"]],
    ["password", ["sms", "recovery_code"], "totp"],
    ["password", ["passkey", "sms"]],
    ["passkey"],
    ["passkey", "sms"],
    [["password", "passkey"], "totp"],
]
scheme = st.fixed_dictionaries(
    {"factors": st.sampled_from(FACTORS)},
    optional={
        "groups": st.just(["Staff"]),
        "networks": st.just(["192.0.2.0/24"]),
        "apps": st.sampled_from([["Wiki"], ["Wiki"], ["Forms"]]),
    },
)
STANDING = (
    (RefusalReason.MUST_CHANGE,),
    (RefusalReason.DISABLED,),
    (RefusalReason.LOCKED, RefusalReason.ACCOUNT_EXPIRED),
    (RefusalReason.ACCOUNT_EXPIRED, RefusalReason.MUST_CHANGE),
    (RefusalReason.LOGON_HOURS,),
)


PERSON = ("mail", "mobiles", "groups", "mobile_changed_at", "is_mobile_change_unread")
USUAL: dict[str, Any] = {
    "mail": MAIL,
    "mobiles": ("07400 123456",),
    "groups": frozenset({"Staff", "Wiki Users"}),
    "mobile_changed_at": None,
    "is_mobile_change_unread": False,
    "refusals": (),
    "has_tickets": False,
    "counted": {},
    "known": None,
    "mails_stand_in": False,
    "enrolled": (Factor.TOTP, Factor.RECOVERY_CODE, Factor.PASSKEY),
    "passes": True,
    "given": "",
    "rungs": (),
}
"""Somebody who gets through by any scheme: all that stops them is drawn."""
UNUSUAL: dict[str, st.SearchStrategy[Any]] = {
    "mail": st.sampled_from([None, "no address"]),
    "mobiles": st.sampled_from([("ask Bob", "07400 123456"), ("ask Bob",), ()]),
    "groups": st.sampled_from([frozenset({"Wiki Users"}), frozenset({"Staff"}), frozenset()]),
    "mobile_changed_at": st.sampled_from([NOW - 3600.0, NOW - 30 * DAY]),
    "is_mobile_change_unread": st.just(True),
    "refusals": st.sampled_from(STANDING),
    "has_tickets": st.just(True),
    "counted": st.dictionaries(st.sampled_from(list(COUNTED)), st.integers(0, 1), min_size=1, max_size=2),
    "known": st.sampled_from([NUMBER, "+447400999999"]),
    "mails_stand_in": st.just(True),
    "enrolled": st.sampled_from([(), (Factor.TOTP,), (Factor.RECOVERY_CODE,), (Factor.PASSKEY,)]),
    "passes": st.just(False),
    "rungs": st.sampled_from([("mail",), ("remembered",), ("mail", "remembered"), ("closed",)]),
    # The first two more often: the others open nothing.
    "given": st.sampled_from(["for Wiki", "for Wiki", "for Forms", "for Forms", *PASSES]),
}


@st.composite
def cases(draw: st.DrawFn) -> Case:
    drawn_schemes = draw(st.lists(scheme, max_size=2))
    if not drawn_schemes or draw(st.integers(0, 7)):
        drawn_schemes.append({"factors": draw(st.sampled_from(FACTORS))})  # for everybody, everywhere
    remembering = st.sampled_from([{}, {"remember": "14d"}])  # nothing, for a browser that is not remembered
    schemes = tuple(
        {"name": f"scheme {number}", **each, **draw(remembering)} for number, each in enumerate(drawn_schemes)
    )
    unusual = draw(st.sets(st.sampled_from(sorted(UNUSUAL)), min_size=1, max_size=3))
    drawn = {name: draw(UNUSUAL[name]) if name in unusual else usual for name, usual in USUAL.items()}
    return Case(
        schemes=schemes,
        app=draw(st.sampled_from(["", "Wiki", "Wiki"])),
        wiki_groups=draw(st.sampled_from([None, ("Wiki Users",)])),
        wiki_scheme=draw(st.sampled_from([None, None, *(each["name"] for each in schemes)])),
        person={name: drawn.pop(name) for name in PERSON},
        can_change=draw(st.booleans()),
        address=draw(st.sampled_from([OFFICE, ELSEWHERE])),
        is_familiar=draw(st.booleans()),
        then=draw(st.sampled_from(["wait", "send", "other_channel", "refuse"])),
        **drawn,
    )


async def compare(case: Case) -> None:
    asked = Copy(case)
    await asked.fill()
    foreseen = await asked.foreseen()
    before = len(asked.store.calls)
    assert await asked.explained() is foreseen.gets_through
    assert set(asked.store.calls[before:]) <= {
        "read",
        "is_familiar",
        "known_number",
        "first_seen",
        "enrolments",
        "passes",
        "rungs",
    }
    for way in foreseen.ways:
        tried = Copy(case)
        await tried.fill()
        expected = log_word(way.stops[0]) if way.stops else ""
        event(f"stop: {expected}")
        if way.first_factor is Factor.KERBEROS and expected == Obstacle.NO_SCHEME.value:
            expected = "no_kerberos_scheme"
        assert await SigningIn(tried).stop(way.first_factor) == expected


SMS, BOTH = (
    {"name": "browser", "factors": ["password", "sms"]},
    {"name": "both", "factors": ["password", "sms", "email"]},
)
WEAK = {"name": "weak", "factors": ["password"]}
MUST_CHANGE = (RefusalReason.MUST_CHANGE,)
TICKET = {"name": "ticket", "factors": ["kerberos"]}
TOTP = {"name": "totp", "factors": ["password", "totp"]}
KEYS_ALONE = {"name": "keys", "factors": ["passkey"]}
CHOICE = {"name": "choice", "factors": ["password", ["totp", "sms", "recovery_code"]]}


def case_of(*schemes: dict[str, Any], **changes: Any) -> Case:
    """One that gets through by any scheme, but for the changes."""
    person = {name: changes.pop(name, USUAL[name]) for name in PERSON}
    values: dict[str, Any] = {
        **{name: usual for name, usual in USUAL.items() if name not in PERSON},
        "schemes": schemes,
        "app": "",
        "wiki_groups": None,
        "wiki_scheme": None,
        "person": person,
        "can_change": True,
        "address": ELSEWHERE,
        "is_familiar": False,
        "then": "wait",
    }
    return Case(**{**values, **changes})


@example(case_of(SMS, mobiles=(), given="for Wiki", app="Wiki"))
@example(case_of(SMS, mobiles=(), given="for Forms", app="Wiki", wiki_groups=("Wiki Users",), groups=frozenset()))
@example(case_of(SMS, mobiles=(), given="for Wiki", refusals=(RefusalReason.MUST_CHANGE,)))
@example(case_of(WEAK, SMS, app="Wiki", wiki_scheme="browser", mobiles=(), given="for Forms"))
@example(case_of(WEAK, SMS, app="Wiki", wiki_scheme="browser", mobiles=(), given="for Wiki", refusals=MUST_CHANGE))
@example(case_of(SMS, mobiles=(), given="for Wiki", passes=False))
@example(case_of(SMS, mobiles=(), given="vouched"))
@example(case_of(SMS, mobiles=(), given="to be confirmed"))
@example(case_of(SMS, counted={Limit.SENDS_PER_DAY: 0}))
@example(case_of(BOTH, counted={Limit.SENDS_PER_DAY: 1}))
@example(case_of(SMS, counted={Limit.SENDS_PER_NUMBER: 0}))
@example(case_of(SMS, counted={Limit.PASSCODE_FAILURES_IN_A_ROW: 0}))
@example(case_of(SMS, BOTH, app="Wiki", wiki_scheme="both", mail=None))
@example(case_of(SMS, app="Wiki", wiki_groups=("Wiki Users",), groups=frozenset()))
@example(case_of(SMS, TICKET, app="Wiki", wiki_scheme="ticket"))
@example(case_of(CHOICE, enrolled=(), mobiles=()))
@example(case_of(CHOICE, enrolled=(Factor.RECOVERY_CODE,), mobiles=(), counted={Limit.SENDS_PER_DAY: 0}))
@example(case_of(CHOICE, TOTP, app="Wiki", wiki_scheme="totp", enrolled=(Factor.RECOVERY_CODE,)))
@example(case_of(TICKET, SMS, app="Wiki", wiki_scheme="browser", has_tickets=True, counted={Limit.SENDS_PER_DAY: 0}))
@example(case_of(KEYS_ALONE, SMS, refusals=(RefusalReason.LOGON_HOURS,)))
@example(case_of(KEYS_ALONE, SMS, refusals=(RefusalReason.MUST_CHANGE,)))
@example(case_of(KEYS_ALONE, SMS, enrolled=()))
@example(case_of(KEYS_ALONE, SMS, app="Wiki", wiki_scheme="browser", counted={Limit.PASSWORDS_PER_ADDRESS: 1}))
@example(case_of(KEYS_ALONE, SMS, counted={Limit.PASSWORDS_PER_ADDRESS: 0}))
@example(case_of(SMS, rungs=("mail",)))
@example(case_of(SMS, rungs=("mail",), mail=None, counted={Limit.SENDS_PER_DAY: 0}))
@example(case_of(CHOICE, TOTP, app="Wiki", wiki_scheme="totp", enrolled=(), rungs=("mail",)))
@example(case_of(WEAK, SMS, app="Wiki", wiki_scheme="browser", rungs=("remembered",)))
@example(case_of(CHOICE, rungs=("remembered", "mail"), given="for Wiki", app="Wiki"))
@example(case_of(KEYS_ALONE, WEAK, TICKET, has_tickets=True, rungs=("closed",)))
@given(cases())
@hypothesis_settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_dry_run_stops_where_a_sign_in_stops(case: Case) -> None:
    asyncio.run(compare(case))
