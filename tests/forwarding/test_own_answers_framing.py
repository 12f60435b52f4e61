"""How Gatepost's own refusals end: to HEAD without a body, whatever could be read of it; and none comes late."""

from __future__ import annotations

import asyncio

import pytest

from proxy.forwarding.reception import DECISION_SECONDS
from tests.forwarding.stage import ALICE_TOKEN, HOST, STORE_DOWN_TOKEN, Stage, StageMaker, get
from tests.support.raw_http import Message

START = f"HEAD / HTTP/1.1\r\nHost: {HOST}\r\n".encode()
COOKIE = b"Cookie: gatepost=" + ALICE_TOKEN + b"\r\n"
PAGE = "Accept: text/html\r\n"

REFUSED = {
    "two Hosts": (START + b"Host: x\r\n\r\n", 400),
    "a bare LF": (START + b"X: a\nY: b\r\n\r\n", 400),
    "a head of LF": (b"HEAD / HTTP/1.1\nHost: x\n\n", 400),
    "two lengths": (START + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "a quoted upgrade": (START + b'Upgrade: "h2c"\r\n\r\n', 400),
    "a long target": (b"HEAD /" + b"x" * 17_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "a long head": (START + b"X: " + b"y" * 40_000, 431),
    "another version": (b"HEAD / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    "an expectation": (START + b"Expect: the-best\r\n\r\n", 501),
    "an unknown host": (b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", 421),
    "no session": (get(method="HEAD", token=None), 401),
    "another person's app": (get(method="HEAD", token=b"B" * 43), 403),
    "no store": (get(method="HEAD", token=STORE_DOWN_TOKEN), 503),
    "no app": (get(method="HEAD", host="down.corp.example"), 502),
    "a page, no session": (get(method="HEAD", token=None, lines=PAGE), 302),
    "a page, another person's": (get(method="HEAD", token=b"B" * 43, lines=PAGE), 403),
}


async def only_a_head(stage: Stage, raw: bytes) -> Message:
    """The answer, and that nothing follows it up to the connection's end."""
    async with stage.client() as client:
        await client.send(raw)
        client.writer.write_eof()
        response = await client.response(b"HEAD")
        assert await asyncio.wait_for(client.reader.read(), 5) == b""
    return response


@pytest.mark.parametrize(("raw", "status"), REFUSED.values(), ids=REFUSED)
async def test_a_refused_head_is_answered_without_a_body(stage: Stage, raw: bytes, status: int) -> None:
    assert (await only_a_head(stage, raw)).status == status


async def test_a_head_that_comes_too_slowly_is_answered_without_a_body(staged: StageMaker) -> None:
    async with staged(server={"head_timeout": 0.1}) as stage, stage.client() as client:
        await client.send(START)
        assert (await client.response(b"HEAD")).status == 408
        assert await client.is_closed()


@pytest.mark.parametrize(("lines", "content"), [(PAGE, b"text/html; charset=utf-8"), ("", b"application/json")])
async def test_a_decision_that_takes_too_long_is_told_as_the_request_asks(
    stage: Stage, lines: str, content: bytes
) -> None:
    is_asked = asyncio.Event()

    async def never(*_: object) -> None:
        is_asked.set()
        await asyncio.Event().wait()

    async with stage.client() as client:
        stage.sessions.find = never  # type: ignore[method-assign]
        await client.send(get(method="HEAD", lines=lines))
        await asyncio.wait_for(is_asked.wait(), 5)
        stage.pass_seconds(DECISION_SECONDS + 0.1)
        response = await client.response(b"HEAD")
        assert (response.status, response.get("content-type")) == (503, content)
        assert await client.is_closed()


@pytest.mark.parametrize(
    "begun", [b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\r\nX: a\nY", b"\n", b"GET / HTTP/1.1\r\nHost: x\n\n"]
)
async def test_a_request_with_a_bare_lf_is_refused_at_once(staged: StageMaker, begun: bytes) -> None:
    async with staged(server={"head_timeout": 600.0}) as stage, stage.client() as client:
        await client.send(begun)
        assert (await client.response()).status == 400


MALFORMED = {
    "quoted": 'Upgrade: "h2c"',
    "quoted with others": 'Upgrade: websocket, "h2c"',
    "empty": "Upgrade:",
    "blank": "Upgrade:  ",
    "commas": "Upgrade: ,,",
    "two words": "Upgrade: h2c websocket",
    "parameter": "Upgrade: websocket;h2c",
    "two versions": "Upgrade: foo/1/2",
    "no version": "Upgrade: foo/",
    "no name": "Upgrade: /2",
    "control": "Upgrade: h2c\x85",
    "second field empty, first quoted": 'Upgrade:\r\nUpgrade: "x"',
}


@pytest.mark.parametrize("connection", ["Connection: Upgrade\r\n", "Connection: close\r\n", ""])
@pytest.mark.parametrize("line", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_upgrade_is_refused(stage: Stage, line: str, connection: str) -> None:
    async with stage.client() as client:
        assert (await client.ask(get(lines=f"{line}\r\n{connection}"))).status == 400
        assert await client.is_closed()
    assert stage.upstream.requests == []


@pytest.mark.parametrize("protocols", ["h2c", "H2C", "h2c, websocket", "HTTP/2.0", "h2", "h3", "SPDY/3.1", "TLS/1.3"])
async def test_an_upgrade_to_what_carries_requests_is_left_out_and_the_request_goes_on(
    stage: Stage, protocols: str
) -> None:
    """As curl (``--http2``) and Java's HttpClient send it with every first request."""
    lines = f"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: {protocols}\r\nHTTP2-Settings: AAMAAABk\r\n"
    assert (await stage.ask(get(lines=lines))).status == 200
    (request,) = stage.upstream.requests
    assert request.get("upgrade") is request.get("connection") is request.get("http2-settings") is None


@pytest.mark.parametrize(
    ("asked", "answered", "status"),
    [
        ("websocket", "WebSocket", 101),
        ("a/1, b", "b", 101),
        ("a/1, b", "a/1", 101),
        ("websocket", "h2c", 502),
        ("websocket", "websocket, h2c", 502),
        ("a/1", "a/2", 502),
        ("websocket", '"websocket"', 502),
        ("websocket", "", 502),
    ],
)
async def test_a_tunnel_is_opened_for_what_was_asked_for_alone(
    staged: StageMaker, asked: str, answered: str, status: int
) -> None:
    """RFC 9110 section 7.8: a server must not switch to what the client did not name."""

    async def switches(side: object) -> None:
        await side.request()  # type: ignore[attr-defined]
        answer = f"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {answered}\r\n\r\n"
        await side.send(answer.encode())  # type: ignore[attr-defined]
        await side.reader.read()  # type: ignore[attr-defined]

    async with staged(switches) as stage, stage.client() as client:
        assert (await client.ask(get(lines=f"Connection: upgrade\r\nUpgrade: {asked}\r\n"))).status == status
