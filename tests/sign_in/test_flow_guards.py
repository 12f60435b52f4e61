"""What a sign-in never does, whoever sends what and whatever happens meanwhile: each test fails without its guard."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from config.factors import ChannelKind, Factor
from config.settings import SchemeSettings
from directory.change_outcomes import ChangeRefusal, PasswordChangeRefused
from directory.directory import RefusalReason
from proxy.factors.passcode.passcodes import Passcodes
from proxy.sessions.session import Level
from proxy.sign_in.outcomes import Accepted, ProofAsked, SessionGone, SignedIn, Throttled
from proxy.sign_in.password_change import Changed, ChangedAndSignedOut
from proxy.store.contract import Store
from proxy.throttle.limits import Limit
from tests.portal.stage import NOW
from tests.portal.test_password_change import NAME, NEW, OLD
from tests.sign_in.headless import INSIDE, Corp, Service

OUTSIDE = "192.0.2.7"


async def counted(service: Service, corp: Corp, address: str, *limits: Limit) -> list[int]:
    limits_of = service.throttle.password_limits(corp)
    standings = await service.throttle.standings(
        person=corp.account.guid, limits=limits_of, number=None, address=address, now=service.now
    )
    return [each.count for each in standings if each.limit in limits]


async def is_familiar(service: Service, corp: Corp, address: str) -> bool:
    return await service.throttle.is_familiar(person=corp.account.guid, address=address, now=service.now)


def wrong(service: Service) -> str:
    return "000000" if service.passcode != "000000" else "000001"


class EndsSessionsAtTheirAnswer:
    """The challenges' part of a store in which each session ends just after a passcode of its was judged."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store.challenges, name)

    async def answer_challenge(self, challenge_id: str, *, session_id: str, digest: bytes, now: float) -> Any:
        found = await self._store.challenges.answer_challenge(
            challenge_id, session_id=session_id, digest=digest, now=now
        )
        if found.attempt.value == "accepted":
            await self._store.sessions.end_session(session_id)
        return found


async def test_a_right_answer_in_a_session_that_ended_meanwhile_opens_and_clears_nothing(
    service: Service, scripted: Corp
) -> None:
    flow = service.parts.flow
    proving = replace(flow.proving, challenges=EndsSessionsAtTheirAnswer(service.store))
    service.parts = replace(service.parts, flow=replace(flow, proving=proving))
    client = service.client(OUTSIDE)
    await client.sign_in(NAME, OLD)
    await client.answer(wrong(service))
    with capture_logs() as lines:
        assert isinstance(await client.answer(service.passcode), SessionGone)
    assert [line.get("reason") for line in lines] == ["session_gone"]
    assert await service.store.sessions.sessions() == []
    assert await counted(service, scripted, OUTSIDE, Limit.PASSCODES_PER_PERSON) == [2]
    assert not await is_familiar(service, scripted, OUTSIDE)
    assert await service.store.numbers.known_number(scripted.account.guid) is None


async def test_an_address_is_familiar_once_more_than_a_password_was_proven(service: Service, scripted: Corp) -> None:
    client = service.client(OUTSIDE)
    await client.sign_in(NAME, OLD)
    assert not await is_familiar(service, scripted, OUTSIDE)
    await client.answer(service.passcode)
    assert await is_familiar(service, scripted, OUTSIDE)


async def test_an_address_is_not_familiar_before_the_last_factor_is_proven(service: Service, scripted: Corp) -> None:
    scheme = SchemeSettings(name="long", factors=((Factor.PASSWORD,), (Factor.SMS,), (Factor.EMAIL,)))
    service.parts = replace(service.parts, flow=replace(service.parts.flow, schemes=(scheme,)))
    client = service.client(OUTSIDE)
    await client.sign_in(NAME, OLD)
    accepted = await client.answer(service.passcode)
    assert isinstance(accepted, Accepted)
    assert accepted.session.level is Level.FIRST_FACTOR
    assert not await is_familiar(service, scripted, OUTSIDE)


async def test_an_address_is_not_familiar_while_the_password_must_be_changed(service: Service, scripted: Corp) -> None:
    scripted.stopped = RefusalReason.MUST_CHANGE
    client = service.client(INSIDE)
    begun = await client.sign_in(NAME, OLD)
    assert isinstance(begun, SignedIn)
    assert begun.session.level is Level.MUST_CHANGE_PASSWORD
    assert not await is_familiar(service, scripted, INSIDE)


@pytest.mark.parametrize(
    ("change", "went_by", "is_known"),
    [
        ({}, {ChannelKind.SMS}, True),
        ({"mobiles": ("07400 999999",)}, {ChannelKind.SMS}, False),
        ({"mobiles": ()}, {ChannelKind.SMS}, False),
        ({}, {ChannelKind.SMS, ChannelKind.EMAIL}, False),
        ({}, {ChannelKind.EMAIL}, False),
        ({}, set(), False),
    ],
)
async def test_a_number_is_known_only_if_it_is_still_the_one_that_the_passcode_was_sent_to(
    service: Service, scripted: Corp, change: dict[str, Any], went_by: set[ChannelKind], is_known: bool
) -> None:
    passcodes, numbers = Passcodes(service.settings, service.store.numbers, service.keys), service.store.numbers
    asked = await service.client().sign_in(NAME, OLD)
    assert isinstance(asked, ProofAsked)
    assert asked.challenge is not None
    now_is = replace(scripted.principal, **change)
    await passcodes.accepted(now_is, asked.challenge, went_by, now=NOW)
    assert (await numbers.known_number(scripted.account.guid) is not None) is is_known


async def test_a_passcode_by_mail_makes_no_number_known(service: Service, scripted: Corp) -> None:
    passcodes, numbers = Passcodes(service.settings, service.store.numbers, service.keys), service.store.numbers
    client = service.client()
    await client.sign_in(NAME, OLD)
    asked = await client.ask_for([Factor.EMAIL])
    assert asked.challenge.factor is Factor.EMAIL
    held = await passcodes.held_by(scripted.principal, Factor.SMS)
    by_mail = replace(asked.challenge, number_digest=held.digest)  # type: ignore[union-attr]
    await passcodes.accepted(scripted.principal, by_mail, {ChannelKind.SMS}, now=NOW)
    assert await numbers.known_number(scripted.account.guid) is None


async def test_a_change_that_no_sign_in_followed_clears_no_wrong_passwords(service: Service, scripted: Corp) -> None:
    """The directory forgets what it counted at a sign-in, not at a change."""
    client = service.client(INSIDE)
    await client.sign_in(NAME, OLD)
    await service.client(INSIDE).sign_in(NAME, "wrong one 9")
    scripted.verifies = False
    assert isinstance(await client.change_password(OLD, NEW), ChangedAndSignedOut)
    assert await counted(service, scripted, INSIDE, Limit.PASSWORDS_PER_PERSON) == [1]
    assert await service.store.sessions.sessions() == []


@pytest.mark.parametrize(
    ("old", "refusal", "left"),
    [
        ("wrong one 9", None, 1),
        (OLD, ChangeRefusal.LOCKED, 1),
        (OLD, ChangeRefusal.TOO_SHORT, 0),
        (OLD, ChangeRefusal.USED_BEFORE, 0),
        (OLD, None, 0),
    ],
)
async def test_an_old_password_that_was_a_guess_stays_counted_for_its_address(
    service: Service, scripted: Corp, old: str, refusal: ChangeRefusal | None, left: int
) -> None:
    client = service.client(INSIDE)
    await client.sign_in(NAME, OLD)
    scripted.refusal = refusal
    outcome = await client.change_password(old, NEW)
    assert isinstance(outcome, Changed if left == 0 and refusal is None else PasswordChangeRefused)
    counts = await counted(service, scripted, INSIDE, Limit.PASSWORDS_PER_ADDRESS, Limit.PASSWORDS_PER_PERSON)
    assert counts == [left, left]


async def test_at_the_limit_of_a_person_the_directory_is_asked_to_change_nothing(
    service: Service, scripted: Corp
) -> None:
    client = service.client(INSIDE)
    await client.sign_in(NAME, OLD)
    for count in range(service.throttle.password_limits(scripted).in_all):
        await service.client(INSIDE).sign_in(NAME, f"wrong one {count}")
    outcome = await client.change_password(OLD, NEW)
    assert isinstance(outcome, Throttled)
    assert outcome.limit is Limit.PASSWORDS_PER_PERSON
    assert scripted.changes == []


async def test_half_a_session_does_not_outlive_what_its_scheme_or_password_became(
    service: Service, scripted: Corp
) -> None:
    client = service.client(OUTSIDE)
    await client.sign_in(NAME, OLD)
    first = await client.session()
    scripted.is_now(groups=frozenset())  # another scheme is meant for them by now
    await client.sign_in(NAME, OLD)
    second = await client.session()
    assert first is not None
    assert second is not None
    assert [first.scheme, second.scheme] == ["either", "both"]
    scripted.is_now(groups=frozenset({"Wiki Users"}))
    await client.sign_in(NAME, OLD)
    scripted.stopped = RefusalReason.MUST_CHANGE
    await client.sign_in(NAME, OLD)
    await client.answer(service.passcode)
    session = await client.session()
    assert session is not None
    assert session.level is Level.MUST_CHANGE_PASSWORD
    assert await service.store.sessions.sessions() == [session]


async def test_half_a_session_does_not_go_on_by_the_scheme_of_another_app(service: Service) -> None:
    flow = service.parts.flow
    texted = SchemeSettings(name="wiki", factors=("password", "sms"), apps=("Wiki",))
    service.parts = replace(service.parts, flow=replace(flow, schemes=(texted, *flow.schemes)))
    client = service.client(OUTSIDE)
    await client.sign_in(NAME, OLD)
    await client.sign_in(NAME, OLD, app="Wiki")
    await client.answer(service.passcode)
    (session,) = await service.store.sessions.sessions()
    assert (session.scheme, session.proven_factors) == ("wiki", {Factor.PASSWORD, Factor.SMS})


async def test_neither_a_step_up_nor_a_new_password_lengthens_a_session(service: Service) -> None:
    client = service.client(INSIDE)
    await client.sign_in(NAME, OLD)
    service.now += 60
    await client.step_up("either")
    assert isinstance(await client.answer(service.passcode), Accepted)
    service.now += 60
    assert isinstance(await client.change_password(OLD, NEW), Changed)
    session = await client.session()
    assert session is not None
    assert (session.created_at, session.last_used_at) == (NOW, NOW + 120)
