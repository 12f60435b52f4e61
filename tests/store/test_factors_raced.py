"""What counts once counts once at two workers (one file) and at two nodes (one Redis), whoever answers at one time.

And the value by which a browser is remembered changes at one of them for both.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pyotp
import pytest
import structlog

from config.factors import Factor
from config.settings import PasscodeSettings, SchemeSettings, StoreSettings
from directory.directory import AccountState
from directory.principal import Principal
from directory.realms import Realms
from proxy.factors.enrolled import EnrolledCodes
from proxy.factors.enrolment import Enrolment, seal_enrolment
from proxy.factors.passkey.passkeys import Passkeys
from proxy.factors.recovery_code.recovery_codes import RecoveryCodes, enrolment_of_code
from proxy.factors.remembered.browser import RememberedBrowser, name_of, password_of
from proxy.factors.remembered.browser_store import CHANGE_SECONDS
from proxy.factors.second_factor import Chosen, Unusable
from proxy.factors.totp.authenticator_apps import AuthenticatorApps
from proxy.secrets.keys import Keys, Purpose
from proxy.secrets.tokens import new_token, token_digest
from proxy.sign_in.changed_numbers import Notice, Notices
from proxy.sign_in.client import Client
from proxy.sign_in.enrolling import Enrolling
from proxy.sign_in.passkey_alone import PasskeyGiven, PasskeyStep
from proxy.sign_in.password import PersonProven
from proxy.sign_in.remembering import Remembering
from proxy.sign_in.sign_in_log import SignInLog
from proxy.store.contract import Store
from proxy.store.redis.redis_store import RedisStore
from proxy.store.sqlite.sqlite_store import SQLiteStore
from proxy.throttle.throttle import Throttle
from tests.portal.stage import SIGN_IN_ORIGIN, Phone, portal_settings
from tests.support.authenticator import Authenticator
from tests.support.people import NOW, principal
from tests.support.redis_server import RedisServer, new_prefix

SETTINGS = portal_settings(Path("/nowhere"))
KEYS = Keys(b"k" * 32, clock=lambda: NOW)
SECRET, CODE = b"12345678901234567890", "K7QX-2MRA-9FZT"
ANNA, BEN = principal(), principal(guid="another")
TWIN = principal(realm="hostile")
"""Of another realm, with Anna's GUID."""
KINDS = {
    Factor.TOTP: (AuthenticatorApps, pyotp.TOTP(base64.b32encode(SECRET).decode()).at(int(NOW))),
    Factor.RECOVERY_CODE: (RecoveryCodes, CODE),
}


@pytest.fixture(params=["sqlite", "redis"])
async def stores(
    request: pytest.FixtureRequest, tmp_path: Path, redis_server: RedisServer
) -> AsyncIterator[tuple[Store, Store]]:
    """Two of one."""
    if request.param == "sqlite":
        pair: tuple[Store, Store] = (SQLiteStore(tmp_path / "state.db"), SQLiteStore(tmp_path / "state.db"))
    else:
        settings = StoreSettings(url=redis_server.url, prefix=new_prefix())
        pair = (RedisStore(settings), RedisStore(settings))
    yield pair
    for each in pair:
        await each.close()


def enrolled(factor: Factor) -> Enrolment:
    if factor is Factor.TOTP:
        return seal_enrolment(KEYS, ANNA, factor, SECRET, name="phone", now=NOW)
    return enrolment_of_code(KEYS, ANNA, CODE, name="1", now=NOW)


async def is_right(kind: EnrolledCodes, text: str, *, person: object = ANNA) -> bool | None:
    challenge = kind.begin(
        Chosen(factor=kind.factor, digests=(b"",)),
        person,  # type: ignore[arg-type]
        session_id="s",
        now=NOW,
    )
    answer = await kind.answer(person, challenge, text, now=NOW)  # type: ignore[arg-type]
    return None if answer is None else answer == challenge.digest


@pytest.mark.parametrize("factor", KINDS)
async def test_of_many_answers_at_one_time_one_is_right(stores: tuple[Store, Store], factor: Factor) -> None:
    create, code = KINDS[factor]
    await stores[0].enrolments.put_enrolments([enrolled(factor)])
    kinds = [create(PasscodeSettings(), each.enrolments, KEYS) for each in stores]
    answers = await asyncio.gather(*(is_right(kind, code) for kind in kinds for _ in range(10)))
    assert sorted(map(bool, answers)) == [False] * 19 + [True]
    assert await is_right(kinds[1], code) is False


async def with_passkey(store: Store, *, counts: bool) -> Authenticator:
    """Anna has added it."""
    device, passkeys = Authenticator(origin=SIGN_IN_ORIGIN, counts=counts), Passkeys(SETTINGS, store.enrolments, KEYS)
    asked = await passkeys.ask_for_new(ANNA, session_id="s", now=NOW)
    answer = device.make(asked.options)
    made = passkeys.made(ANNA, answer, session_id="s", stamp=asked.stamp, name="laptop", now=NOW)
    assert made is not None
    assert await store.enrolments.put_enrolments([made])
    return device


class Directory:
    """Where Anna's account is in order."""

    realm = ANNA.realm

    async def state(self, guid: str) -> AccountState | None:
        return AccountState(principal=ANNA, refusals=(), told_by="dc1")


@pytest.mark.parametrize("counts", [True, False])
async def test_of_many_who_send_one_assertion_alone_one_is_let_in(stores: tuple[Store, Store], counts: bool) -> None:
    device = await with_passkey(stores[0], counts=counts)
    log = SignInLog(structlog.get_logger(), count=lambda outcome, realm: None)
    steps = [
        PasskeyStep(
            passkeys=Passkeys(SETTINGS, each.enrolments, KEYS),
            realms=Realms([Directory()]),  # type: ignore[list-item]  # only what is asked of it
            throttle=Throttle(each.counters, SETTINGS.throttle, key=KEYS.derive(Purpose.THROTTLE)),
            counters=each.counters,
            keys=KEYS,
            log=log,
        )
        for each in stores
    ]
    client = Client(address="192.0.2.7", host="signin.corp.example", browser="b", incident="i")
    asked = steps[0].passkeys.ask_anybody(client.browser, now=NOW)
    given = PasskeyGiven(assertion=device.prove(asked.options), stamp=asked.stamp)
    tries = await asyncio.gather(*(step.prove(client, given, now=NOW) for step in steps for _ in range(10)))
    assert [isinstance(each, PersonProven) for each in tries].count(True) == 1


@pytest.mark.parametrize("factor", KINDS)
async def test_a_code_of_another_person_is_wrong_and_is_not_used_up(
    stores: tuple[Store, Store], factor: Factor
) -> None:
    create, code = KINDS[factor]
    await stores[0].enrolments.put_enrolments([enrolled(factor)])
    kind = create(PasscodeSettings(), stores[1].enrolments, KEYS)
    assert await is_right(kind, code, person=BEN) is False
    assert await is_right(kind, "what?") is None
    assert await is_right(kind, code) is True


@pytest.mark.parametrize("factor", KINDS)
async def test_a_code_counts_in_its_realm_only(stores: tuple[Store, Store], factor: Factor) -> None:
    create, code = KINDS[factor]
    await stores[0].enrolments.put_enrolments([enrolled(factor)])
    kind = create(PasscodeSettings(), stores[1].enrolments, KEYS)
    assert isinstance(await kind.held_by(TWIN, factor), Unusable)
    assert isinstance((await kind.usable_by(TWIN, factor, now=NOW)).way, Unusable)
    assert await is_right(kind, code, person=TWIN) is False
    assert isinstance(await kind.held_by(ANNA, factor), Chosen)
    assert await is_right(kind, code) is True


async def test_a_passkey_counts_in_its_realm_only(stores: tuple[Store, Store]) -> None:
    device = await with_passkey(stores[0], counts=True)
    passkeys = Passkeys(SETTINGS, stores[1].enrolments, KEYS)
    assert isinstance(await passkeys.held_by(TWIN, Factor.PASSKEY), Unusable)
    for person, is_theirs in ((TWIN, False), (ANNA, True)):
        challenge = passkeys.begin(Chosen(factor=Factor.PASSKEY, digests=(b"",)), person, session_id="s", now=NOW)
        answer = device.prove(await passkeys.options(ANNA, challenge))
        assert (await passkeys.answer(person, challenge, answer, now=NOW) == challenge.digest) is is_theirs


async def test_a_person_neither_sees_nor_changes_what_another_realms_has(stores: tuple[Store, Store]) -> None:
    app = enrolled(Factor.TOTP)
    await stores[0].enrolments.put_enrolments([app])
    enrolling = Enrolling(
        store=stores[1].enrolments,
        numbers=stores[1].numbers,
        counters=stores[1].counters,
        settings=SETTINGS,
        keys=KEYS,
        notices=None,  # type: ignore[arg-type]  # nobody is told of what does not happen
        notice_of=None,  # type: ignore[arg-type]
    )
    assert await enrolling.of(TWIN) == []
    assert await enrolling.remove(TWIN, app.enrolment_id, incident="i") is None
    assert not await enrolling.rename(TWIN, app.enrolment_id, "mine")
    assert await enrolling.rename(ANNA, app.enrolment_id, "work phone")
    assert [each.name for each in await enrolling.of(ANNA)] == ["work phone"]


async def test_what_another_key_has_sealed_proves_nothing(stores: tuple[Store, Store]) -> None:
    await stores[0].enrolments.put_enrolments([enrolled(Factor.TOTP)])
    create, code = KINDS[Factor.TOTP]
    kind = create(PasscodeSettings(), stores[0].enrolments, Keys(b"x" * 32, clock=lambda: NOW))
    assert await is_right(kind, code) is False
    way = (await kind.usable_by(ANNA, Factor.TOTP, now=NOW)).way
    assert not isinstance(way, Chosen)
    assert way.reason == "unreadable_totp"


PERSON = replace(ANNA, password_set_at=NOW - 3600)
BROWSER_SCHEME = SchemeSettings.model_validate({"name": "browser", "factors": ["password", "sms"], "remember": "14d"})
STOLEN = Notice(sms="copied", subject="copied", mail="copied")


class Number:
    """A number that Anna has all the time."""

    async def held_by(self, principal: Principal, factor: Factor) -> Chosen:
        return Chosen(factor=factor, digests=(b"number",))


class Nodes:
    """Two, of which each has its own connection to what both keep, and Anna's browser that they remember."""

    def __init__(self, stores: tuple[Store, Store]) -> None:
        self.stores, self.phone, self.now = stores, Phone(), NOW
        log = structlog.get_logger()
        self.notices = Notices(notifier=self.phone, log=log, wording=lambda event, number: STOLEN)
        self.nodes = [
            Remembering(
                schemes=[BROWSER_SCHEME],
                networks=(),
                mobile=SETTINGS.mobile,
                factors={Factor.SMS: Number()},  # type: ignore[dict-item]  # only what is asked of it
                store=each.browsers,
                numbers=each.numbers,
                keys=KEYS,
                log=SignInLog(log, count=lambda outcome, realm: None),
                notices=self.notices,
                stolen=STOLEN,
            )
            for each in stores
        ]

    async def remember(self) -> str:
        """One more browser; what its cookie holds."""
        value = new_token()
        browser = RememberedBrowser(
            name=name_of(value),
            guid=PERSON.guid,
            realm=PERSON.realm,
            scheme=BROWSER_SCHEME.name,
            proven=((Factor.SMS, b"number"),),
            password=password_of(PERSON),
            made_at=self.now,
            used_at=self.now,
            expires_at=self.now + 86_400,
            client_address="192.0.2.7",
        )
        await self.stores[0].browsers.put_browser(browser, digest=token_digest(value), most=9)
        self.now += CHANGE_SECONDS
        return value

    async def use(self, node: int, value: str) -> str:
        """What the browser holds then; empty: it stands for nothing."""
        client = Client(address="192.0.2.7", host="signin.corp.example", browser="b", incident="i", remembered=value)
        proven = PersonProven(principal=PERSON, factor=Factor.PASSWORD)
        found = await self.nodes[node].stands_in(client, proven, BROWSER_SCHEME, now=self.now)
        return "" if found is None else found.value

    async def told(self) -> list[str]:
        await self.notices.settled()
        return [to for to, _ in self.phone.told]

    async def kept(self) -> list[int]:
        return [len(await each.browsers.browsers(PERSON.guid)) for each in self.stores]


async def test_a_value_that_is_used_at_once_on_two_nodes_is_no_theft(stores: tuple[Store, Store]) -> None:
    nodes = Nodes(stores)
    first = await nodes.remember()
    held = await asyncio.gather(*(nodes.use(node, first) for node in (0, 1) for _ in range(10)))
    (second,) = set(held)  # whichever answer comes last, the browser holds what is in force
    assert second not in ("", first)
    nodes.now += CHANGE_SECONDS - 1
    tabs = [(node, value) for node in (0, 1) for value in (first, second)]
    assert await asyncio.gather(*(nodes.use(*tab) for tab in tabs)) == [second] * 4
    nodes.now += 1
    assert await nodes.use(1, second) not in ("", first, second)
    assert await nodes.told() == []


@pytest.mark.parametrize("turned_on", [0, 1])
@pytest.mark.parametrize("stolen_on", [0, 1])
async def test_an_old_value_is_theft_after_its_minute_on_either_node(
    stores: tuple[Store, Store], turned_on: int, stolen_on: int
) -> None:
    nodes = Nodes(stores)
    other, first = await nodes.remember(), await nodes.remember()
    second = await nodes.use(turned_on, first)
    assert second
    nodes.now += CHANGE_SECONDS
    assert await nodes.use(stolen_on, first) == ""
    assert await nodes.kept() == [0, 0]
    assert [await nodes.use(node, value) for node in (0, 1) for value in (first, second, other)] == [""] * 6
    assert await nodes.told() == ["+447400123456", PERSON.mail]


async def test_a_theft_beside_the_persons_own_use_is_found_out_and_told_once(stores: tuple[Store, Store]) -> None:
    nodes = Nodes(stores)
    first = await nodes.remember()
    second = await nodes.use(0, first)
    nodes.now += CHANGE_SECONDS
    uses = [(node, value) for value in (second, first) for node in (0, 1) for _ in range(10)]
    held = await asyncio.gather(*(nodes.use(*use) for use in uses))
    assert set(held[20:]) == {""}, "the old value opens nothing"
    assert await nodes.kept() == [0, 0]
    assert await nodes.told() == ["+447400123456", PERSON.mail]
