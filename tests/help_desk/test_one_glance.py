"""What is read first about each state that a person can be in: can they, why not, what to do, who, until when."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from config.settings import Settings
from directory.change_outcomes import PasswordChanged, PasswordChangeRefused, PasswordRules
from directory.directory import AccountState, CheckResult, PasswordRefused, RefusalReason
from directory.errors import DirectoryUnavailable
from directory.lockout import CountedPasswords, LockoutPolicy, password_limits
from directory.login_name import LoginName, parse_login_name
from directory.mobile import E164
from directory.principal import Account, Principal
from directory.realms import Realms
from proxy.factors.passcode.passcodes import known_as
from proxy.help_desk.explaining import Explaining, Explanation, SignInQuestion
from proxy.help_desk.hints import ON_THE_COMMAND_LINE, Hints
from proxy.help_desk.throttle_steps import throttle_steps
from proxy.help_desk.verdict import Light, Who, verdict_text
from proxy.languages.catalogues import read_language
from proxy.languages.current import in_language
from proxy.pages.local_time import brief_text
from proxy.portal.admin.explanation import ON_THE_PAGE
from proxy.secrets.keys import Keys, Purpose
from proxy.sign_in.foreseen import LimitFound
from proxy.throttle.limits import CounterState, Limit
from proxy.throttle.throttle import Throttle
from proxy.throttle.typed_names import counted_as
from tests.support.memory_store import MemoryStore

NOW = 1_800_000_000.0
DAY, WINDOW = 86_400.0, 1860.0
LIMITS = password_limits(LockoutPolicy(threshold=5, window_seconds=1800.0), configured=4, window_seconds=1800.0)
GUID = "00000000-0000-4000-8000-00000000000a"
NEW_PLACE, OFFICE = "203.0.113.9", "192.0.2.10"
ALICE = Principal(
    guid=GUID,
    realm="corp",
    username="alice",
    display_name="Alice Liddell",
    mail="alice@corp.example",
    mobiles=("07400 123456",),
    groups=frozenset({"Wiki Users"}),
)


class Domain:
    """The realm `corp`, in which alice is as set."""

    realm = "corp"

    def __init__(self) -> None:
        self.principal = ALICE
        self.refusals: tuple[RefusalReason, ...] = ()
        self.locked_until: float | None = None
        self.counted: CountedPasswords | None = CountedPasswords(count=0)
        self.is_away = False

    def serves(self, login_name: LoginName) -> bool:
        return login_name.suffix == "corp.example"

    async def find(self, login_name: LoginName) -> Account | None:
        if self.is_away:
            raise DirectoryUnavailable("corp", "dc1: connection refused")
        is_there = login_name.name in ("alice", "alice.liddell")
        return Account(guid=GUID, realm="corp", username="alice", locator="x") if is_there else None

    async def state(self, guid: str) -> AccountState | None:
        return AccountState(
            principal=self.principal, refusals=self.refusals, locked_until=self.locked_until, told_by="dc1"
        )

    def lockout_policy(self) -> LockoutPolicy | None:
        return LockoutPolicy(threshold=5, window_seconds=1800.0)

    async def counted_passwords(self, guid: str) -> CountedPasswords | None:
        return self.counted

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        raise NotImplementedError

    async def read(self, guid: str) -> Principal | None:
        raise NotImplementedError

    async def change_password(self, guid: str, old: str, new: str) -> PasswordChanged | PasswordChangeRefused:
        raise NotImplementedError

    async def password_rules(self) -> PasswordRules | None:
        return None

    async def check(self) -> list[CheckResult]:
        return []

    async def close(self) -> None: ...


@dataclass
class World:
    settings: Settings
    domain: Domain = field(default_factory=Domain)
    store: MemoryStore = field(default_factory=MemoryStore)
    keys: Keys = field(default_factory=lambda: Keys(b"k" * 32, clock=lambda: NOW))

    @property
    def throttle(self) -> Throttle:
        return Throttle(self.store.counters, self.settings.throttle, key=self.keys.derive(Purpose.THROTTLE))

    async def explained(self, question: SignInQuestion, hints: Hints = ON_THE_PAGE) -> Explanation:
        realms = Realms([self.domain])
        explaining = Explaining(self.settings, realms=realms, store=self.store, keys=self.keys, hints=hints)
        return await explaining.explain(question, now=NOW)


def settings(**changes: Any) -> Settings:
    values: dict[str, Any] = {
        "server": {"public_url": "https://signin.corp.example"},
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
        "schemes": [
            {"name": "mailed", "factors": ["password", "email"], "groups": ["Mailed"]},
            {"name": "office", "factors": ["password"], "networks": ["192.0.2.0/24"]},
            {"name": "browser", "factors": ["password", "sms"], "groups": ["Wiki Users", "Nothing"]},
        ],
        "apps": [
            {"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1", "groups": ["Wiki Users"]},
            {"name": "Pay", "host": "pay.corp.example", "upstream": "http://127.0.0.1:1", "groups": ["Payroll"]},
        ],
        "admin": {"groups": ["Gatepost Admins"]},
    }
    return Settings.model_validate({**values, **changes})


Setting = Callable[[World], Awaitable[None] | None]


async def put(world: World, setting: Setting) -> None:
    pending = setting(world)
    if pending is not None:
        await pending


def account(*refusals: RefusalReason, until: float | None = None) -> Setting:
    def change(world: World) -> None:
        world.domain.refusals, world.domain.locked_until = refusals, until

    return change


def person(**changes: Any) -> Setting:
    def change(world: World) -> None:
        world.domain.principal = replace(ALICE, **changes)

    return change


def mobile(*texts: str) -> Setting:
    return person(mobiles=texts)


def sent(count: int = 8) -> Setting:
    async def change(world: World) -> None:
        for each in range(count):
            await world.throttle.reserve_send(
                person=f"somebody {each}", number=E164("+447400123456"), address=f"198.51.100.{each}", now=NOW
            )

    return change


def wrong_passwords(typed: str = "alice", *, count: int | None = 0, home: str = "") -> Setting:
    """Two from a new place, as many as the domain's policy leaves to new places; `count`: what the domain counts."""

    async def change(world: World) -> None:
        world.domain.counted = None if count is None else CountedPasswords(count=count, forgotten_at=NOW + 1234)
        login_name = parse_login_name(typed)
        assert login_name is not None
        name = counted_as(login_name, world.settings.directories[0])
        for each in range(2):
            await world.throttle.reserve_password(person=GUID, address=NEW_PLACE, limits=LIMITS, now=NOW)
            await world.throttle.told_pauses.refused(typed=name, start=0, password=b"%d" % each, limits=LIMITS, now=NOW)
        if home:
            await world.throttle.remember_address(person=GUID, address=home, now=NOW)
            await world.throttle.reserve_password(person=GUID, address=home, limits=LIMITS, now=NOW)

    return change


async def locked_codes(world: World) -> None:
    for each in range(100):
        assert await world.throttle.reserve_passcode(person=GUID, now=NOW - 20 * DAY + each * 2000.0) is None


async def other_number_used_last(world: World) -> None:
    world.domain.principal = replace(ALICE, mobile_changed_at=NOW - 3600.0)
    known = known_as(world.keys, ALICE, E164("+447400999999"), now=NOW - 30 * DAY)
    await world.store.numbers.put_known_number(GUID, known)


def away(world: World) -> None:
    world.domain.is_away = True


async def day_used_up(world: World) -> None:
    await world.throttle.reserve_send(person="bob", number="+447400654321", address="198.51.100.9", now=NOW)


WHO = {Who.HELP_DESK: "desk", Who.DIRECTORY: "directory", Who.OPERATOR: "operator", None: ""}
CANNOT, CAN = "Alice Liddell (alice) cannot sign in", "Alice Liddell (alice) can sign in"
# fmt: off
GLANCES: list[tuple[str, Setting, dict[str, str], Light, str, str, str, float | None]] = [
    # the state, what is asked, the light, the headline, what to do, who, until
    ("in order", person(), {}, Light.GREEN, f"{CAN} now", "", "", None),
    ("in order, with an app", person(), {"app": "Wiki"}, Light.GREEN, f"{CAN} and reach Wiki now", "", "", None),
    ("disabled", account(RefusalReason.DISABLED), {}, Light.RED, f"{CANNOT} now: the account is disabled",
     "enable it in the directory", "directory", None),
    ("locked", account(RefusalReason.LOCKED, until=NOW + 900), {}, Light.RED,
     f"{CANNOT} now: the account is locked in the directory", "unlock it in the directory, or wait", "directory",
     NOW + 900),
    ("expired", account(RefusalReason.ACCOUNT_EXPIRED), {}, Light.RED, f"{CANNOT} now: the account has expired",
     "set a later expiry date in the directory", "directory", None),
    ("at another hour", account(RefusalReason.LOGON_HOURS), {}, Light.RED,
     f"{CANNOT} now: the account cannot be used at this time", "allow this time in the directory, or wait",
     "directory", None),
    ("on other computers", account(RefusalReason.WORKSTATION), {}, Light.RED,
     f"{CANNOT} now: the account can only be used on certain computers",
     "add the domain controllers to its computers in the directory", "directory", None),
    ("must change", account(RefusalReason.MUST_CHANGE), {}, Light.AMBER,
     f"{CAN} now: the account has a password that must be changed before anything else, so Gatepost asks for a new one"
     " on the way", "", "", None),
    ("password expired", account(RefusalReason.PASSWORD_EXPIRED), {}, Light.AMBER,
     f"{CAN} now: the account has a password that has expired, so Gatepost asks for a new one on the way",
     "", "", None),
    ("no mobile", mobile(), {}, Light.RED, f"{CANNOT} now: the directory has no mobile number for them",
     "put their mobile number into the mobile field", "directory", None),
    ("letters", mobile("ask Bob"), {}, Light.RED, f"{CANNOT} now: the value in the mobile field has letters in it",
     "put their mobile number into the mobile field", "directory", None),
    ("several", mobile("07400 123456 / 07400 654321"), {}, Light.RED,
     f"{CANNOT} now: the value in the mobile field is more than one number",
     "leave one number in the mobile field, the mobile one", "directory", None),
    ("landline", mobile("020 7946 0018"), {}, Light.RED,
     f"{CANNOT} now: the mobile field has a landline number (it ends in 018)",
     "put their mobile number into the mobile field", "directory", None),
    ("extension", mobile("07400 123456 ext 7"), {}, Light.RED,
     f"{CANNOT} now: the value in the mobile field has an extension",
     "put a mobile number without an extension into the mobile field", "directory", None),
    ("foreign", mobile("+33 6 12 34 56 78"), {}, Light.RED,
     f"{CANNOT} now: their mobile number is of a country that is not allowed: +33 (FR)",
     "allow numbers of +33 (FR), if codes may be sent there", "operator", None),
    ("of a satellite", mobile("+881 612345678"), {}, Light.RED,
     f"{CANNOT} now: their mobile number is of a country that is not allowed: +881",
     "allow numbers of +881, if codes may be sent there", "operator", None),
    ("foreign in one reading alone", mobile("(479) 212-3456"), {}, Light.RED,
     f"{CANNOT} now: the value in the mobile field is of a country that is not allowed",
     "write the number with a + and its country code", "directory", None),
    ("in no group", person(groups=frozenset({"Nothing"})), {}, Light.RED,
     f"{CANNOT} now: they are not in any app's groups",
     'add them to "Wiki Users" or "Payroll"', "directory", None),
    ("not in the app's group", person(), {"app": "Pay"}, Light.RED,
     f'{CANNOT} and reach Pay now: only members of "Payroll" may open it', 'add them to "Payroll"', "directory", None),
    ("an admin of nothing else", person(groups=frozenset({"Nothing", "Gatepost Admins"})), {}, Light.GREEN,
     f"{CAN} now", "", "", None),
    ("no way of signing in", person(groups=frozenset({"Payroll"})), {"address": NEW_PLACE}, Light.RED,
     f"{CANNOT} now: they have no way to sign in from {NEW_PLACE}",
     "give them a way to sign in there", "operator", None),
    ("no way but at work", person(groups=frozenset({"Payroll"})), {}, Light.RED,
     f"{CANNOT} now: they have no way to sign in from an unknown place",
     "if they are at work, enter the address below", "desk", None),
    ("no mail", person(mail=None, groups=frozenset({"Mailed", "Wiki Users"})), {}, Light.RED,
     f"{CANNOT} now: the directory has no usable mail address for them",
     "put their mail address into the mail field", "directory", None),
    ("sends", sent(), {}, Light.RED, f"{CANNOT} now: too many codes were sent to their number or mail address",
     "end this pause: use the button below", "desk", NOW + 1800),
    ("codes locked", locked_codes, {}, Light.RED,
     f"{CANNOT} now: their codes are locked after too many wrong ones in a row",
     "end this pause: use the button below", "desk", None),
    ("the day's codes", day_used_up, {}, Light.RED, f"{CANNOT} now: the codes of this day are used up, for everybody",
     "wait, or allow more codes a day", "operator", NOW + DAY),
    ("passwords, new place not said", wrong_passwords(), {}, Light.AMBER,
     f"{CANNOT} from a new place now: too many wrong passwords were typed where they never signed in",
     "end this pause: use the button below", "desk", NOW + WINDOW),
    ("passwords, new place", wrong_passwords(), {"address": NEW_PLACE}, Light.RED,
     f"{CANNOT} now: too many wrong passwords were typed where they never signed in",
     "end this pause: use the button below", "desk", NOW + WINDOW),
    ("passwords, known place", wrong_passwords(home=OFFICE), {"address": OFFICE}, Light.RED,
     f"{CANNOT} now: too many wrong passwords were typed for them",
     "end this pause: use the button below", "desk", NOW + WINDOW),
    ("passwords, which the domain counts too", wrong_passwords(count=3), {"address": NEW_PLACE}, Light.RED,
     f"{CANNOT} now: too many wrong passwords were typed where they never signed in",
     "wait: the directory itself still counts 3 wrong passwords, and more of them may lock the account there",
     "desk", NOW + WINDOW),
    ("passwords, other spelling", wrong_passwords("alice.liddell@corp.example"), {"address": NEW_PLACE}, Light.RED,
     f"{CANNOT} now: too many wrong passwords were typed where they never signed in (not with the user name as it is"
     " written here, so the sign-in page does not say so)",
     "end this pause: use the button below", "desk", NOW + WINDOW),
    ("number changed", other_number_used_last, {}, Light.RED, f"{CANNOT} now: their mobile number was changed recently",
     "call them back on a number that you trust, then confirm the new one: use the button below, for the number"
     " ending in 456", "desk", NOW - 3600 + DAY),
    ("unknown", person(), {"login": "alcie"}, Light.RED,
     "alcie cannot sign in now: the directory has no account of this name",
     "ask them for the name that they sign in to their computer with", "desk", None),
    ("directory away", away, {}, Light.RED, "alice cannot sign in now: the directory cannot say who they are just now",
     "try again in a few minutes, then tell them", "operator", None),
]
# fmt: on


@pytest.mark.parametrize(
    ("setting", "asked", "light", "headline", "what", "who", "until"),
    [row[1:] for row in GLANCES],
    ids=[row[0] for row in GLANCES],
)
async def test_one_glance_is_enough(
    setting: Setting,
    asked: dict[str, str],
    light: Light,
    headline: str,
    what: str,
    who: str,
    until: float | None,
) -> None:
    world = World(settings(**({"throttle": {"sends_per_day": 1}} if setting is day_used_up else {})))
    await put(world, setting)
    question = SignInQuestion(login=asked.get("login", "alice"), address=asked.get("address"), app=asked.get("app", ""))
    explanation = await world.explained(question)
    verdict = explanation.verdict
    assert (verdict.light, verdict.headline, verdict.what, WHO[verdict.who], verdict.until, verdict.more) == (
        (light, headline, what, who, until, 0)
    )
    assert verdict.can_sign_in is headline.startswith(CAN)
    text = verdict_text(verdict, NOW)
    assert "UTC" not in text
    assert until is None or f"until {brief_text(until, NOW)}" in text
    for step in explanation.steps:
        assert "UTC" not in step.detail
        assert not any(key in step.detail for key in ("[mobile]", "second_factor.", "allowed_countries")), step
        assert step.ok is not False or (step.cause is not None and step.cause.why)


async def test_a_command_names_the_key_and_the_commands() -> None:
    world = World(settings())
    await put(world, mobile("+33 6 12 34 56 78"))
    abroad = await world.explained(SignInQuestion(login="alice"), ON_THE_COMMAND_LINE)
    assert abroad.verdict.what == "add FR to [mobile] allowed_countries, if passcodes may be sent there"
    await other_number_used_last(world)
    changed = await world.explained(SignInQuestion(login="alice"), ON_THE_COMMAND_LINE)
    assert changed.verdict.what.endswith("confirm the new one: gatepost unlock alice --confirm-number 456")


async def test_an_explanation_is_in_the_language_in_use() -> None:
    words = {
        "%(name)s cannot sign in now: %(why)s": "Ni all %(name)s fewngofnodi: %(why)s",
        "the account is disabled": "mae’r cyfrif ar gau",
        "enable it in the directory": "agorwch ef",
        "%(why)s: %(what)s": "%(why)s; %(what)s",
    }
    catalogue = "".join(f'msgid "{english}"\nmsgstr "{welsh}"\n\n' for english, welsh in words.items())
    world = World(settings())
    await put(world, account(RefusalReason.DISABLED))
    with in_language(read_language("cy", catalogue.encode())):
        explanation = await world.explained(SignInQuestion(login="alice"))
    assert explanation.verdict.headline.startswith("Ni all ")
    assert explanation.verdict.headline.endswith(" fewngofnodi: mae’r cyfrif ar gau")
    assert explanation.verdict.what == "agorwch ef"
    assert "mae’r cyfrif ar gau; agorwch ef" in [step.detail for step in explanation.steps]
    # Programs and the command line know them by these.
    assert {"realm", "account", "state"} <= {step.name for step in explanation.steps}


async def test_what_holds_everywhere_is_told_before_what_holds_in_new_places() -> None:
    world = World(settings())
    await put(world, wrong_passwords())
    await put(world, sent())
    verdict = (await world.explained(SignInQuestion(login="alice"))).verdict
    assert (verdict.light, verdict.more) == (Light.RED, 1)
    assert "too many codes were sent" in verdict.headline


async def test_a_pause_that_the_page_tells_is_a_step_of_its_own() -> None:
    world = World(settings())
    await put(world, wrong_passwords())
    steps = (await world.explained(SignInQuestion(login="alice", address=NEW_PLACE))).steps
    told = [step for step in steps if "which the sign-in page shows" in step.detail]
    assert [(step.ok, step.moments) for step in told] == [(None, (("until", NOW + WINDOW),))]


def test_every_limit_has_its_words() -> None:
    told: dict[str, str] = {}
    for limit in Limit:
        reached = LimitFound(standing=CounterState(limit=limit, count=5, most=5, window_ends_at=NOW), takes=1)
        (step,) = throttle_steps([reached], login="alice", address=OFFICE)
        told[step.detail] = step.cause.why if step.cause is not None else ""
    assert len(told) == len(Limit)
    whys = [why for why in told.values() if why]
    assert len(set(whys)) == len(whys) == len(Limit) - 1, "what the page shows as it was typed stops nobody by itself"
