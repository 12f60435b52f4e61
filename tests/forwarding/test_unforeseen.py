"""Whatever raises where nobody expects it: its client is answered or cut off, the log says so, and the others go on."""

from __future__ import annotations

import asyncio

import pytest

from proxy.forwarding import plane as planes
from proxy.forwarding import verdict
from proxy.forwarding.client_connection import ClientConnection
from proxy.forwarding.states import ExchangeState
from proxy.forwarding.tunnel import LINGER_SECONDS, Tunnel
from proxy.sessions.session import Session
from tests.forwarding.stage import Stage, StageMaker, get, session_of
from tests.support.eventually import eventually
from tests.support.upstreams import UpstreamSide

WEBSOCKET = "Upgrade: websocket\r\nConnection: Upgrade\r\n"


def _raise(*_: object) -> None:
    raise AssertionError("nobody expects this")


def take_failures(stage: Stage) -> list[str]:
    """The errors that were logged; taken out, for the stage expects none in the end."""
    found = [values["error"] for values in stage.log.of("forwarding.failed")]
    stage.log.events.clear()
    return found


async def test_an_error_right_after_connecting_is_answered_and_leaves_no_connection(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BreaksOff(ClientConnection):
        def touch(self, seconds: float) -> None:
            _raise()

    monkeypatch.setattr(planes, "ClientConnection", BreaksOff)
    async with stage.client() as client, asyncio.timeout(5):
        await client.send(get())
        assert (await client.response()).status == 500
        assert await client.is_closed()
    pool = stage.plane.context.pools["Wiki"]
    assert (pool.servers[0].in_flight, pool.idle) == (0, [])
    assert take_failures(stage) == ["AssertionError"]


async def test_a_state_that_may_not_follow_is_answered_and_leaves_no_connection(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ExchangeState.CONNECTING, "then", {ExchangeState.OVER: ExchangeState.OVER})
    async with stage.client() as client, asyncio.timeout(5):
        await client.send(get())
        assert (await client.response()).status == 500
        assert await client.is_closed()
    pool = stage.plane.context.pools["Wiki"]
    assert (pool.servers[0].in_flight, pool.idle) == (0, [])
    assert take_failures(stage) == ["KeyError"]


async def test_an_error_at_one_deadline_ends_that_connection_and_no_other_timer(
    staged: StageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[ClientConnection] = []

    class BreaksOffOnce(ClientConnection):
        def on_deadline(self) -> None:
            seen.append(self)
            if self is seen[0]:
                _raise()
            super().on_deadline()

    monkeypatch.setattr(planes, "ClientConnection", BreaksOffOnce)
    async with (
        staged() as stage,
        stage.client() as one,
        stage.client() as two,
        asyncio.timeout(5),
    ):
        await eventually(lambda: len(stage.plane.connections) == 2)
        stage.pass_seconds(stage.plane.context.moment.keep_alive_timeout + 0.1)
        assert await one.is_closed()
        assert await two.is_closed()
        assert take_failures(stage) == ["AssertionError"]


async def begin_stream_or_tunnel(side: UpstreamSide) -> None:
    """Neither ends by itself."""
    if (await side.request()).get("upgrade") is None:
        await side.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
    else:
        await side.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    await side.reader.read()


@pytest.mark.parametrize("lines", ["", WEBSOCKET], ids=["requests", "tunnels"])
async def test_what_cannot_be_judged_again_is_closed_and_the_next_is_still_judged(
    staged: StageMaker, monkeypatch: pytest.MonkeyPatch, lines: str
) -> None:
    judge, judged = verdict.is_still_open, []

    def is_still_open(session: Session, **others: object) -> bool:
        judged.append(session)
        if len(judged) == 1:
            _raise()
        return judge(session, **others)  # type: ignore[arg-type]

    monkeypatch.setattr(verdict, "is_still_open", is_still_open)
    async with staged(begin_stream_or_tunnel) as stage, stage.client() as one, stage.client() as two:
        for client in (one, two):
            await client.send(get(lines=lines))
            await client.reader.readuntil(b"\r\n\r\n")
        changed = session_of("alice", principal=session_of("bob").principal)
        stage.plane.judge_again(changed)
        stage.pass_seconds(LINGER_SECONDS + 0.1)
        async with asyncio.timeout(5):
            await stage.plane.until_empty()
        assert judged == [changed, changed]
        assert take_failures(stage) == ["AssertionError"]


async def test_an_end_that_fails_for_one_tunnel_closes_that_one_and_the_next(
    staged: StageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    end, ended = Tunnel.end, []

    def end_all_but_the_first(self: Tunnel, code: int, reason: str) -> None:
        ended.append(self)
        if len(ended) == 1:
            _raise()
        end(self, code, reason)

    monkeypatch.setattr(Tunnel, "end", end_all_but_the_first)
    async with staged(begin_stream_or_tunnel) as stage, stage.client() as one, stage.client() as two:
        for client in (one, two):
            await client.send(get(lines=WEBSOCKET))
            await client.reader.readuntil(b"\r\n\r\n")
        stage.plane.end_session("id-of-alice")
        assert len(ended) == 2
        async with asyncio.timeout(5):
            await one.reader.read()
            await two.reader.read()
        assert take_failures(stage) == ["AssertionError"]
