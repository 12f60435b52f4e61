"""What is sent once more when a kept connection turns out to be dead, and what never is."""

from __future__ import annotations

import asyncio

import pytest

from tests.forwarding.stage import StageMaker, get
from tests.support.upstreams import OK, RecordingUpstream, UpstreamSide

NO_ANSWER = b""
ONCE_MORE = {
    "GET": (get(), NO_ANSWER),
    "HEAD": (get(method="HEAD"), NO_ANSWER),
    "OPTIONS": (get(method="OPTIONS"), NO_ANSWER),
    "PUT without a body": (get(method="PUT", lines="Content-Length: 0\r\n"), NO_ANSWER),
    "DELETE": (get(method="DELETE"), NO_ANSWER),
}
NEVER = {
    "POST": (get(method="POST", lines="Content-Length: 0\r\n"), NO_ANSWER),
    "POST with a body": (get(method="POST", lines="Content-Length: 2\r\n") + b"hi", NO_ANSWER),
    "PATCH": (get(method="PATCH"), NO_ANSWER),
    "LOCK": (get(method="LOCK"), NO_ANSWER),
    "GET with a body": (get(lines="Content-Length: 2\r\n") + b"hi", NO_ANSWER),
    "PUT with a body": (get(method="PUT", lines="Content-Length: 2\r\n") + b"hi", NO_ANSWER),
    "chunked PUT": (get(method="PUT", lines="Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n", NO_ANSWER),
    "an upgrade": (get(lines="Upgrade: x\r\nConnection: upgrade\r\n"), NO_ANSWER),
    "after a part of a head": (get(), b"HTTP/1.1 2"),
    "after an interim answer": (get(), b"HTTP/1.1 103 Hint\r\n\r\n"),
    "after a head": (get(), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
    "after a part of a body": (get(), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"),
}


async def sent_after_a_kept_connection_died(staged: StageMaker, raw: bytes, last_words: bytes) -> RecordingUpstream:
    """The upstream as it is after one request on a connection that served before and now dies."""

    async def dies_on_the_second(side: UpstreamSide) -> None:
        await side.request()
        await side.send(OK)
        await side.request()
        if last_words:
            await side.send(last_words)

    app = {"reuse_after_body": True}  # else a request with a body is on a connection that never served
    async with staged(dies_on_the_second, app=app) as stage, stage.client() as client:
        assert (await client.ask(get("/first"))).status == 200
        await client.send(raw)
        async with asyncio.timeout(10):
            await client.reader.read(1)
            await asyncio.sleep(0)
        upstream: RecordingUpstream = stage.upstream
        return upstream


@pytest.mark.parametrize(("raw", "last_words"), ONCE_MORE.values(), ids=ONCE_MORE)
async def test_an_idempotent_request_is_sent_once_more(staged: StageMaker, raw: bytes, last_words: bytes) -> None:
    upstream = await sent_after_a_kept_connection_died(staged, raw, last_words)
    assert upstream.connections == 2
    assert len(upstream.requests) == 3


@pytest.mark.parametrize(("raw", "last_words"), NEVER.values(), ids=NEVER)
async def test_nothing_else_is_ever_sent_twice(staged: StageMaker, raw: bytes, last_words: bytes) -> None:
    upstream = await sent_after_a_kept_connection_died(staged, raw, last_words)
    assert upstream.connections == 1
    assert len(upstream.requests) == 2


async def test_a_fresh_connection_that_dies_is_not_tried_again(staged: StageMaker) -> None:
    async def dies(side: UpstreamSide) -> None:
        await side.request()

    async with staged(dies) as stage:
        assert (await stage.ask(get())).status == 502
    assert stage.upstream.connections == 1


async def test_it_is_once_more_and_no_oftener(staged: StageMaker) -> None:
    async def first_only(side: UpstreamSide) -> None:
        if stage.upstream.connections == 1:
            await side.request()
            await side.send(OK)
        await side.request()

    async with staged(first_only) as stage, stage.client() as client:
        assert (await client.ask(get())).status == 200
        assert (await client.ask(get())).status == 502
    assert stage.upstream.connections == 2


async def test_once_more_is_on_a_fresh_connection_although_others_are_idle(staged: StageMaker) -> None:
    """What killed one kept connection has mostly killed them all."""
    go = asyncio.Event()

    async def dies_on_the_second(side: UpstreamSide) -> None:
        await side.request()
        await go.wait()
        await side.send(OK)
        await side.request()

    async with staged(dies_on_the_second) as stage, stage.client() as one, stage.client() as two:
        await one.send(get())
        await two.send(get())
        async with asyncio.timeout(5):
            while len(stage.upstream.requests) < 2:
                stage.upstream.arrived.clear()
                await stage.upstream.arrived.wait()
        go.set()
        assert (await one.response()).status == (await two.response()).status == 200
        assert len(stage.plane.context.pools["Wiki"].idle) == 2
        assert (await one.ask(get())).status == 200
    assert stage.upstream.connections == 3


async def test_a_slow_answer_is_not_asked_for_twice(staged: StageMaker) -> None:
    async def silent_on_the_second(side: UpstreamSide) -> None:
        await side.request()
        await side.send(OK)
        await side.request()
        await side.reader.read()

    async with staged(silent_on_the_second, app={"first_byte_timeout": 0.3}) as stage, stage.client() as client:
        assert (await client.ask(get())).status == 200
        assert (await client.ask(get())).status == 504
    assert stage.upstream.connections == 1
