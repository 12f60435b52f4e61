"""What counts once counts once at two workers (one file) and at two nodes (one Redis), whoever answers at one time.

And it counts for its person and their realm alone.
"""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pyotp
import pytest
import structlog

from config.factors import Factor
from config.settings import PasscodeSettings
from directory.directory import AccountState
from directory.realms import Realms
from proxy.factors.enrolled import EnrolledCodes
from proxy.factors.enrolment import Enrolment, seal_enrolment
from proxy.factors.passkey.passkeys import Passkeys
from proxy.factors.recovery_code.recovery_codes import RecoveryCodes, enrolment_of_code
from proxy.factors.second_factor import Chosen, Unusable
from proxy.factors.totp.authenticator_apps import AuthenticatorApps
from proxy.factors.totp.totp import lookup_of
from proxy.secrets.keys import Keys, Purpose
from proxy.sign_in.changed_numbers import Notice, Notices
from proxy.sign_in.client import Client
from proxy.sign_in.enrolling import MOST_PER_PERSON, Added, Enrolling
from proxy.sign_in.passkey_alone import PasskeyGiven, PasskeyStep
from proxy.sign_in.password import PersonProven
from proxy.sign_in.sign_in_log import SignInLog
from proxy.store.contract import Store
from proxy.throttle.throttle import Throttle
from tests.portal.stage import SIGN_IN_ORIGIN, Phone, portal_settings
from tests.support.authenticator import Authenticator
from tests.support.people import NOW, principal

SETTINGS = portal_settings(Path("/nowhere"))
KEYS = Keys(b"k" * 32, clock=lambda: NOW)
SECRET, CODE = b"12345678901234567890", "K7QX-2MRA-9FZT"
ANNA, BEN = principal(), principal(guid="another")
TOLD = Notice(sms="told", subject="told", mail="told")
TWIN = principal(realm="hostile")
"""Of another realm, with Anna's GUID."""
KINDS = {
    Factor.TOTP: (AuthenticatorApps, pyotp.TOTP(base64.b32encode(SECRET).decode()).at(int(NOW))),
    Factor.RECOVERY_CODE: (RecoveryCodes, CODE),
}


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


def enrolling_at(store: Store, phone: Phone) -> Enrolling:
    notices = Notices(notifier=phone, log=structlog.get_logger(), wording=lambda event, number: TOLD)
    return Enrolling(
        store=store.enrolments,
        numbers=store.numbers,
        counters=store.counters,
        settings=SETTINGS,
        keys=KEYS,
        notices=notices,
        notice_of=lambda factor, is_added: TOLD,
    )


async def test_a_person_neither_sees_nor_changes_what_another_realms_has(stores: tuple[Store, Store]) -> None:
    app, phone = enrolled(Factor.TOTP), Phone()
    await stores[0].enrolments.put_enrolments([app])
    enrolling = enrolling_at(stores[1], phone)
    assert await enrolling.of(TWIN) == []
    assert await enrolling.remove(TWIN, app.enrolment_id, incident="i") is None
    assert not await enrolling.rename(TWIN, app.enrolment_id, "mine")
    assert await enrolling.rename(ANNA, app.enrolment_id, "work phone")
    assert [each.name for each in await enrolling.of(ANNA)] == ["work phone"]
    await enrolling.notices.settled()
    assert phone.told == []


def app_of(secret: bytes) -> Enrolment:
    return seal_enrolment(KEYS, ANNA, Factor.TOTP, secret, name="phone", lookup=lookup_of(secret), now=NOW)


async def test_of_many_that_are_added_at_one_time_there_is_room_for_ten(stores: tuple[Store, Store]) -> None:
    phone = Phone()
    nodes = [enrolling_at(each, phone) for each in stores]
    for number in range(MOST_PER_PERSON - 2):
        await stores[0].enrolments.put_enrolments([app_of(bytes([number]) * 20)])
    new = [app_of(bytes([100 + number]) * 20) for number in range(10)]
    adding = [node.add(ANNA, each, incident="i") for each in new for node in nodes]  # each form is sent twice
    outcomes = await asyncio.gather(*adding)
    assert outcomes.count(Added.ADDED) == 2
    assert set(outcomes) <= {Added.ADDED, Added.TAKEN, Added.FULL}
    assert outcomes.count(Added.FULL) >= 16
    assert len(await nodes[0].of(ANNA)) == MOST_PER_PERSON
    for node in nodes:
        await node.notices.settled()
    assert len(phone.told) == 4, "each of the two, by mail and by text"


async def test_of_two_new_sets_of_codes_at_one_time_one_counts(stores: tuple[Store, Store]) -> None:
    phone = Phone()
    nodes = [enrolling_at(each, phone) for each in stores]
    sets = [[enrolment_of_code(KEYS, ANNA, code, name="1", now=NOW)] for code in (CODE, "AAAA-BBBB-CCCC") * 5]
    kept = await asyncio.gather(
        *(nodes[at % 2].add_codes(ANNA, each, in_place_of=None, incident="i") for at, each in enumerate(sets))
    )
    assert kept.count(True) == 1
    (standing,) = await nodes[0].of(ANNA)
    assert standing.ids == (sets[kept.index(True)][0].enrolment_id,)
    assert not await nodes[1].add_codes(ANNA, sets[kept.index(False)], in_place_of=None, incident="i")
    assert await nodes[1].add_codes(ANNA, sets[kept.index(False)], in_place_of=standing, incident="i")


async def test_what_another_key_has_sealed_proves_nothing(stores: tuple[Store, Store]) -> None:
    await stores[0].enrolments.put_enrolments([enrolled(Factor.TOTP)])
    create, code = KINDS[Factor.TOTP]
    kind = create(PasscodeSettings(), stores[0].enrolments, Keys(b"x" * 32, clock=lambda: NOW))
    assert await is_right(kind, code) is False
    way = (await kind.usable_by(ANNA, Factor.TOTP, now=NOW)).way
    assert not isinstance(way, Chosen)
    assert way.reason == "unreadable_totp"
