"""What each rung makes of each way in: driven without HTTP, as every way drives the sign-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from config.factors import TYPED, TYPED_BEYOND_APPS, ChannelKind, Factor
from directory.change_outcomes import PasswordChanged, PasswordChangeRefused
from directory.directory import PasswordRefused, RefusalReason
from directory.principal import Account, Principal
from directory.realms import Realms
from proxy.degrade.rung import BegunRung
from proxy.factors.second_factor import Lack, Unusable
from proxy.sessions.session import Level
from proxy.sessions.way import Way
from proxy.sign_in.client import Client, Goal
from proxy.sign_in.enrolling import may_change_factors
from proxy.sign_in.outcomes import Accepted, ChallengeOver, ProofAsked, SignedIn
from proxy.sign_in.passkey_alone import PasskeyGiven, PasskeyRefusedHere
from proxy.sign_in.password_change import Changed, ChangedAndSignedOut
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.portal.stage import NOW, portal_settings
from tests.portal.test_kerberos import Domain
from tests.portal.test_password_change import CORP, NAME, NEW, OLD
from tests.sign_in.headless import HOST, INSIDE, Corp, Service, TerminalClient
from tests.support.rungs import begun_rung

RUNGS = [
    {"name": "channels", "what": "channels", "channels": ["aql"]},
    {"name": "mail", "what": "mail", "schemes": ["browser", "strong", "ticket"]},
    {"name": "remembered", "what": "remembered"},
    {"name": "closed", "what": "closed"},
]
SCHEMES = [
    {"name": "kiosk", "factors": ["password"], "networks": ["203.0.113.0/24"]},
    {"name": "ticket", "factors": ["kerberos", "sms"]},
    {"name": "alone", "factors": ["passkey"]},
    {"name": "both", "factors": ["password", "sms", "email"], "groups": ["Payroll"]},
    {"name": "browser", "factors": ["password", "sms"], "remember": "14d"},
    {"name": "strong", "factors": ["password", "sms"], "fresh": "5m"},
]
WAYS: dict[str, dict[str, Any]] = {
    "browser": {},
    "api": {"way": Way.API, "can_prove": TYPED},
    "ssh": {"way": Way.SSH, "can_prove": TYPED_BEYOND_APPS},
    "radius": {"way": Way.RADIUS, "can_prove": TYPED_BEYOND_APPS},
}
SMS_SENT, MAIL_SENT = (Factor.SMS, ChannelKind.SMS), (Factor.EMAIL_FOR_SMS, ChannelKind.EMAIL)


class Slow(Corp):
    """Something may happen while it judges a password."""

    async def nothing(self) -> None:
        return

    meanwhile = nothing

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        judged = await super().authenticate(account, password)
        await self.meanwhile()
        return judged

    async def change_password(self, guid: str, old: str, new: str) -> PasswordChanged | PasswordChangeRefused:
        changed = await super().change_password(guid, old, new)
        await self.meanwhile()
        return changed


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    corp = Slow()
    corp.is_now(mail="scripted@corp.example", password_set_at=NOW - 86_400)
    settings = portal_settings(
        tmp_path,
        directories=[CORP],
        schemes=SCHEMES,
        degrade=RUNGS,
        second_factor={"channels": ["kapow", "email"]},
        help_desk={"passes": True},
        admin={"groups": ["Gatepost Admins"]},
    )
    store = SQLiteStore(tmp_path / "state.db")
    service = Service(settings, store, Realms([corp]))
    service.phone.channels = {"kapow": ChannelKind.SMS, "email": ChannelKind.EMAIL}
    yield service
    await store.close()


async def degrade(service: Service, *names: str, **fields: Any) -> None:
    for name in names:
        kept = {each.name: each for each in await service.store.rungs.rungs()}
        assert await service.store.rungs.put_rung(begun_rung(name, **fields), seen=kept.get(name))
    await service.degrade.look()


async def end(service: Service, rung: BegunRung) -> None:
    assert await service.store.rungs.put_rung(rung.ended(by="anna", now=NOW), seen=rung)
    await service.degrade.look()


def told(outcome: Any) -> Any:
    """The factor that is asked for and how it is sent, or what is lacking."""
    if isinstance(outcome, ProofAsked):
        assert outcome.challenge is not None
        return outcome.challenge.factor, outcome.challenge.kind
    return outcome.lack if isinstance(outcome, Unusable) else type(outcome)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("rung", "asked"),
    [
        ("", SMS_SENT),
        ("channels", SMS_SENT),
        ("mail", MAIL_SENT),
        ("remembered", Lack.SMS_OFF),
        ("closed", Lack.CLOSED),
    ],
)
async def test_each_way_in_goes_by_each_rung(service: Service, way: str, rung: str, asked: Any) -> None:
    await degrade(service, *filter(None, [rung]))
    client = service.client(**WAYS[way])
    assert told(await client.sign_in(NAME, OLD)) == asked
    if asked not in (SMS_SENT, MAIL_SENT):
        assert not client.token
        assert not service.phone.messages
        return
    session = await client.session()
    assert session is not None
    assert session.level is Level.FIRST_FACTOR  # by one factor nobody is in, whatever is in force
    assert isinstance(await client.answer(service.passcode), Accepted)
    session = await client.session()
    assert session is not None
    assert session.level is Level.SIGNED_IN
    assert [proof.factor for proof in session.proven] == [Factor.PASSWORD, asked[0]]


@pytest.mark.parametrize(
    ("rung", "asked"),
    [("", SMS_SENT), ("mail", MAIL_SENT), ("remembered", Lack.SMS_OFF), ("closed", Lack.CLOSED)],
)
async def test_a_kerberos_ticket_goes_by_each_rung(tmp_path: Path, rung: str, asked: Any) -> None:
    domain = Domain()
    store = SQLiteStore(tmp_path / "state.db")
    second_factor = {"channels": ["kapow", "email"]}
    schemes = [{"name": "ticket", "factors": ["kerberos", "sms"]}]
    rungs = [{**each, "schemes": ["ticket"]} if each["what"] == "mail" else each for each in RUNGS]
    settings = portal_settings(tmp_path, schemes=schemes, degrade=rungs, second_factor=second_factor)
    service = Service(settings, store, Realms([domain]), domain.acceptor)
    await degrade(service, *filter(None, [rung]))
    client = service.client()
    assert told(await client.bring_ticket(b"S-1-5-21-1-2-3-1001")) == asked
    # One that stopped is noted with the factor that it began with; with `closed`, nobody knows whose it was.
    assert [each.factors for each in service.decided] == [(Factor.KERBEROS,)] * (asked is Lack.SMS_OFF)
    await store.close()


@pytest.mark.parametrize("rung", ["", "channels", "mail", "remembered"])
async def test_a_passkey_alone_is_judged_as_always_but_where_nobody_gets_in(service: Service, rung: str) -> None:
    await degrade(service, *filter(None, [rung]))
    flow, goal = service.parts.flow, Goal(host=HOST)
    client = Client(address="192.0.2.7", host=HOST, browser="b", incident="i")
    given = PasskeyGiven(assertion="{}", stamp="")
    assert isinstance(await flow.by_passkey(client, goal, given, current=None, now=NOW), PasskeyRefusedHere)
    await degrade(service, "closed")
    refused = await flow.by_passkey(client, goal, given, current=None, now=NOW)
    assert isinstance(refused, Unusable)
    assert refused.lack is Lack.CLOSED


async def test_who_may_not_be_let_in_by_one_mailbox_is_sent_an_sms_all_the_same(service: Service) -> None:
    corp = next(iter(service.realms))
    corp.is_now(groups=frozenset({"Payroll"}))
    await degrade(service, "mail")
    assert told(await service.client().sign_in(NAME, OLD)) == SMS_SENT


async def test_without_a_rung_in_force_nobody_has_a_mail_in_the_place_of_an_sms(service: Service) -> None:
    client = service.client()
    await client.sign_in(NAME, OLD)
    refused = await client.ask_for([Factor.EMAIL_FOR_SMS])
    assert isinstance(refused, Unusable)
    assert refused.lack is Lack.RUNG


async def test_a_mail_that_was_sent_before_the_end_opens_nothing_after_it(service: Service) -> None:
    await degrade(service, "mail", seconds=60)
    client = service.client()
    await client.sign_in(NAME, OLD)
    service.now = NOW + 60
    assert isinstance(await client.answer(service.passcode), ChallengeOver)
    assert told(await client.ask_for([Factor.SMS])) == SMS_SENT
    assert isinstance(await client.answer(service.passcode), Accepted)


async def test_who_waits_for_an_sms_when_a_rung_begins_may_have_a_mail_instead(service: Service) -> None:
    client = service.client()
    await client.sign_in(NAME, OLD)
    sent = service.passcode
    await degrade(service, "mail")
    service.now += 60
    assert told(await client.send_again()) is Lack.SMS_OFF
    assert isinstance(await client.answer(sent), Accepted)  # it came after all
    other = service.client()
    await end(service, (await service.store.rungs.rungs())[0])
    await other.sign_in(NAME, OLD)
    await degrade(service, "mail", at=NOW + 60)
    assert told(await other.ask_for([Factor.EMAIL_FOR_SMS])) == MAIL_SENT


async def test_who_is_half_way_in_when_nobody_new_gets_in_stays_out(service: Service) -> None:
    client = service.client()
    await client.sign_in(NAME, OLD)
    await degrade(service, "closed", seconds=60)
    assert isinstance(await client.answer(service.passcode), ChallengeOver)
    assert told(await client.ask_for([Factor.SMS])) is Lack.CLOSED
    assert isinstance(await client.send_again(), ChallengeOver)
    service.now = NOW + 60
    assert isinstance(await client.answer(service.passcode), Accepted)


async def signed_in(service: Service) -> TerminalClient:
    client = service.client()
    await client.sign_in(NAME, OLD)
    assert isinstance(await client.answer(service.passcode), Accepted)
    return client


@pytest.mark.parametrize(
    ("rung", "asked"), [("", SMS_SENT), ("mail", MAIL_SENT), ("remembered", Lack.SMS_OFF), ("closed", SMS_SENT)]
)
async def test_who_is_signed_in_steps_up_as_each_rung_lets_them(service: Service, rung: str, asked: Any) -> None:
    client = await signed_in(service)
    await degrade(service, *filter(None, [rung]))
    service.now += 600
    assert told(await client.step_up("strong")) == asked
    assert await client.session() is not None


async def test_who_proved_a_mail_in_the_place_of_an_sms_adds_no_factor_and_has_no_browser_remembered(
    service: Service,
) -> None:
    """Whoever reads a mailbox for an hour must not keep what opens everything afterwards."""
    await degrade(service, "mail")
    client = service.client()
    await client.sign_in(NAME, OLD)
    half, proving = await client.session(), service.parts.flow.proving
    assert half is not None
    challenge = await proving.find(half, client.challenge_id, now=NOW)
    assert challenge is not None
    caller = Client(address="192.0.2.7", host=HOST, browser="b", incident="i")
    assert service.parts.flow.remembering.offers(caller, half, challenge) is None
    await client.answer(service.passcode)
    session = await client.session()
    assert session is not None
    assert not may_change_factors(service.settings.schemes, session, now=NOW)
    assert may_change_factors(service.settings.schemes, await _session(await signed_in_by_sms(service)), now=NOW)


async def signed_in_by_sms(service: Service) -> TerminalClient:
    await end(service, (await service.store.rungs.rungs())[0])
    return await signed_in(service)


async def _session(client: TerminalClient) -> Any:
    return await client.session()


async def test_a_remembered_browser_gets_in_where_no_sms_is_sent(service: Service) -> None:
    flow, goal = service.parts.flow, Goal(host=HOST)
    caller = Client(address="192.0.2.7", host=HOST, browser="b", incident="i")
    asked = await flow.by_password(caller, goal, NAME, OLD, current=None, now=NOW)
    assert isinstance(asked, ProofAsked)
    assert asked.challenge is not None
    accepted = await flow.proving.answer(
        caller, goal, asked.session, asked.challenge, service.passcode, to_remember=True, now=NOW
    )
    assert isinstance(accepted, Accepted)
    assert accepted.remembered is not None
    known = Client(address="192.0.2.7", host=HOST, browser="b", incident="i", remembered=accepted.remembered.value)
    await degrade(service, "remembered")
    assert isinstance(await flow.by_password(known, goal, NAME, OLD, current=None, now=NOW), SignedIn)
    assert told(await flow.by_password(caller, goal, NAME, OLD, current=None, now=NOW)) is Lack.SMS_OFF
    await degrade(service, "closed")
    assert told(await flow.by_password(known, goal, NAME, OLD, current=None, now=NOW)) is Lack.CLOSED


async def test_a_worker_that_has_never_known_lets_nobody_around_a_rung(service: Service) -> None:
    """It has just started: it asks the store before the first sign-in, and without that nobody signs in."""
    assert await service.store.rungs.put_rung(begun_rung("closed"), seen=None)
    assert told(await service.client().sign_in(NAME, OLD)) is Lack.CLOSED


async def test_who_types_their_password_while_a_rung_begins_goes_by_it(service: Service) -> None:
    corp = next(iter(service.realms))
    assert isinstance(await service.client(INSIDE).sign_in(NAME, OLD), SignedIn)  # there, one factor is enough

    async def begin() -> None:
        await degrade(service, "closed")

    corp.meanwhile = begin
    assert told(await service.client(INSIDE).sign_in(NAME, OLD)) is Lack.CLOSED


async def test_who_must_change_their_password_first_is_not_in_yet_and_stays_out(service: Service) -> None:
    corp = next(iter(service.realms))
    corp.stopped = RefusalReason.MUST_CHANGE
    client = await signed_in(service)
    rung = begun_rung("closed")
    await degrade(service, "closed")
    assert told(await client.change_password(OLD, NEW)) is Lack.CLOSED
    assert corp.changes == []
    await end(service, rung)
    assert isinstance(await client.change_password(OLD, NEW), Changed)
    await degrade(service, "closed")
    assert isinstance(await client.change_password(NEW, OLD), Changed)  # as always, while they are signed in


async def test_who_changes_their_password_to_get_in_while_a_rung_begins_goes_by_it(service: Service) -> None:
    corp = next(iter(service.realms))
    corp.stopped = RefusalReason.MUST_CHANGE
    client = await signed_in(service)

    async def begin() -> None:
        await degrade(service, "closed")

    corp.meanwhile = begin
    assert isinstance(await client.change_password(OLD, NEW), ChangedAndSignedOut)
    assert await client.session() is None
