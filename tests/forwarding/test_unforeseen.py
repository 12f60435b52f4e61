"""Whatever raises where nobody expects it: its client is answered or cut off, the log says so, and the others go on."""

from __future__ import annotations

import asyncio

import pytest

from proxy.forwarding.client_connection import ClientConnection
from proxy.http.states import ConnectionState
from tests.forwarding.stage import Stage, StageMaker, get


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
    monkeypatch.setattr(ClientConnection, "touch", _raise)
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
    allowed = ConnectionState.then

    def then(self: ConnectionState, state: ConnectionState) -> ConnectionState:
        return _raise() if state.name == "ASKING" else allowed(self, state)  # type: ignore[func-returns-value]

    monkeypatch.setattr(ConnectionState, "then", then)
    async with stage.client() as client, asyncio.timeout(5):
        await client.send(get())
        assert (await client.response()).status == 500
        assert await client.is_closed()
    pool = stage.plane.context.pools["Wiki"]
    assert (pool.servers[0].in_flight, pool.idle) == (0, [])
    assert take_failures(stage) == ["AssertionError"]


async def test_an_error_at_one_deadline_ends_that_connection_and_no_other_timer(
    staged: StageMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_deadline, seen = ClientConnection.on_deadline, []

    def on_deadline(self: ClientConnection) -> None:
        seen.append(self)
        if self is seen[0]:
            _raise()
        at_deadline(self)

    monkeypatch.setattr(ClientConnection, "on_deadline", on_deadline)
    async with (
        staged(server={"keep_alive_timeout": 0.3}) as stage,
        stage.client() as one,
        stage.client() as two,
        asyncio.timeout(5),
    ):
        assert await one.is_closed()
        assert await two.is_closed()
        assert take_failures(stage) == ["AssertionError"]
