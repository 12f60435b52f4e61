"""The end of a person's access is told to the VPN gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from config.settings import RADIUSClientSettings, SessionSettings
from proxy.operations.store_errors import StoreUnavailable
from proxy.radius.create_radius import create_disconnects
from proxy.radius.disconnect_packets import (
    DisconnectReply,
    DisconnectRequest,
    NASConnection,
    Reply,
    connection_of,
    from_record,
    to_record,
)
from proxy.radius.disconnects import AGAIN_SECONDS, Disconnects, exchanged
from proxy.radius.packets import RADIUSRequest, read_request
from proxy.sessions.network_access import NetworkAccess
from proxy.sessions.way import Way
from tests.portal.test_password_change import NAME, OLD
from tests.radius.conftest import RADIUSStage, Staging
from tests.radius.test_conversation import state_of
from tests.sign_in.headless import SCHEMES
from tests.support.eventually import eventually
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW, session
from tests.support.radius import ACCEPT, SECRET, USER_NAME, Disconnected, access_request

CONNECTION = NASConnection(client="VPN", address="127.0.0.1", named_by=((USER_NAME, b"alice"), (44, b"5A3B")))
NAMED = {32: [b"gate"], 5: [b"\0\0\0\x07"], 31: [b"198.51.100.7"], 44: [b"5A3B"], 87: [b"tun0"], 61: [b"\0\0\0\x05"]}


def client(**more: Any) -> RADIUSClientSettings:
    values = {"name": "VPN", "address": "127.0.0.1", "secret": SECRET.decode(), "disconnect_port": 3799}
    return RADIUSClientSettings.model_validate({**values, **more})


def test_a_connection_is_named_by_what_its_request_said() -> None:
    request = read_request(access_request("alice", "x", attributes=NAMED)[1], secret=SECRET, must_authenticate=True)
    assert isinstance(request, RADIUSRequest)
    found = connection_of(request, client="VPN", address="192.0.2.1")
    assert dict(found.named_by) == {1: b"alice", **{kind: value for kind, (value,) in NAMED.items() if kind != 61}}
    assert from_record(to_record(found)) == found
    assert "alice" not in repr(found)


@given(st.text())
def test_a_record_that_cannot_be_read_is_none(record: str) -> None:
    assert from_record(record) is None


@given(st.binary(max_size=200))
def test_no_answer_but_the_clients_own_counts(data: bytes) -> None:
    request = DisconnectRequest(CONNECTION, secret=SECRET, identifier=7, now=NOW)
    assert request.read(data) is None
    assert request.read(b"\x29\x07" + len(data).to_bytes(2) + data) is None


async def test_it_is_sent_again_unchanged_until_it_is_answered() -> None:
    gateway = await Disconnected.listening()
    gateway.answers = [None]
    request = DisconnectRequest(CONNECTION, secret=SECRET, identifier=7, now=NOW)
    assert await exchanged("127.0.0.1", gateway.port, request) == DisconnectReply(Reply.ACKNOWLEDGED)
    assert gateway.all[0] == gateway.all[1] == request.data
    told = await gateway.next()
    assert (told[USER_NAME], told[44], told[55]) == ([b"alice"], [b"5A3B"], [int(NOW).to_bytes(4)])
    assert next(iter(told)) == 80
    gateway.close()


class Desk:
    """Disconnects over a store in memory, with a client that answers as set."""

    def __init__(self, *, compare_seconds: float = 0.05, **more: Any) -> None:
        self.now = NOW
        self.store = MemoryStore()
        self.sent: list[str] = []
        self.replies: list[DisconnectReply | None] = []
        self.counts: list[str] = []
        self.disconnects = Disconnects(
            clients=(client(**more),),
            accesses=self.store.network_accesses,
            sessions=self.store.sessions,
            limits=SessionSettings(),
            count=self.counts.append,
            log=structlog.get_logger(),
            clock=lambda: self.now,
            is_as_given=lambda session, connection: "Gone" not in session.principal.groups,
            on_own_change=lambda listener: lambda: None,
            exchange=self._exchange,
            compare_seconds=compare_seconds,
        )

    async def _exchange(self, address: str, port: int, request: DisconnectRequest) -> DisconnectReply | None:
        self.sent.append(f"{address}:{port}")
        return self.replies.pop(0) if self.replies else DisconnectReply(Reply.ACKNOWLEDGED)

    async def give(self, session_id: str, *, stands: bool = True) -> None:
        if stands:
            stored = replace(session(session_id=session_id), way=Way.RADIUS)
            await self.store.sessions.create_session(stored, cookie=session_id.encode(), host="*")
        access = NetworkAccess(session_id=session_id, record=to_record(CONNECTION), expires_at=NOW + 3600)
        await self.store.network_accesses.put_access(access)

    async def left(self) -> list[str]:
        return [each.session_id for each in await self.store.network_accesses.accesses()]

    async def compared(self) -> None:
        """Until all that was given has been looked at again."""
        before = self.store.calls.count("accesses")
        await eventually(lambda: self.store.calls.count("accesses") >= before + 2)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.disconnects.run())
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_end_is_told_at_once_and_no_other() -> None:
    desk = Desk()
    await desk.give("one")
    await desk.give("other")
    async with desk.running():
        await desk.store.sessions.end_session("one")
        await eventually(lambda: desk.counts == ["disconnect_request", "disconnect_ack"])
        assert desk.sent == ["127.0.0.1:3799"]
        assert await desk.left() == ["other"]


async def test_an_end_that_nobody_was_there_to_hear_of_is_told_later() -> None:
    desk = Desk()
    await desk.give("one", stands=False)
    async with desk.running():
        await eventually(lambda: desk.counts == ["disconnect_request", "disconnect_ack"])
    assert await desk.left() == []


async def test_whom_another_worker_finds_changed_is_disconnected() -> None:
    desk = Desk(compare_seconds=3600)
    await desk.give("one")
    async with desk.running():
        await eventually(lambda: "sessions_by_id" in desk.store.calls)
        assert desk.sent == []
        stored = desk.store.sessions.standing["one"]
        less = replace(stored.principal, groups=frozenset({"Gone"}))
        await desk.store.sessions.update_principal(replace(stored, principal=less))
        await eventually(lambda: "disconnect_ack" in desk.counts)
    assert desk.store.sessions.standing == {}


async def test_what_the_store_could_not_say_is_asked_again() -> None:
    desk = Desk()
    await desk.give("one", stands=False)
    desk.store.away = True
    async with desk.running():
        await eventually(lambda: "accesses" in desk.store.calls)
        desk.store.away = False
        await eventually(lambda: "disconnect_ack" in desk.counts)


async def test_a_session_that_is_over_by_its_limit_ends_there_too() -> None:
    desk = Desk()
    await desk.give("one")
    async with desk.running():
        await desk.compared()
        assert desk.sent == []
        desk.now = NOW + SessionSettings().idle + 1
        await desk.compared()
        assert desk.sent == []  # nobody hears whether the connection is used
        desk.now = NOW + SessionSettings().absolute
        await eventually(lambda: desk.sent)


async def test_one_that_is_not_answered_is_tried_again_later() -> None:
    desk = Desk()
    desk.replies = [None]
    await desk.give("one", stands=False)
    with capture_logs() as logs:
        async with desk.running():
            await eventually(lambda: "disconnect_unanswered" in desk.counts)
            await desk.compared()
            assert len(desk.sent) == 1
            assert await desk.left() == ["one"]
            desk.now += AGAIN_SECONDS[0]
            await eventually(lambda: "disconnect_ack" in desk.counts)
    assert "radius.disconnect_unanswered" in [each["event"] for each in logs]


async def test_a_refusal_is_logged_and_asked_for_once_more() -> None:
    desk = Desk()
    desk.replies = [DisconnectReply(Reply.REFUSED, 503)] * 2
    await desk.give("one", stands=False)
    with capture_logs() as logs:
        async with desk.running():
            await eventually(lambda: desk.counts.count("disconnect_nak") == 1)
            assert await desk.left() == ["one"]
            desk.now += AGAIN_SECONDS[0]
            await eventually(lambda: desk.counts.count("disconnect_nak") == 2)
    assert await desk.left() == []
    assert [each["error_cause"] for each in logs if each["event"] == "radius.disconnect_refused"] == [503, 503]


async def test_a_client_without_a_port_keeps_its_person_until_the_timeout_and_the_log_says_so() -> None:
    desk = Desk(disconnect_port=None)
    await desk.give("one", stands=False)
    with capture_logs() as logs:
        async with desk.running():
            await eventually(lambda: "radius.stays_connected" in [each["event"] for each in logs])
    assert (desk.sent, await desk.left()) == ([], [])


# With a real client, socket and store.


@asynccontextmanager
async def disconnecting(stage: RADIUSStage) -> AsyncIterator[None]:
    service = stage.service
    disconnects = create_disconnects(
        settings=service.settings,
        store=service.store,
        live=service.sessions,
        metrics=stage.metrics,
        log=structlog.get_logger(),
        clock=lambda: service.now,
    )
    task = asyncio.create_task(disconnects.run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_who_was_let_in_is_disconnected_when_the_session_ends(staging: Staging) -> None:
    vpn = await Disconnected.listening()
    stage = staging(client={"disconnect_port": vpn.port})
    async with stage.serving(), disconnecting(stage):
        gateway = await stage.gateway()
        asked = await gateway.ask(NAME, OLD, attributes=NAMED)
        passcode = stage.service.passcode
        accepted = await gateway.ask(NAME, passcode, state=state_of(asked), attributes=NAMED, identifier=8)
        assert accepted.code == ACCEPT
        (stored,) = await stage.service.store.sessions.sessions()
        await stage.service.store.sessions.end_session(stored.session_id)
        told = await vpn.next()
        assert (told[USER_NAME], told[44], told[32]) == ([NAME.encode()], [b"5A3B"], [b"gate"])
        gateway.close()
    vpn.close()


ATTRIBUTES = ({"groups": ("Wiki Users",), "send": ("Filter-Id = staff",)},)


@pytest.mark.parametrize(
    ("radius", "scheme"),
    [({"attributes": ATTRIBUTES}, {}), ({}, {"groups": ("Wiki Users",)})],
    ids=["attributes", "scheme"],
)
async def test_who_loses_the_group_is_disconnected(
    staging: Staging, radius: dict[str, Any], scheme: dict[str, Any]
) -> None:
    vpn = await Disconnected.listening()
    schemes = ({"name": "vpn", "factors": ("password", "sms"), **scheme}, *SCHEMES)
    stage = staging(client={"disconnect_port": vpn.port}, radius=radius, schemes=schemes)
    sessions = stage.service.store.sessions
    async with stage.serving(), disconnecting(stage):
        gateway = await stage.gateway()
        asked = await gateway.ask(NAME, OLD, attributes=NAMED)
        passcode = stage.service.passcode
        accepted = await gateway.ask(NAME, passcode, state=state_of(asked), attributes=NAMED, identifier=8)
        assert accepted.code == ACCEPT
        (stored,) = await sessions.sessions()
        further = replace(stored.principal, groups=stored.principal.groups | {"Others"})
        await stage.service.sessions.update_principal(replace(stored, principal=further))
        assert await sessions.sessions()
        less = replace(further, groups=frozenset({"Others"}))
        await stage.service.sessions.update_principal(replace(stored, principal=less))
        told = await vpn.next()
        assert told[44] == [b"5A3B"]
        assert await sessions.sessions() == []
        gateway.close()
    vpn.close()


async def test_whose_session_ends_while_the_answer_is_made_is_not_let_in(
    staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = staging()
    store = stage.service.store
    put = type(store.network_accesses).put_access

    async def ended_meanwhile(self: Any, access: NetworkAccess) -> None:
        await store.sessions.end_session(access.session_id)
        await put(self, access)

    monkeypatch.setattr(type(store.network_accesses), "put_access", ended_meanwhile)
    async with stage.serving():
        gateway = await stage.gateway()
        asked = await gateway.ask(NAME, OLD)
        answer = await gateway.ask(NAME, stage.service.passcode, state=state_of(asked), identifier=8)
        assert answer.code != ACCEPT
        gateway.close()


async def test_what_cannot_be_noted_is_not_given(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = staging()

    async def away(self: Any, access: NetworkAccess) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(type(stage.service.store.network_accesses), "put_access", away)
    async with stage.serving():
        gateway = await stage.gateway()
        asked = await gateway.ask(NAME, OLD)
        answer = await gateway.ask(NAME, stage.service.passcode, state=state_of(asked), identifier=8)
        assert answer.code != ACCEPT
        gateway.close()
