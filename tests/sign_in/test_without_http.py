"""Whole sign-ins, step-ups and changes of password without HTTP: what an API, RADIUS or SSH can do."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.factors import Factor
from directory.change_outcomes import PasswordChangeRefused
from directory.directory import RefusalReason
from directory.errors import DirectoryError, DirectoryUnavailable, OutcomeUnknown
from directory.realms import Realms
from proxy.delivery.channel import Outcome
from proxy.factors.confinement import Confinement
from proxy.factors.proof import Proof
from proxy.factors.second_factor import Lack, Unusable
from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.session import Level
from proxy.sessions.way import Way
from proxy.sign_in.client import Client, Goal
from proxy.sign_in.message_fate import Unsent
from proxy.sign_in.outcomes import (
    Accepted,
    ChallengeOver,
    Exhausted,
    NoScheme,
    NotAnswered,
    NothingMissing,
    ProofAsked,
    SentAgain,
    SessionGone,
    SignedIn,
    TooEarly,
    Wrong,
)
from proxy.sign_in.password import NotProven
from proxy.sign_in.password_change import Changed
from proxy.store.contract import Store
from proxy.store.sqlite.sqlite_store import SQLiteStore
from proxy.throttle.limits import Limit, Throttled
from tests.portal.stage import NOW, portal_settings
from tests.portal.test_kerberos import Domain
from tests.portal.test_password_change import CORP, NAME, NEW, OLD
from tests.sign_in.headless import HOST, INSIDE, SCHEMES, Corp, Service


async def test_a_password_and_an_sms_sign_in(service: Service) -> None:
    client = service.client()
    asked = await client.sign_in(NAME, OLD)
    assert isinstance(asked, ProofAsked)
    assert asked.challenge is not None
    assert (asked.challenge.factor, asked.unsent) == (Factor.SMS, None)
    half = await client.session()
    assert half is not None
    assert half.level is Level.FIRST_FACTOR
    wrong = await client.answer("000000" if service.passcode != "000000" else "000001")
    assert isinstance(wrong, Wrong)
    assert wrong.challenge.attempts_left == 4
    assert isinstance(await client.answer("what?"), NotAnswered)
    before = client.token
    accepted = await client.answer(service.passcode)
    assert isinstance(accepted, Accepted)
    assert accepted.then is None
    session = await client.session()
    assert session is not None
    assert (session.level, session.scheme) == (Level.SIGNED_IN, "either")
    assert session.proven_factors == {Factor.PASSWORD, Factor.SMS}
    assert await service.sessions.find(before.encode(), HOST, service.now) is None


async def test_a_password_and_a_mail_sign_in(service: Service, scripted: Corp) -> None:
    scripted.is_now(groups=frozenset({"Mailed"}))
    client = service.client()
    await client.sign_in(NAME, OLD)
    assert service.phone.messages[-1].number is None
    assert isinstance(await client.answer(service.passcode), Accepted)
    session = await client.session()
    assert session is not None
    assert (session.level, session.scheme) == (Level.SIGNED_IN, "mailed")


async def test_of_a_choice_another_factor_can_be_asked_for(service: Service) -> None:
    client = service.client()
    await client.sign_in(NAME, OLD)
    assert isinstance(await client.ask_for([Factor.EMAIL]), ProofAsked)
    assert isinstance(await client.answer(service.passcode), Accepted)
    session = await client.session()
    assert session is not None
    assert session.proven_factors == {Factor.PASSWORD, Factor.EMAIL}


async def test_each_factor_of_a_scheme_is_asked_for_in_turn(service: Service, scripted: Corp) -> None:
    scripted.is_now(groups=frozenset())
    client = service.client()
    await client.sign_in(NAME, OLD)
    accepted = await client.answer(service.passcode)
    assert isinstance(accepted, Accepted)
    assert isinstance(accepted.then, ProofAsked)
    assert isinstance(await client.answer(service.passcode), Accepted)
    session = await client.session()
    assert session is not None
    assert session.level is Level.SIGNED_IN


@pytest.mark.parametrize("first", ["kerberos", ["password", "kerberos"]])
async def test_a_ticket_and_an_sms_sign_in(tmp_path: Path, first: str | list[str]) -> None:
    domain = Domain()
    schemes = [{"name": "inside", "factors": [first, "sms"], "networks": ["203.0.113.0/24"]}]
    store = SQLiteStore(tmp_path / "state.db")
    service = Service(portal_settings(tmp_path, schemes=schemes), store, Realms([domain]), domain.acceptor)
    client = service.client(INSIDE)
    assert isinstance(await client.bring_ticket(b"S-1-5-21-1-2-3-1001"), ProofAsked)
    assert isinstance(await client.answer(service.passcode), Accepted)
    session = await client.session()
    assert session is not None
    assert [proof.factor for proof in session.proven] == [Factor.KERBEROS, Factor.SMS]
    await store.close()


async def test_a_signed_in_person_steps_up(service: Service) -> None:
    client = service.client(INSIDE)
    assert isinstance(await client.sign_in(NAME, OLD), SignedIn)
    assert isinstance(await client.step_up("weak"), NothingMissing)
    asked = await client.step_up("both")
    assert isinstance(asked, ProofAsked)
    assert isinstance(await client.answer(service.passcode), Accepted)
    assert isinstance(await client.step_up("both"), ProofAsked)
    assert isinstance(await client.answer(service.passcode), Accepted)
    session = await client.session()
    assert session is not None
    assert session.proven_factors == {Factor.PASSWORD, Factor.SMS, Factor.EMAIL}
    assert isinstance(await client.step_up("both"), NothingMissing)


async def test_a_password_that_must_be_changed_is_changed_on_the_way(service: Service, scripted: Corp) -> None:
    scripted.stopped = RefusalReason.MUST_CHANGE
    client = service.client()
    assert isinstance(await client.sign_in(NAME, OLD), ProofAsked)
    await client.answer(service.passcode)
    session = await client.session()
    assert session is not None
    assert session.level is Level.MUST_CHANGE_PASSWORD
    assert isinstance(await client.change_password("not this one", NEW), PasswordChangeRefused)
    assert isinstance(await client.change_password(OLD, NEW), Changed)
    session = await client.session()
    assert session is not None
    assert session.level is Level.SIGNED_IN


async def test_refusals_are_values(service: Service, scripted: Corp) -> None:
    client = service.client()
    assert isinstance(await client.sign_in(NAME, "wrong"), NotProven)
    assert isinstance(await client.sign_in("nobody@corp", OLD), NotProven)
    scripted.is_now(mobiles=(), mail=None)
    unusable = await client.sign_in(NAME, OLD)
    assert isinstance(unusable, Unusable)
    assert (unusable.lack, unusable.reason) == (Lack.NUMBER, "mobile_empty")
    assert await client.session() is None


async def test_nobody_gets_in_whom_no_scheme_is_meant_for(tmp_path: Path, scripted: Corp) -> None:
    store = SQLiteStore(tmp_path / "state.db")
    service = Service(portal_settings(tmp_path, directories=[CORP], schemes=SCHEMES[1:2]), store, Realms([scripted]))
    assert isinstance(await service.client("192.0.2.7").sign_in(NAME, OLD), NoScheme)
    assert await store.sessions.sessions() == []
    await store.close()


async def test_a_way_in_that_names_a_scheme_lets_in_by_that_one_alone(service: Service, scripted: Corp) -> None:
    assert isinstance(await service.client(INSIDE, scheme="both").sign_in(NAME, OLD), ProofAsked)
    assert isinstance(await service.client("192.0.2.7", scheme="weak").sign_in(NAME, OLD), NoScheme)
    assert isinstance(await service.client(INSIDE, scheme="mailed").sign_in(NAME, OLD), NoScheme)
    assert isinstance(await service.client(INSIDE, scheme="no such").sign_in(NAME, OLD), NoScheme)


async def test_a_way_in_is_asked_for_no_factor_that_it_cannot_ask_for(service: Service) -> None:
    can_mail = frozenset({Factor.PASSWORD, Factor.EMAIL})
    client = service.client(can_prove=can_mail)
    asked = await client.sign_in(NAME, OLD)
    assert isinstance(asked, ProofAsked)
    assert asked.challenge is not None
    assert asked.challenge.factor is Factor.EMAIL
    half = await client.session()
    assert half is not None
    of_terminal = Client(address="192.0.2.7", host=HOST, browser="", incident="", can_prove=can_mail)
    proving = service.parts.flow.proving
    assert await proving.others(of_terminal, half, asked.challenge, now=service.now) == []
    others = await proving.others(replace(of_terminal, can_prove=frozenset(Factor)), half, asked.challenge, now=NOW)
    assert [each.factor for each in others] == [Factor.SMS]
    refused = await client.ask_for([Factor.SMS])
    assert isinstance(refused, Unusable)
    assert refused.lack is Lack.WAY


async def test_an_answer_too_many_ends_what_was_begun(service: Service) -> None:
    client = service.client()
    await client.sign_in(NAME, OLD)
    wrong = "000000" if service.passcode != "000000" else "000001"
    for _ in range(4):
        assert isinstance(await client.answer(wrong), Wrong)
    assert isinstance(await client.answer(wrong), Exhausted)
    assert await client.session() is None


async def test_a_passcode_is_sent_again_but_not_at_once(service: Service) -> None:
    client = service.client()
    await client.sign_in(NAME, OLD)
    assert isinstance(await client.send_again(), TooEarly)
    service.now += 31
    first = service.passcode
    again = await client.send_again()
    assert isinstance(again, SentAgain)
    assert again.may_arrive
    assert service.passcode == first


async def test_a_message_that_nobody_took_is_told(service: Service) -> None:
    service.phone.outcome = Outcome.UNAVAILABLE
    asked = await service.client().sign_in(NAME, OLD)
    assert isinstance(asked, ProofAsked)
    assert asked.unsent is Unsent.NOT_TAKEN


async def test_limits_are_told_with_the_time_that_is_left(service: Service) -> None:
    for _ in range(service.settings.throttle.sends_per_person):
        await service.client().sign_in(NAME, OLD)
    throttled = await service.client().sign_in(NAME, OLD)
    assert isinstance(throttled, Throttled)
    assert throttled.limit is Limit.SENDS_PER_PERSON
    assert throttled.retry_after_seconds > 0


class EndsSessions:
    """The challenges' part of a store in which each session ends just before its challenge is put."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store.challenges, name)

    async def put_challenge(self, challenge: Any, *, newest: str | None = None) -> bool:
        await self._store.sessions.end_session(challenge.session_id)
        return await self._store.challenges.put_challenge(challenge, newest=newest)


async def test_a_send_that_was_not_begun_is_given_back(service: Service) -> None:
    """A sign-in whose session ends before its message leaves costs none of the sends that are left."""
    flow = service.parts.flow
    proving = replace(flow.proving, challenges=EndsSessions(service.store))
    service.parts = replace(service.parts, flow=replace(flow, proving=proving))
    for _ in range(20):
        assert isinstance(await service.client().sign_in(NAME, OLD), SessionGone)
    assert service.phone.messages == []
    assert (await flow.throttle.sends_of_day(now=service.now)).count == 0
    service.parts = replace(service.parts, flow=flow)
    assert isinstance(await service.client().sign_in(NAME, OLD), ProofAsked)


async def test_nobody_goes_on_with_a_token_that_was_made_up(service: Service) -> None:
    client = service.client()
    await client.sign_in(NAME, OLD)
    client.token = new_token()
    assert await client.session() is None


async def test_no_outcome_shows_what_is_secret(service: Service, scripted: Corp) -> None:
    client, inside = service.client(), service.client(INSIDE)
    outcomes = [await client.sign_in(NAME, "wrong one 9"), await client.sign_in(NAME, OLD), await client.send_again()]
    tokens = {client.token}
    outcomes += [await client.answer("what?"), await client.answer("0" * 6), await client.session()]
    service.now += 31
    outcomes += [await client.send_again(), await client.ask_for([Factor.EMAIL]), await client.answer(service.passcode)]
    outcomes += [await inside.sign_in(NAME, OLD), await inside.step_up("both")]
    tokens |= {client.token, inside.token}
    outcomes.append(await client.change_password(OLD, NEW))
    tokens.add(client.token)
    told = repr(outcomes) + repr([await service.store.sessions.sessions(), service.phone.messages])
    kept = {session.session_id for session in await service.store.sessions.sessions()}
    secrets = {OLD, NEW, "wrong one 9", "7400123456", "scripted@corp.example"} | tokens | kept
    secrets |= {message.passcode for message in service.phone.messages}
    assert len(tokens) == 4
    assert [secret for secret in secrets if secret in told] == []


async def test_whoever_is_half_way_can_do_nothing_but_the_next_step(service: Service, scripted: Corp) -> None:
    scripted.is_now(groups=frozenset())  # by SMS, and by mail only then
    client = service.client()
    await client.sign_in(NAME, OLD)
    with pytest.raises(ValueError, match="once all factors are proven"):
        await client.change_password(OLD, NEW)
    with pytest.raises(ValueError, match="what comes next"):
        await client.step_up("mailed")
    half = await client.session()
    assert half is not None
    proving, now = service.parts.flow.proving, service.now
    challenge = await proving.find(half, client.challenge_id, now=now)
    assert challenge is not None
    mailed = replace(challenge, challenge_id="another", factor=Factor.EMAIL, created_at=now + 1)
    assert await service.store.challenges.put_challenge(mailed)
    at, goal = Client(address="192.0.2.7", host=HOST, browser="terminal", incident="incident"), Goal(host=HOST)
    answer = await proving.answer(at, goal, half, mailed, service.passcode, now=now)
    assert isinstance(answer, ChallengeOver)
    assert len(service.phone.messages) == 1
    assert await client.session() == half


async def test_a_password_that_must_be_changed_adds_nothing_to_a_session(service: Service, scripted: Corp) -> None:
    client = service.client(INSIDE)
    await client.sign_in(NAME, OLD)
    by_password = await client.session()
    assert by_password is not None
    by_ticket = replace(
        by_password, session_id=new_token(), factors=((Factor.KERBEROS,),), proven=(Proof(Factor.KERBEROS, NOW),)
    )
    client.token = new_token()
    await service.store.sessions.create_session(by_ticket, cookie=token_digest(client.token), host=HOST)
    scripted.stopped = RefusalReason.MUST_CHANGE
    await client.sign_in(NAME, OLD)
    session = await client.session()
    assert session is not None
    assert session.level is Level.MUST_CHANGE_PASSWORD


async def test_a_session_keeps_the_way_and_the_limits_that_it_began_with(service: Service, scripted: Corp) -> None:
    to_wiki = Confinement(apps=("Wiki",))
    client = service.client(way=Way.SSH, confined=to_wiki)
    await client.sign_in(NAME, OLD)
    half = await client.session()
    assert half is not None
    assert (half.way, half.confined) == (Way.SSH, to_wiki)
    assert isinstance(await client.answer(service.passcode), Accepted)
    further = await client.session()
    assert further is not None
    assert further.session_id != half.session_id
    assert (further.way, further.confined) == (Way.SSH, to_wiki)


async def test_a_directory_that_vouches_for_somebody_else_proves_nobody(service: Service, scripted: Corp) -> None:
    scripted.is_now(guid="00000000-0000-4000-8000-0000000000ff")
    assert isinstance(await service.client(INSIDE).sign_in(NAME, OLD), NotProven)
    scripted.stopped = RefusalReason.MUST_CHANGE
    assert isinstance(await service.client(INSIDE).sign_in(NAME, OLD), NotProven)
    assert await service.store.sessions.sessions() == []


@pytest.mark.parametrize(
    ("error", "left"), [(DirectoryUnavailable("corp", "away"), 0), (OutcomeUnknown("corp", "no answer"), 1), (None, 0)]
)
async def test_an_address_is_counted_for_what_a_directory_may_have_judged(
    service: Service, scripted: Corp, error: DirectoryError | None, left: int
) -> None:
    client = service.client(INSIDE)
    await client.sign_in(NAME, OLD)
    for step in (client.sign_in(NAME, OLD), client.change_password(OLD, NEW)):
        scripted.error = error
        with suppress(DirectoryError):
            await step
    standings = await service.throttle.standings(
        person="", limits=service.throttle.password_limits(scripted), number=None, address=INSIDE, now=NOW
    )
    counted = next(each.count for each in standings if each.limit is Limit.PASSWORDS_PER_ADDRESS)
    assert counted == 2 * left


async def test_a_right_passcode_clears_what_was_counted_of_wrong_ones(service: Service, scripted: Corp) -> None:
    client = service.client()
    await client.sign_in(NAME, OLD)
    await client.answer("000000" if service.passcode != "000000" else "000001")
    await client.answer(service.passcode)
    standings = await service.throttle.standings(
        person=scripted.account.guid,
        limits=service.throttle.password_limits(scripted),
        number=None,
        address=None,
        now=NOW,
    )
    of_passcodes = (Limit.PASSCODES_PER_PERSON, Limit.PASSCODE_FAILURES_IN_A_ROW)
    assert [each.count for each in standings if each.limit in of_passcodes] == [0, 0]
