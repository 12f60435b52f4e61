"""The dry run says yes exactly where a sign-in of a copy gets through, and names what stops it where it does not.

The sign-in is the portal's own, on a store and a directory that know the very same: what is generated is what schemes
ask for, who the person is, what was remembered and counted of them, and what they want to reach.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import structlog
from aiohttp import DummyCookieJar
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from structlog.testing import CapturingLogger

from config.settings import Settings
from directory.account_state import AccountState
from directory.change_outcomes import PasswordChanged, PasswordChangeRefused, PasswordRules
from directory.directory import CheckResult, PasswordRefused, RefusalReason
from directory.login_name import LoginName, parse_login_name
from directory.mobile import E164
from directory.principal import Account, Principal
from directory.realms import Realms
from proxy.access.networks import network_of
from proxy.access.schemes import create_app_demand
from proxy.factors.passcode.destination import known_as
from proxy.forwarding.admissions import Deny, DenyFactors, decide
from proxy.help_desk.explaining import Explaining, SignInQuestion
from proxy.operations.metrics import Metrics
from proxy.portal.app import create_portal
from proxy.secrets.keys import Keys, Purpose
from proxy.sessions.identity import Assertions
from proxy.sessions.live_sessions import LiveSessions
from proxy.sessions.session import Level, Session
from proxy.sign_in.dry_run import DryRun
from proxy.sign_in.foreseen import Foreseen, log_word
from proxy.throttle.counters import Counters
from proxy.throttle.limits import Limit
from proxy.throttle.throttle import Throttle
from tests.portal.stage import SIGN_IN_ORIGIN, START, WIKI, Browser, Page, Phone
from tests.support.memory_store import MemoryStore

NOW, DAY = 1_800_000_000.0, 86_400.0
GUID = "00000000-0000-4000-8000-00000000000a"
OFFICE, ELSEWHERE = "192.0.2.10", "203.0.113.9"
NUMBER, MAIL = "+447400123456", "alice@corp.example"
OLD, NEW = "the right one 1", "an other one 2"
KEYS = Keys(b"k" * 32, clock=lambda: NOW)
STOPS = {"sign_in.refused", "sign_in.stopped", "passcode.refused", "password.not_changed"}


class Domain:
    """The realm `corp`, in which alice's account is as `state` says, to whoever asks and to whoever signs in."""

    realm = "corp"

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
    address: str
    is_familiar: bool
    then: str
    mails_stand_in: bool
    known: str | None
    """The number that they used last."""
    counted: Mapping[Limit, int] = field(default_factory=dict)
    """How many are left of each limit, where it is less than all."""

    def settings(self) -> Settings:
        wiki: dict[str, Any] = {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1"}
        if self.wiki_groups is not None:
            wiki["groups"] = list(self.wiki_groups)
        if self.wiki_scheme is not None:
            wiki["scheme"] = self.wiki_scheme
        return Settings.model_validate(
            {
                "server": {"public_url": SIGN_IN_ORIGIN},
                "directories": [
                    {
                        "type": "active_directory",
                        "name": "corp",
                        "domain": "corp.example",
                        "servers": ["ldaps://dc1.corp.example"],
                        "bind_user": "svc@corp.example",
                        "bind_password": "x",
                    }
                ],
                "smtp": [{"host": "127.0.0.1", "from": "otp@corp.example", "security": "none"}],
                "mobile": {"then": self.then, "changed_within": "24h"},
                "second_factor": {"email_for_sms": self.mails_stand_in, "channels": ["kapow", "email"]},
                "throttle": {limit.value: MOST for limit in COUNTED if limit is not Limit.PASSWORDS_FROM_UNFAMILIAR},
                "schemes": list(self.schemes),
                "apps": [wiki, {"name": "Forms", "host": "forms.corp.example", "upstream": "http://127.0.0.1:1"}],
            }
        )


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


class SigningIn:
    """One person before the portal, with everything right that they type."""

    def __init__(self, copy: Copy) -> None:
        self.copy = copy
        self.phone, self.logger, self._seen = Phone(), CapturingLogger(), 0
        self.portal = create_portal(
            settings=copy.settings,
            realms=copy.realms,
            channel=self.phone,
            store=copy.store,
            sessions=LiveSessions(copy.store.sessions, copy.settings.sessions),
            keys=KEYS,
            throttle=copy.throttle,
            assertions=Assertions(KEYS, issuer=SIGN_IN_ORIGIN),
            metrics=Metrics(realms=["corp"]),
            log=structlog.wrap_logger(
                self.logger, processors=[], wrapper_class=structlog.make_filtering_bound_logger(0)
            ),
            clock=lambda: NOW,
            sleep=self._no_pause,
        )

    async def _no_pause(self, seconds: float) -> None: ...

    async def stop(self) -> str:
        """What stops them, in the log's words; empty: nothing does."""
        client: TestClient[Any, Any] = TestClient(TestServer(self.portal), cookie_jar=DummyCookieJar())
        async with client:
            self.browser = Browser(client, address=self.copy.case.address)
            back = {"return_to": f"{WIKI}/", "start": START} if self.copy.case.app else {}
            answer = await self._post("sign-in", back, username="alice", password=OLD)
            for _ in range(8):
                session = await self._session()
                if answer.status != 303 or session is None:
                    return self._said()
                if session.level is Level.FIRST_FACTOR:
                    answer = await self._post("passcode", back, passcode=self.phone.messages[-1].passcode)
                elif session.level is Level.MUST_CHANGE_PASSWORD:
                    answer = await self._post("password", back, current=OLD, new=NEW, again=NEW)
                else:
                    reached = await self._reach_app(session, back)
                    if reached is not None:
                        return reached
            raise AssertionError("it comes to no end")

    async def _reach_app(self, session: Session, back: dict[str, str]) -> str | None:
        """Signed in: what stops them at the app's gate, empty if nothing does; None: one proof more, and again."""
        settings = self.copy.settings
        app = next((each for each in settings.apps if each.name == self.copy.case.app), None)
        if app is None:
            return ""
        match decide(session, app, demand=create_app_demand(app, settings.schemes), now=NOW):
            case Deny():
                return "not_in_groups"
            case DenyFactors(scheme=scheme):
                sent = len(self.phone.messages)
                answer = await self._post("step-up", {**back, "scheme": scheme})
                if answer.status != 303 or len(self.phone.messages) == sent:
                    return self._said()
                answer = await self._post("passcode", back, passcode=self.phone.messages[-1].passcode)
                return None if answer.status == 303 else self._said()
            case _:
                return ""

    async def _post(self, step: str, query: dict[str, str], **fields: str) -> Page:
        url = f"{SIGN_IN_ORIGIN}/.gatepost/{step}?{urlencode(query)}"
        self._seen = len(self.logger.calls)
        page = await self.browser.get(url)
        if "csrf_token" not in page.hidden:
            return page
        return await self.browser.post(url.partition("?")[0], {**page.hidden, **fields})

    async def _session(self) -> Session | None:
        sessions = await self.copy.store.sessions.sessions(GUID)
        return sessions[-1] if sessions else None

    def _said(self) -> str:
        """By the last step."""
        lines = [call.kwargs for call in self.logger.calls[self._seen :] if call.kwargs.get("event") in STOPS]
        (line,) = lines
        return str(line["reason"])


FACTORS = [
    ["password"],
    ["password", "sms"],
    ["password", "email"],
    ["password", "sms", "email"],
    ["password", ["sms", "email"]],
    ["password", ["email", "sms"]],
]
scheme = st.fixed_dictionaries(
    {"factors": st.sampled_from(FACTORS)},
    optional={
        "groups": st.just(["Staff"]),
        "networks": st.just(["192.0.2.0/24"]),
        "apps": st.sampled_from([["Wiki"], ["Forms"]]),
    },
)
person = st.fixed_dictionaries(
    {
        "mail": st.sampled_from([MAIL, MAIL, None, "no address"]),
        "mobiles": st.sampled_from(
            [("07400 123456",), ("07400 123456",), ("ask Bob", "07400 123456"), ("ask Bob",), ()]
        ),
        "groups": st.sampled_from([frozenset({"Staff", "Wiki Users"}), frozenset({"Wiki Users"}), frozenset()]),
        "mobile_changed_at": st.sampled_from([None, NOW - 3600.0, NOW - 30 * DAY]),
        "is_mobile_change_unread": st.sampled_from([False, False, True]),
    }
)
STANDING = (RefusalReason.DISABLED, RefusalReason.LOCKED, RefusalReason.ACCOUNT_EXPIRED, RefusalReason.MUST_CHANGE)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    schemes = tuple(
        {"name": f"scheme {number}", **each}
        for number, each in enumerate(draw(st.lists(scheme, min_size=1, max_size=3)))
    )
    refusals = draw(
        st.sampled_from([(), (), (), (RefusalReason.MUST_CHANGE,), STANDING[:1], STANDING[1:3], STANDING[2:]])
    )
    counted = draw(st.dictionaries(st.sampled_from(list(COUNTED)), st.integers(0, 2), max_size=2))
    return Case(
        schemes=schemes,
        app=draw(st.sampled_from(["", "Wiki"])),
        wiki_groups=draw(st.sampled_from([None, ("Wiki Users",)])),
        wiki_scheme=draw(st.sampled_from([None, None, *(each["name"] for each in schemes)])),
        person=draw(person),
        refusals=refusals,
        can_change=draw(st.booleans()),
        address=draw(st.sampled_from([OFFICE, ELSEWHERE])),
        is_familiar=draw(st.booleans()),
        then=draw(st.sampled_from(["wait", "send", "other_channel", "refuse"])),
        mails_stand_in=draw(st.booleans()),
        known=draw(st.sampled_from([None, NUMBER, "+447400999999"])),
        counted=counted,
    )


async def compare(case: Case) -> None:
    asked, tried = Copy(case), Copy(case)
    await asked.fill()
    await tried.fill()
    foreseen = await asked.foreseen()
    (way,) = foreseen.ways
    before = len(asked.store.calls)
    assert await asked.explained() is foreseen.gets_through
    assert set(asked.store.calls[before:]) <= {"read", "is_familiar", "known_number", "first_seen"}
    assert await SigningIn(tried).stop() == (log_word(way.stops[0]) if way.stops else "")


@given(cases())
@hypothesis_settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_dry_run_stops_where_a_sign_in_stops(case: Case) -> None:
    asyncio.run(compare(case))
