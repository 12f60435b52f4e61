"""Whole sign-ins by RADIUS: what a VPN client's person reads and types, and what nobody gets by."""

from __future__ import annotations

import asyncio
import struct

import pytest
from pyrad.packet import AuthPacket
from structlog.testing import capture_logs

from config.factors import Factor
from directory.directory import RefusalReason
from directory.errors import DirectoryUnavailable
from proxy.delivery.channel import Outcome
from proxy.secrets.tokens import new_token
from proxy.sessions.session import Level
from proxy.sessions.way import Way
from tests.portal.test_password_change import NAME, OLD
from tests.radius.conftest import RADIUSStage, Staging
from tests.support.eventually import eventually
from tests.support.people import given_pass
from tests.support.radius import (
    ACCEPT,
    CHALLENGE,
    PROXY_STATE,
    REJECT,
    SECRET,
    SESSION_TIMEOUT,
    STATE,
    Gateway,
    access_request,
    attributes_of,
    checked_answer,
    message_of,
)

FILTER_ID = 11


def state_of(answer: AuthPacket) -> bytes:
    assert answer.code == CHALLENGE
    (state,) = attributes_of(answer)[STATE]
    return state


def wrong(passcode: str) -> str:
    return "000000" if passcode != "000000" else "000001"


async def test_a_password_and_an_sms_let_in(stage: RADIUSStage, gateway: Gateway) -> None:
    asked = await gateway.ask(NAME, OLD)
    masked = stage.service.phone.messages[-1].number
    assert masked is not None
    assert masked[-3:] in message_of(asked)
    assert masked not in message_of(asked)
    assert stage.service.phone.messages[-1].app == "VPN"
    accepted = await gateway.ask(NAME, stage.service.passcode, state=state_of(asked), identifier=8)
    assert accepted.code == ACCEPT
    (session,) = await stage.service.store.sessions.sessions()
    assert (session.level, session.way, session.user_agent) == (Level.SIGNED_IN, Way.RADIUS, "VPN")
    assert session.proven_factors == {Factor.PASSWORD, Factor.SMS}
    (seconds,) = attributes_of(accepted)[SESSION_TIMEOUT]
    assert int.from_bytes(seconds) == stage.service.settings.sessions.absolute
    assert stage.counted("access_challenge") == stage.counted("access_accept") == 1


async def test_a_wrong_password_is_refused_on_the_time_grid(stage: RADIUSStage, gateway: Gateway) -> None:
    for name in (NAME, "nobody"):
        answer = await gateway.ask(name, "wrong", identifier=len(name))
        assert answer.code == REJECT
        assert "not right" in message_of(answer)
    assert stage.slept == [0.5, 0.5]
    assert stage.service.phone.messages == []


async def test_an_empty_password_is_never_sent_to_the_directory(stage: RADIUSStage, gateway: Gateway) -> None:
    assert (await gateway.ask(NAME, "")).code == REJECT
    assert (await gateway.ask("", OLD, identifier=8)).code == REJECT
    assert (await gateway.ask(NAME, "\0" + OLD, identifier=9)).code == REJECT
    assert await stage.service.store.sessions.sessions() == []


async def test_a_wrong_code_is_asked_for_again_until_none_are_left(stage: RADIUSStage, gateway: Gateway) -> None:
    answer = await gateway.ask(NAME, OLD)
    for left in (4, 3, 2, 1):
        typed = wrong(stage.service.passcode)
        answer = await gateway.ask(NAME, typed, state=state_of(answer), identifier=10 + left)
        assert f"{left} {'try is' if left == 1 else 'tries are'} left" in message_of(answer)
    ended = await gateway.ask(NAME, wrong(stage.service.passcode), state=state_of(answer), identifier=20)
    assert ended.code == REJECT
    assert "too many wrong codes" in message_of(ended)
    late = await gateway.ask(NAME, stage.service.passcode, state=state_of(answer), identifier=21)
    assert late.code == REJECT


async def test_what_is_no_code_costs_no_try(stage: RADIUSStage, gateway: Gateway) -> None:
    asked = await gateway.ask(NAME, OLD)
    answer = await gateway.ask(NAME, "what?", state=state_of(asked), identifier=8)
    assert "not a code of 6 digits" in message_of(answer)
    accepted = await gateway.ask(NAME, stage.service.passcode, state=state_of(answer), identifier=9)
    assert accepted.code == ACCEPT


@pytest.mark.parametrize("typed", ["", "again", "SMS"])
async def test_nothing_or_a_word_has_the_same_code_sent_again(stage: RADIUSStage, gateway: Gateway, typed: str) -> None:
    asked = await gateway.ask(NAME, OLD)
    early = await gateway.ask(NAME, typed, state=state_of(asked), identifier=8)
    assert "can be sent again in" in message_of(early)
    stage.service.now += stage.service.settings.passcode.resend_after
    again = await gateway.ask(NAME, typed, state=state_of(early), identifier=9)
    first, second = stage.service.phone.messages
    assert first.passcode == second.passcode
    accepted = await gateway.ask(NAME, first.passcode, state=state_of(again), identifier=10)
    assert accepted.code == ACCEPT


async def test_another_factor_is_asked_for_by_its_name(stage: RADIUSStage, gateway: Gateway) -> None:
    asked = await gateway.ask(NAME, OLD)
    assert "type email" in message_of(asked)
    mailed = await gateway.ask(NAME, "Email", state=state_of(asked), identifier=8)
    assert "mail to s" in message_of(mailed)
    assert "type sms" in message_of(mailed)
    assert len(stage.service.phone.messages) == 2
    accepted = await gateway.ask(NAME, stage.service.passcode, state=state_of(mailed), identifier=9)
    assert accepted.code == ACCEPT
    (session,) = await stage.service.store.sessions.sessions()
    assert session.proven_factors == {Factor.PASSWORD, Factor.EMAIL}


async def test_a_late_code_is_over(stage: RADIUSStage, gateway: Gateway) -> None:
    asked = await gateway.ask(NAME, OLD)
    stage.service.now += stage.service.settings.passcode.lifetime
    answer = await gateway.ask(NAME, stage.service.passcode, state=state_of(asked), identifier=8)
    assert (answer.code, message_of(answer)) == (REJECT, "This code is over. Sign in again.")


async def test_a_scheme_with_two_codes_asks_for_both(staging: Staging) -> None:
    stage = staging(radius={"scheme": "both"})
    async with stage.serving():
        gateway = await stage.gateway()
        first = await gateway.ask(NAME, OLD)
        second = await gateway.ask(NAME, stage.service.passcode, state=state_of(first), identifier=8)
        assert "by mail" in message_of(second)
        accepted = await gateway.ask(NAME, stage.service.passcode, state=state_of(second), identifier=9)
        assert accepted.code == ACCEPT
        gateway.close()


async def test_attributes_are_those_of_the_persons_groups_after_the_code_too(staging: Staging) -> None:
    attributes = (
        {"groups": ("Mailed",), "send": ("Filter-Id = mailed",)},
        {"groups": ("Wiki Users",), "send": ("Filter-Id = wiki", "Cisco-AVPair = ip:x=1", "Cisco-AVPair = ip:y=2")},
        {"send": ("Filter-Id = all", "Class = 0x00ff")},
    )
    stage = staging(radius={"attributes": attributes})
    async with stage.serving():
        gateway = await stage.gateway()
        asked = await gateway.ask(NAME, OLD)
        assert FILTER_ID not in attributes_of(asked)
        accepted = await gateway.ask(NAME, stage.service.passcode, state=state_of(asked), identifier=8)
        found = attributes_of(accepted)
        assert (found[FILTER_ID], found[25], len(found[26])) == ([b"wiki"], [b"\x00\xff"], 2)
        gateway.close()


async def test_a_pass_which_is_for_apps_does_not_open_a_vpn(staging: Staging) -> None:
    stage = staging(help_desk={"passes": True}, radius={"scheme": "both"})
    given = given_pass(guid=stage.scripted.account.guid, given_at=stage.service.now, ends_at=stage.service.now + 3600)
    await stage.service.store.passes.put_pass(given)
    async with stage.serving():
        gateway = await stage.gateway()
        first = await gateway.ask(NAME, OLD)
        second = await gateway.ask(NAME, stage.service.passcode, state=state_of(first), identifier=8)
        assert "pass" not in message_of(second)
        # Without a mail address nothing is left but the pass, which a browser would ask for.
        stage.scripted.is_now(mail=None)
        first = await gateway.ask(NAME, OLD, identifier=9)
        refused = await gateway.ask(NAME, stage.service.passcode, state=state_of(first), identifier=10)
        assert refused.code == REJECT
        gateway.close()


# Whose State it is.


async def test_a_state_is_used_once(stage: RADIUSStage, gateway: Gateway) -> None:
    asked = await gateway.ask(NAME, OLD)
    first = await gateway.ask(NAME, "what?", state=state_of(asked), identifier=8)
    assert first.code == CHALLENGE
    with capture_logs() as logs:
        again = await gateway.ask(NAME, stage.service.passcode, state=state_of(asked), identifier=9)
    assert again.code == REJECT
    assert [each["reason"] for each in logs if each["event"] == "sign_in.refused"] == ["state_used_before"]
    accepted = await gateway.ask(NAME, stage.service.passcode, state=state_of(first), identifier=10)
    assert accepted.code == ACCEPT
    replayed = await gateway.ask(NAME, stage.service.passcode, state=state_of(first), identifier=11)
    assert replayed.code == REJECT


async def test_a_state_is_of_one_person(stage: RADIUSStage, gateway: Gateway) -> None:
    asked = await gateway.ask(NAME, OLD)
    with capture_logs() as logs:
        other = await gateway.ask("bob", stage.service.passcode, state=state_of(asked), identifier=8)
    assert other.code == REJECT
    assert [each["reason"] for each in logs if each["event"] == "sign_in.refused"] == ["state_not_theirs"]


async def test_a_state_is_for_the_client_that_it_was_given_to(staging: Staging) -> None:
    clients = (
        {"name": "VPN", "address": "127.0.0.1", "secret": SECRET.decode()},
        {"name": "Wi-Fi", "address": "127.0.0.2", "secret": SECRET.decode()},
    )
    stage = staging(radius={"clients": clients})
    async with stage.serving():
        gateway = await stage.gateway()
        asked = await gateway.ask(NAME, OLD)
        loop = asyncio.get_running_loop()
        _, other = await loop.create_datagram_endpoint(
            Gateway, local_addr=("127.0.0.2", 0), remote_addr=stage.server.addresses[0]
        )
        answer = await other.ask(NAME, stage.service.passcode, state=state_of(asked))
        assert answer.code == REJECT
        gateway.close()
        other.close()


@pytest.mark.parametrize("state", [b"", b"x", b"x" * 28, b"x" * 105, b"\0" * 253])
async def test_a_state_that_is_not_ours_is_refused(stage: RADIUSStage, gateway: Gateway, state: bytes) -> None:
    answer = await gateway.ask(NAME, OLD, state=state)
    assert answer.code == REJECT


async def test_the_state_of_a_session_that_ended_leads_nowhere(stage: RADIUSStage, gateway: Gateway) -> None:
    asked = await gateway.ask(NAME, OLD)
    await stage.service.store.sessions.end_all_sessions()
    answer = await gateway.ask(NAME, stage.service.passcode, state=state_of(asked), identifier=8)
    assert answer.code == REJECT


# Packets that come again, from strangers, or not to be judged.


async def test_the_same_packet_five_times_is_one_sms_and_one_answer(stage: RADIUSStage, gateway: Gateway) -> None:
    request, data = access_request(NAME, OLD)
    for _ in range(5):
        gateway.send(data)
    first = await gateway.answer()
    gateway.send(data)
    assert await gateway.answer() == first
    checked_answer(request, first)
    assert len(stage.service.phone.messages) == 1
    assert len(await stage.service.store.sessions.sessions()) == 1


async def test_a_right_code_that_comes_again_is_answered_again(stage: RADIUSStage, gateway: Gateway) -> None:
    asked = await gateway.ask(NAME, OLD)
    request, data = access_request(NAME, stage.service.passcode, state=state_of(asked), identifier=8)
    gateway.send(data)
    first = await gateway.answer()
    gateway.send(data)
    assert await gateway.answer() == first
    assert checked_answer(request, first).code == ACCEPT


async def test_a_status_server_is_answered(stage: RADIUSStage, gateway: Gateway) -> None:
    answer = await gateway.ask(code=12, attributes={PROXY_STATE: [b"x"]})
    assert answer.code == ACCEPT
    assert stage.counted("status_server") == 1


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"is_signed": False}, "no_message_authenticator"),
        ({"secret": b"another secret"}, "wrong_message_authenticator"),
        ({"code": 4}, "other_code"),
    ],
)
async def test_what_does_not_prove_itself_is_dropped_and_counted(
    stage: RADIUSStage, gateway: Gateway, more: dict[str, object], reason: str
) -> None:
    with capture_logs() as logs:
        for identifier in (1, 2, 3):
            gateway.send(access_request(NAME, OLD, identifier=identifier, **more)[1])  # type: ignore[arg-type]
        await gateway.ask(code=12)  # answered in order: those before were read
    assert stage.counted(reason) == 3
    dropped = [each for each in logs if each["event"] == "radius.dropped"]
    assert [(each["client"], each["reason"]) for each in dropped] == [("VPN", reason)]
    assert gateway.received.empty()
    assert stage.service.phone.messages == []


async def test_a_stranger_is_never_answered(staging: Staging) -> None:
    stage = staging(client={"address": "192.0.2.0/24"})
    async with stage.serving():
        gateway = await stage.gateway()
        gateway.send(access_request(NAME, OLD)[1])
        gateway.send(access_request(code=12)[1])
        await eventually(lambda: stage.counted("unknown_client") == 2)
        assert gateway.received.empty()
        gateway.close()


@pytest.mark.parametrize(
    ("protocol", "attributes"),
    [
        ("MS-CHAP", {26: [struct.pack("!LBB", 311, 25, 52) + b"r" * 50]}),
        ("CHAP", {3: [b"\x01" * 17]}),
        ("EAP", {79: [b"\x02\x05\x00\x05\x01"]}),
        ("no password", {}),
    ],
)
async def test_what_an_ldap_bind_cannot_check_is_refused_with_the_reason_once_in_the_log(
    stage: RADIUSStage, gateway: Gateway, protocol: str, attributes: dict[int, list[bytes]]
) -> None:
    with capture_logs() as logs:
        answers = [await gateway.ask(NAME, attributes=attributes, identifier=each) for each in (1, 2)]
    assert all(each.code == REJECT and "must use PAP" in message_of(each) for each in answers)
    told = [each for each in logs if each["event"] == "radius.cannot_check"]
    assert [(each["client"], each["protocol"]) for each in told] == [("VPN", protocol)]
    if protocol == "EAP":
        assert attributes_of(answers[0])[79] == [b"\x04\x05\x00\x04"]


async def test_a_password_in_another_character_set_is_not_sent_to_the_directory(
    stage: RADIUSStage, gateway: Gateway
) -> None:
    request = AuthPacket(1, 7, SECRET, b"r" * 16)
    request.add_message_authenticator()
    request[1] = [NAME.encode()]
    request[2] = [request.PwCrypt(OLD.encode() + b"\xe9")]
    with capture_logs() as logs:
        gateway.send(request.RequestPacket())
        assert checked_answer(request, await gateway.answer()).code == REJECT
    assert [each["reason"] for each in logs if each["event"] == "sign_in.refused"] == ["unreadable_password"]


# What stops a sign-in.


async def test_who_has_to_change_their_password_does_so_in_a_browser(staging: Staging) -> None:
    stage = staging(radius={"scheme": "both"})
    stage.scripted.stopped = RefusalReason.MUST_CHANGE
    async with stage.serving():
        gateway = await stage.gateway()
        asked = await gateway.ask(NAME, OLD)
        asked = await gateway.ask(NAME, stage.service.passcode, state=state_of(asked), identifier=8)
        asked = await gateway.ask(NAME, stage.service.passcode, state=state_of(asked), identifier=9)
        assert asked.code == REJECT
        assert "https://signin.corp.example" in message_of(asked)
        gateway.close()
    assert all(each.level is not Level.SIGNED_IN for each in await stage.service.store.sessions.sessions())


async def test_without_a_number_nobody_gets_in(stage: RADIUSStage, gateway: Gateway) -> None:
    stage.scripted.is_now(mobiles=(), mail=None)
    answer = await gateway.ask(NAME, OLD)
    assert answer.code == REJECT
    assert "no mobile number" in message_of(answer)


async def test_a_code_that_could_not_be_sent_is_told(stage: RADIUSStage, gateway: Gateway) -> None:
    stage.service.phone.outcome = Outcome.UNAVAILABLE
    asked = await gateway.ask(NAME, OLD)
    assert "could not be sent" in message_of(asked)
    stage.service.phone.outcome = Outcome.ACCEPTED
    again = await gateway.ask(NAME, "", state=state_of(asked), identifier=8)
    assert "could not be sent" not in message_of(again)


async def test_while_the_directory_is_away_nobody_gets_in(stage: RADIUSStage, gateway: Gateway) -> None:
    stage.scripted.error = DirectoryUnavailable("corp", "away")
    answer = await gateway.ask(NAME, OLD)
    assert answer.code == REJECT
    assert "not available" in message_of(answer)


async def test_while_an_audit_that_is_required_cannot_be_written_nobody_gets_in(
    stage: RADIUSStage, gateway: Gateway
) -> None:
    await gateway.ask(NAME, "wrong")
    refused = stage.service.recorded.one("sign_in.refused")
    assert (refused.way, refused.facts["reason"]) == ("radius", "wrong_password")
    binds = stage.scripted.binds
    stage.service.recorded.is_full = True
    answer = await gateway.ask(NAME, OLD, identifier=9)
    assert answer.code == REJECT
    assert "not available" in message_of(answer)
    assert stage.scripted.binds == binds


async def test_an_error_that_nobody_foresaw_lets_nobody_in(
    stage: RADIUSStage, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError(new_token())

    monkeypatch.setattr(type(stage.service.parts.flow.password), "prove", broken)
    with capture_logs() as logs:
        answer = await gateway.ask(NAME, OLD)
    assert answer.code == REJECT
    (failure,) = [each for each in logs if each["event"] == "radius.failed"]
    assert failure["incident"] in message_of(answer)


# By what a person is counted.


async def test_people_of_one_vpn_do_not_share_an_address(staging: Staging) -> None:
    stage = staging(throttle={"passwords_per_address": 2})
    async with stage.serving():
        gateway = await stage.gateway()
        for identifier in (1, 2, 3):
            refused = await gateway.ask("mallory", f"guess {identifier}", identifier=identifier)
        assert "too many tries" in message_of(refused)
        asked = await gateway.ask(NAME, OLD, identifier=9)
        assert asked.code == CHALLENGE
        gateway.close()


async def test_a_trusted_client_says_where_its_person_is(staging: Staging) -> None:
    calling = 31
    inside, outside = {calling: [b"203.0.113.7"]}, {calling: [b"198.51.100.9"]}
    stage = staging(client={"trusts_calling_station": True}, throttle={"passwords_per_address": 2})
    async with stage.serving():
        gateway = await stage.gateway()
        # The scheme for that network asks for the password alone.
        assert (await gateway.ask(NAME, OLD, attributes=inside)).code == ACCEPT
        assert (await gateway.ask(NAME, OLD, attributes=outside, identifier=8)).code == CHALLENGE
        for identifier in (1, 2, 3):
            refused = await gateway.ask(f"no{identifier}", "guess", attributes=outside, identifier=identifier)
        assert "too many tries" in message_of(refused)
        gateway.close()


async def test_a_client_that_is_not_trusted_says_nothing(staging: Staging) -> None:
    stage = staging()
    async with stage.serving():
        gateway = await stage.gateway()
        assert (await gateway.ask(NAME, OLD, attributes={31: [b"203.0.113.7"]})).code == CHALLENGE
        gateway.close()
