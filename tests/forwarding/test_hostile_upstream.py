"""Answers that are no HTTP, lie about their end, come late or never: mapped before the first byte, broken off after."""

from __future__ import annotations

import asyncio

import pytest

from tests.forwarding.stage import Stage, StageMaker, get
from tests.support.raw_http import Message
from tests.support.upstreams import OK, UpstreamSide, answer

BROKEN = {
    "no HTTP": b"hello\r\n\r\n",
    "bare LF": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n\r\n\r\n",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "bad status": b"HTTP/1.1 99 x\r\n\r\n",
    "long status": b"HTTP/1.1 2000 x\r\n\r\n",
    "control character in the reason": b"HTTP/1.1 200 \x01\r\n\r\n",
    "folded": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
    "blank before colon": b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
    "NUL": b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n",
    "CL and TE": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "CL twice": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
    "CL signed": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nhi",
    "TE gzip": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhi",
    "TE list": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "TE other first": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE in 1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "upgrade nobody asked for": b"HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "101 without protocol": b"HTTP/1.1 101 X\r\n\r\n",
    "endless interim": b"HTTP/1.1 102 x\r\n\r\n" * 30,
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nX: ",
    "too many fields": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
    "huge head": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000,
}


async def final_answer(stage: Stage) -> Message:
    async with stage.client() as client:
        response = await client.ask(get())
        while response.status < 200:
            response = await client.response()
        return response


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
async def test_an_answer_that_is_no_http_becomes_502(staged: StageMaker, raw: bytes) -> None:
    async with staged(answer(raw)) as stage:
        assert (await final_answer(stage)).status == 502
        assert (await final_answer(stage)).status == 502
    assert stage.upstream.connections == 2  # none was used again


BROKEN_OFF = {
    "body too short": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
    "chunks cut": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
    "bad chunk size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n",
}


@pytest.mark.parametrize("raw", BROKEN_OFF.values(), ids=BROKEN_OFF)
async def test_after_the_first_byte_a_failure_ends_the_connection(staged: StageMaker, raw: bytes) -> None:
    async with staged(answer(raw)) as stage, stage.client() as client:
        await client.send(get())
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.response()


EXTRA = {
    "after a body": OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "after chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "after 204": b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\nevil",
    "after 304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\nevil",
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("raw", EXTRA.values(), ids=EXTRA)
async def test_after_any_doubt_an_upstream_connection_is_not_used_again(staged: StageMaker, raw: bytes) -> None:
    async def patient(side: UpstreamSide) -> None:
        while True:
            await side.request()
            await side.send(raw)

    async with staged(patient) as stage, stage.client() as client:
        for _ in range(3):
            response = await client.ask(get())
            assert b"evil" not in response.body
    assert stage.upstream.connections == 3


async def test_a_head_answer_with_a_body_poisons_nobody(staged: StageMaker) -> None:
    async def confused(side: UpstreamSide) -> None:
        while True:
            await side.request()
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    async with staged(confused) as stage, stage.client() as client:
        assert (await client.ask(get(method="HEAD"), b"HEAD")).status == 200
        assert (await client.ask(get())).body == b"evil"
    assert stage.upstream.connections == 2


async def test_an_upstream_that_speaks_unasked_is_dropped(staged: StageMaker) -> None:
    answered = asyncio.Event()

    async def chatty(side: UpstreamSide) -> None:
        await side.request()
        await side.send(OK)
        await answered.wait()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await side.reader.read()

    async with staged(chatty) as stage, stage.client() as client:
        assert (await client.ask(get())).body == b"ok"
        answered.set()
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)
        assert (await client.ask(get())).body == b"ok"
    assert stage.upstream.connections == 2


async def test_a_silent_upstream_becomes_504(staged: StageMaker) -> None:
    async def silent(side: UpstreamSide) -> None:
        await side.request()
        await side.reader.read()

    async with staged(silent, app={"first_byte_timeout": 0.3}) as stage, stage.client() as client:
        assert (await client.ask(get())).status == 504
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)


async def test_an_answer_that_stops_is_broken_off(staged: StageMaker) -> None:
    async def stops(side: UpstreamSide) -> None:
        await side.request()
        await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        await side.reader.read()

    async with staged(stops, app={"idle_timeout": 0.3}) as stage, stage.client() as client:
        await client.send(get())
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await client.response()
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)


async def test_a_body_that_stops_becomes_408(staged: StageMaker) -> None:
    async with staged(app={"idle_timeout": 0.3}) as stage, stage.client() as client:
        response = await client.ask(get(method="POST", lines="Content-Length: 10\r\n") + b"hello")
        assert response.status == 408
        assert await client.is_closed()
