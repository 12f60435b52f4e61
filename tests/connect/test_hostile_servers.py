"""What comes from a server that is no Gatepost, or no longer one: an error in one line, and nothing else happens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, web

from proxy.connect.api_client import APIClient, NotServed
from proxy.http.reserved import API, SIGN_IN
from tests.connect.at_terminal import connecting

PROOF = {"state": "proof", "flow": "f", "factor": "sms", "factors": ["sms"], "destination": "", "expires_in": 9}
SIGNED_IN = {"state": "signed_in", "token": "t", "expires_in": 9}
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def served(answer: Answer) -> AsyncIterator[str]:
    """Its origin."""
    runner = web.AppRunner(web.Application(), access_log=None)
    runner.app.router.add_route("*", "/{path:.*}", answer)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield "http://127.0.0.1:{1}".format(*runner.addresses[0])
    finally:
        await runner.cleanup()


def saying(text: str, status: int = 200) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=text, status=status, content_type="application/json")

    return answer


@pytest.mark.parametrize(
    "said",
    [
        "", "null", "[]", "3", '"x"', "{}", "[" * 60_000, "<html>", '{"state": ["signed_in"]}',
        json.dumps(SIGNED_IN | {"token": 3}),
        json.dumps(SIGNED_IN | {"token": "t\r\nX-Other: 1"}),
        json.dumps(SIGNED_IN | {"token": ""}),
        json.dumps(SIGNED_IN | {"expires_in": "soon"}),
        json.dumps(SIGNED_IN | {"expires_in": float("nan")}),
        json.dumps(SIGNED_IN | {"expires_in": float("inf")}),
        json.dumps(SIGNED_IN | {"expires_in": -1}),
        json.dumps(PROOF | {"factors": 3}),
        json.dumps(PROOF | {"factors": [["sms"]]}),
        json.dumps(PROOF | {"flow": None}),
        json.dumps({"state": "proof"}),
        json.dumps(PROOF | {"more": "x" * 70_000}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("status", [200, 401])
async def test_what_has_not_the_shape_of_an_answer_is_none(said: str, status: int) -> None:
    async with served(saying(said, status)) as origin, ClientSession() as http:
        api = APIClient(http=http, origin=origin)
        with pytest.raises(NotServed) as raised:
            await api.sign_in("alice", "s3cret", "wiki")
        assert "\n" not in str(raised.value)
        assert "s3cret" not in str(raised.value)
        with pytest.raises(NotServed):
            await api.session("t0ken")


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    sent = 0

    async def pour(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b" " * 65536)
                sent += 65536
        except ConnectionError:
            return response

    async with served(pour) as origin, ClientSession() as http:
        with pytest.raises(NotServed, match="too long"):
            await APIClient(http=http, origin=origin).sign_in("alice", "s3cret", "wiki")
    assert sent < 64 * 1024 * 1024


async def test_what_it_says_moves_no_cursor_and_hides_nothing() -> None:
    """Neither while it asks nor at its end."""
    escapes = "\x1b]0;taken\x07\x1b[2J\r\nand \u202ea second line"

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == SIGN_IN:
            return web.Response(status=302, headers={"Location": f"http://{request.host}{SIGN_IN}"})
        said: dict[str, Any] = {"error": "refused", "message": f"first {escapes}", "incident": ""}
        if request.path == API + "sign-in":
            body = await request.json()
            if body["password"] == "again":
                return web.json_response({"error": "not_allowed", "message": f"last {escapes}"}, status=403)
        return web.json_response(said, status=401)

    async with served(answer) as origin, connecting(origin, "--user", "alice", environ={}) as process:
        await process.shows("Password of alice")
        await process.types("wrong")
        await process.shows("first ")
        await process.shows("Password of alice")
        await process.types("again")
        assert await process.ends() == 1
        assert "gatepost connect: last " in process.screen
        assert not {"\x1b", "\x07", "\u202e"} & set(process.screen)
        assert "and" in process.screen.splitlines()[-1], "one line"
