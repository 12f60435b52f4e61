"""The way of a request through the plane: forwarded, framed, kept alive, answered."""

from __future__ import annotations

import asyncio

import pytest

from proxy.forwarding.client_connection import HALF_CLOSED_SECONDS
from tests.forwarding.stage import ALICE_TOKEN, HOST, Stage, StageMaker, get
from tests.support.eventually import eventually
from tests.support.upstreams import OK, UpstreamSide, answer


async def test_a_request_with_a_session_reaches_the_app(stage: Stage) -> None:
    response = await stage.ask(get("/a%2Fb/%7Eu?x=%20;y"))
    assert response.status == 200
    assert response.body == b"ok"
    assert stage.upstream.requests[0].start == b"GET /a%2Fb/%7Eu?x=%20;y HTTP/1.1"


async def test_header_bytes_are_kept_as_sent(stage: Stage) -> None:
    await stage.ask(get(lines="X-Odd: caf\xe9  a\tb\r\nx-CASE: 1\r\nX-Twice: 1\r\nX-Twice: 2\r\n"))
    (request,) = stage.upstream.requests
    assert (b"X-Odd", b"caf\xe9  a\tb") in request.fields
    assert (b"x-CASE", b"1") in request.fields
    assert request.all("x-twice") == [b"1", b"2"]


async def test_both_connections_are_kept_alive(stage: Stage) -> None:
    async with stage.client() as client:
        for _ in range(3):
            assert (await client.ask(get())).status == 200
    assert stage.upstream.connections == 1


async def test_pipelined_requests_are_answered_in_order(staged: StageMaker) -> None:
    async def echo(side: UpstreamSide) -> None:
        while True:
            request = await side.request()
            target = request.start.split(b" ")[1]
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(target), target))

    async with staged(echo) as stage, stage.client() as client:
        await client.send(b"".join(get(f"/{n}") for n in range(50)))
        assert [(await client.response()).body for _ in range(50)] == [b"/%d" % n for n in range(50)]


@pytest.mark.parametrize("size", [0, 1, 5, 70_000, 1_000_000])
async def test_a_body_with_a_length_arrives_whole(stage: Stage, size: int) -> None:
    body = b"x" * size
    raw = get(method="POST", lines=f"Content-Length: {size}\r\n") + body
    async with stage.client() as client:
        assert (await client.ask(raw)).status == 200
        assert (await client.ask(get())).status == 200
    assert stage.upstream.requests[0].body == body
    assert stage.upstream.requests[0].get("content-length") == str(size).encode()


@pytest.mark.parametrize("step", [1, 3, 1000])
async def test_a_chunked_body_arrives_whole_with_its_trailers(stage: Stage, step: int) -> None:
    raw = get(method="PUT", lines="Transfer-Encoding: chunked\r\n")
    raw += b"5\r\nhello\r\n00A\r\n0123456789\r\n0\r\nX-Sum: 1\r\nRemote-User: root\r\nremote_user: root\r\n\r\n" + get(
        "/2"
    )
    async with stage.client() as client:
        for at in range(0, len(raw), step):
            await client.send(raw[at : at + step])
        assert (await client.response()).status == 200
        assert (await client.response()).status == 200
    first, second = stage.upstream.requests
    assert first.body == b"hello0123456789"
    assert first.trailers == [(b"X-Sum", b"1")]
    assert second.start == b"GET /2 HTTP/1.1"


async def test_a_chunked_answer_arrives_whole_with_its_trailers(staged: StageMaker) -> None:
    raw = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        b"3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 7\r\nSet-Cookie: gatepost=x\r\n\r\n"
    )
    async with staged(answer(raw, OK)) as stage, stage.client() as client:
        response = await client.ask(get())
        assert response.body == b"abcde"
        assert response.trailers == [(b"X-Sum", b"7")]
        assert (await client.ask(get())).body == b"ok"
    assert stage.upstream.connections == 1


async def test_an_answer_that_ends_with_its_connection_is_passed_on_chunked(staged: StageMaker) -> None:
    async with staged(answer(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")) as stage, stage.client() as client:
        for _ in range(2):
            response = await client.ask(get())
            assert response.body == b"until the end"
            assert response.get("transfer-encoding") == b"chunked"
    assert stage.upstream.connections == 2


@pytest.mark.parametrize(
    ("method", "raw"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 999\r\n\r\n"),
    ],
)
async def test_an_answer_without_a_body_leaves_both_connections_alive(
    staged: StageMaker, method: str, raw: bytes
) -> None:
    async with staged(answer(raw, OK)) as stage, stage.client() as client:
        response = await client.ask(get(method=method), method.encode())
        assert response.start == raw.split(b"\r\n")[0]
        assert (await client.ask(get())).body == b"ok"
    assert stage.upstream.connections == 1


async def test_interim_answers_are_passed_on(staged: StageMaker) -> None:
    raw = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK
    async with staged(answer(raw)) as stage, stage.client() as client:
        hint = await client.ask(get())
        assert (hint.status, hint.get("link")) == (103, b"</a.css>")
        assert (await client.response()).status == 102
        assert (await client.response()).body == b"ok"


async def test_the_client_is_told_to_continue_by_the_upstream(staged: StageMaker) -> None:
    async def ask_first(side: UpstreamSide) -> None:
        head = await side.reader.readuntil(b"\r\n\r\n")
        assert b"Expect: 100-continue" in head
        await side.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await side.reader.readexactly(5) == b"hello"
        await side.send(OK)

    async with staged(ask_first) as stage, stage.client() as client:
        head = get(method="POST", lines="Content-Length: 5\r\nExpect: 100-continue\r\n")
        assert (await client.ask(head)).status == 100
        assert (await client.ask(b"hello")).body == b"ok"


async def test_two_set_cookies_stay_two(staged: StageMaker) -> None:
    raw = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"
    async with staged(answer(raw)) as stage:
        assert (await stage.ask(get())).all("set-cookie") == [b"a=1", b"b=2"]


async def test_an_http_1_0_client_gets_an_unframed_answer_and_the_end(staged: StageMaker) -> None:
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    async with staged(answer(raw)) as stage, stage.client() as client:
        response = await client.ask(get().replace(b"HTTP/1.1", b"HTTP/1.0"))
        assert response.body == b"abc"
        assert response.get("connection") == b"close"


async def test_an_http_1_0_client_may_ask_to_be_kept(stage: Stage) -> None:
    async with stage.client() as client:
        for _ in range(2):
            response = await client.ask(get(lines="Connection: keep-alive\r\n").replace(b"HTTP/1.1", b"HTTP/1.0"))
            assert response.get("connection") == b"keep-alive"


async def test_the_connection_is_closed_when_the_client_asks_for_it(stage: Stage) -> None:
    async with stage.client() as client:
        assert (await client.ask(get(lines="Connection: close\r\n"))).get("connection") == b"close"
        assert await client.is_closed()


async def test_an_early_answer_arrives_and_ends_both_connections(staged: StageMaker) -> None:
    async def refuse_early(side: UpstreamSide) -> None:
        await side.reader.readuntil(b"\r\n\r\n")
        await side.send(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig")
        await side.reader.read()

    async with staged(refuse_early) as stage, stage.client() as client:
        response = await client.ask(get(method="POST", lines="Content-Length: 1000000\r\n") + b"x" * 1000)
        assert (response.status, response.body, response.get("connection")) == (413, b"big", b"close")
        assert await client.is_closed()
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)


async def test_a_dead_pooled_connection_costs_an_idempotent_request_nothing(staged: StageMaker) -> None:
    async def dies_on_the_second(side: UpstreamSide) -> None:
        await side.request()
        await side.send(OK)
        await side.reader.readuntil(b"\r\n\r\n")

    async with staged(dies_on_the_second) as stage, stage.client() as client:
        assert (await client.ask(get())).status == 200
        assert (await client.ask(get())).status == 200
        assert (await client.ask(get(method="POST", lines="Content-Length: 0\r\n"))).status == 502
    assert stage.upstream.connections == 2


async def test_the_upstream_is_cancelled_when_the_client_goes_away(staged: StageMaker) -> None:
    ended = asyncio.Event()

    async def never(side: UpstreamSide) -> None:
        await side.request()
        assert await side.reader.read() == b""
        ended.set()

    async with staged(never) as stage:
        async with stage.client() as client:
            await client.send(get())
            await asyncio.wait_for(stage.upstream.arrived.wait(), 5)
        (connection,) = stage.plane.connections
        await eventually(lambda: not connection.is_kept)  # its end was seen; it might only be half of it
        stage.pass_seconds(HALF_CLOSED_SECONDS + 0.1)
        await asyncio.wait_for(ended.wait(), 5)


async def test_a_client_that_half_closes_gets_its_answer(stage: Stage) -> None:
    async with stage.client() as client:
        await client.send(get())
        client.writer.write_eof()
        assert (await client.response()).body == b"ok"
        assert await client.is_closed()


async def test_a_websocket_is_a_tunnel_until_its_session_ends(staged: StageMaker) -> None:
    async def echo(side: UpstreamSide) -> None:
        request = await side.request()
        assert request.get("upgrade") == b"websocket"
        assert request.get("connection") == b"Upgrade"
        await side.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhi")
        while data := await side.reader.read(100):
            await side.send(data.upper())

    async with staged(echo) as stage, stage.client() as client:
        response = await client.ask(get(lines="Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n") + b"early")
        assert response.status == 101
        assert response.get("upgrade") == b"websocket"
        assert await client.reader.readexactly(7) == b"hiEARLY"
        await client.send(b"more")
        assert await client.reader.readexactly(4) == b"MORE"
        stage.plane.end_session("id-of-someone-else")
        await client.send(b"x")
        assert await client.reader.readexactly(1) == b"X"
        stage.plane.end_session("id-of-alice")
        assert await client.is_closed()
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)


async def test_a_stream_ends_when_its_session_ends(staged: StageMaker) -> None:
    async def stream(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        await side.reader.read()

    async with staged(stream) as stage, stage.client() as client:
        await client.send(get())
        await client.reader.readuntil(b"x")
        stage.plane.end_session("id-of-alice")
        async with asyncio.timeout(5):
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await client.reader.readuntil(b"0\r\n\r\n")
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)


async def test_requests_to_reserved_paths_go_to_the_portal_with_their_cookies(stage: Stage) -> None:
    cookie = "Cookie: a=1; gatepost=" + ALICE_TOKEN.decode() + "\r\n"
    raw = get("/.gatepost/me", token=None, lines=cookie + "X-Gatepost-Client-Address: 1.2.3.4\r\n")
    assert (await stage.ask(raw)).status == 200
    assert (await stage.ask(get("/", host="SIGNIN.corp.example.:8080", token=None))).status == 200
    assert stage.upstream.requests == []
    first, second = stage.portal.requests
    assert first.get("cookie") == b"a=1; gatepost=" + ALICE_TOKEN
    assert first.get("x-gatepost-client-address") == b"127.0.0.1"
    assert first.get("x-gatepost-client-scheme") == b"http"
    assert first.get("x-gatepost-client-host") == HOST.encode()
    assert second.get("x-gatepost-client-host") == b"signin.corp.example"
    assert first.get("x-gatepost-incident") != second.get("x-gatepost-incident")
