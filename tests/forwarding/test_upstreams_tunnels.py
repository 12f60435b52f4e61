"""A WebSocket is told why it ends, where a frame of ours can follow what was sent; frames are found in any pieces."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.forwarding.tunnel import LINGER_SECONDS
from proxy.http.websocket_frames import Frames, close_frame
from tests.forwarding.stage import StageMaker, get
from tests.support.upstreams import UpstreamSide

WEBSOCKET = "Upgrade: websocket\r\nConnection: Upgrade\r\n"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
HELLO = b"\x81\x05hello"
ENDED = b"\x88\x0f\x11\x31session ended"
GOING_AWAY = b"\x88\x0c\x03\xe9going away"


def frame(opcode: int, payload: bytes, mask: bytes, *, final: bool = True) -> bytes:
    size = len(payload)
    bit = 0x80 if mask else 0
    head = bytes((opcode | (0x80 if final else 0),))
    if size < 126:
        head += bytes((size | bit,))
    elif size < 65536:
        head += bytes((126 | bit,)) + size.to_bytes(2, "big")
    else:
        head += bytes((127 | bit,)) + size.to_bytes(8, "big")
    return head + mask + payload


frames = st.builds(
    frame,
    st.sampled_from([0, 1, 2, 9, 10]),
    st.one_of(st.binary(max_size=300), st.sampled_from([bytes(125), bytes(126), bytes(65535), bytes(65536)])),
    st.sampled_from([b"", b"\x88\x88\x88\x88"]),
    final=st.booleans(),
)


@given(st.lists(frames, max_size=5), st.data())
def test_the_ends_of_frames_are_found_in_any_pieces(sent: list[bytes], data: st.DataObject) -> None:
    raw = b"".join(sent)
    ends = {0}
    for each in sent:
        ends.add(max(ends) + len(each))
    reader, at = Frames(), 0
    while at < len(raw):
        step = data.draw(st.one_of(st.integers(1, 16), st.integers(1, len(raw))))
        reader.feed(raw[at : at + step])
        at = min(at + step, len(raw))
        assert reader.is_between is (at in ends)
        assert not reader.has_closed


@given(st.binary(max_size=200))
def test_any_bytes_are_frames_somehow(raw: bytes) -> None:
    whole, pieces = Frames(), Frames()
    whole.feed(raw)
    for byte in raw:
        pieces.feed(bytes((byte,)))
    assert (whole.is_between, whole.has_closed) == (pieces.is_between, pieces.has_closed)


def test_a_close_is_noticed() -> None:
    reader = Frames()
    reader.feed(HELLO + close_frame(1000, ""))
    assert reader.has_closed
    assert reader.is_between


def test_a_reason_is_cut_to_what_a_control_frame_holds() -> None:
    assert len(close_frame(1000, "x" * 500)) == 2 + 125


async def sends(side: UpstreamSide, data: bytes) -> None:
    await side.request()
    await side.send(SWITCHED + data)
    await side.reader.read()


@pytest.mark.parametrize("last", ["session", "drain"])
async def test_a_websocket_is_told_why_it_ends(staged: StageMaker, last: str) -> None:
    async def server(side: UpstreamSide) -> None:
        await sends(side, HELLO)

    async with staged(server) as stage, stage.client() as client:
        assert (await client.ask(get(lines=WEBSOCKET))).status == 101
        assert await client.reader.readexactly(len(HELLO)) == HELLO
        if last == "session":
            stage.plane.end_session("id-of-alice")
        else:
            closing = asyncio.create_task(stage.plane.close(5))
        expected = ENDED if last == "session" else GOING_AWAY
        assert await client.reader.readexactly(len(expected)) == expected
        await client.send(frame(8, expected[2:4], b"mask"))
        assert await client.is_closed()
        async with asyncio.timeout(5):
            await stage.upstream.lost.wait()
            if last == "drain":
                await closing
    assert not stage.plane.tunnels


async def test_what_follows_a_close_reaches_nobody(staged: StageMaker) -> None:
    got = bytearray()

    async def server(side: UpstreamSide) -> None:
        await side.request()
        await side.send(SWITCHED + HELLO)
        while data := await side.reader.read(100):
            got.extend(data)

    async with staged(server) as stage, stage.client() as client:
        assert (await client.ask(get(lines=WEBSOCKET))).status == 101
        await client.reader.readexactly(len(HELLO))
        stage.plane.end_session("id-of-alice")
        await client.send(frame(1, b"too late", b"mask"))
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)
    assert not got


@pytest.mark.parametrize(
    ("lines", "sent"),
    [
        (WEBSOCKET, HELLO[:4]),
        (WEBSOCKET, HELLO + b"\x81"),
        (WEBSOCKET, HELLO + close_frame(1000, "bye")),
        (WEBSOCKET.replace("websocket", "other"), HELLO),
    ],
    ids=["within a frame", "within a header", "after a Close", "no WebSocket"],
)
async def test_where_no_frame_can_follow_the_connection_is_just_closed(
    staged: StageMaker, lines: str, sent: bytes
) -> None:
    switched = SWITCHED if "websocket" in lines else SWITCHED.replace(b"websocket", b"other")

    async def server(side: UpstreamSide) -> None:
        await side.request()
        await side.send(switched + sent)
        await side.reader.read()

    async with staged(server) as stage, stage.client() as client:
        assert (await client.ask(get(lines=lines))).status == 101
        assert await client.reader.readexactly(len(sent)) == sent
        stage.plane.end_session("id-of-alice")
        assert await client.is_closed()
        await asyncio.wait_for(stage.upstream.lost.wait(), 5)


async def test_a_client_that_ignores_the_close_is_closed_all_the_same(staged: StageMaker) -> None:
    async def server(side: UpstreamSide) -> None:
        await sends(side, HELLO)

    async with staged(server) as stage, stage.client() as client:
        assert (await client.ask(get(lines=WEBSOCKET))).status == 101
        await client.reader.readexactly(len(HELLO))
        stage.plane.end_session("id-of-alice")
        async with asyncio.timeout(8):
            assert await client.reader.read() == ENDED
            stage.pass_seconds(LINGER_SECONDS + 0.1)
            await stage.plane.until_empty()
