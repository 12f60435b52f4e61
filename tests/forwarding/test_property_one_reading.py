"""For any bytes in, what reaches the upstream is what an independent strict reader takes them for, in order.

`GATEPOST_FUZZ_EXAMPLES=20000 python -m pytest tests/forwarding/test_property_one_reading.py` is the long run.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.forwarding import reception, told_end
from proxy.forwarding.exchange import Exchange
from tests.forwarding.stage import Stage
from tests.http.mutations import TOKEN, corpus, mutate, pieces, pipeline
from tests.http.strict_http import Incomplete, Request, read_request, read_requests
from tests.support.eventually import settled
from tests.support.upstreams import UpstreamSide

EXAMPLES = int(os.environ.get("GATEPOST_FUZZ_EXAMPLES", "250"))
OURS = {
    b"remote-user": [b"alice"],
    b"remote-groups": [b"Wiki Users"],
    b"x-gatepost-assertion": [b"assertion-alice-Wiki"],
    b"x-forwarded-for": [b"127.0.0.1"],
    b"x-forwarded-proto": [b"http"],
    b"remote-email": [],
}


class Bench:
    """A plane between a client that says anything and an upstream that reads strictly."""

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self.received: list[Request] = []
        self.judged: list[tuple[bytes, bytes]] = []
        self.trouble: list[str] = []
        self.stage: Stage

    async def upstream(self, side: UpstreamSide) -> None:
        data = b""
        while piece := await side.reader.read(65536):
            data += piece
            while data:
                try:
                    request, end = read_request(data)
                except Incomplete:
                    break
                except Exception as exc:  # noqa: BLE001  # told to the test
                    self.trouble.append(repr(exc) + repr(data))
                    return
                data = data[end:]
                self.received.append(request)
                await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async def say(self, parts: list[bytes], *, is_all: bool) -> None:
        """Send it piece by piece; then wait for the plane to have dealt with it."""
        self.received.clear()
        self.judged.clear()
        reader, writer = await asyncio.open_connection(*self.stage.address)
        with suppress(ConnectionError):
            for part in parts:
                if writer.is_closing():
                    break
                writer.write(part)
                # Where a request is whole, until it is answered: the next one then finds the connection idle.
                await settled(lambda: len(self.received), turns=20 if part.endswith(b"\r\n\r\n") else 1)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.3 if is_all else 0.02):
                    await reader.read(-1)
            with suppress(OSError, RuntimeError):  # closed already
                writer.write_eof()
            async with asyncio.timeout(5):
                while await reader.read(65536):
                    pass
        writer.transport.abort()
        await self.stage.plane.until_empty()

    def check(self, data: bytes, parts: list[bytes], *, is_valid: bool = False) -> None:
        expected, end = read_requests(data)
        self.loop.run_until_complete(self.say(parts, is_all=end in ("last", "malformed")))
        trouble, self.trouble = self.trouble, []
        assert not trouble
        assert not self.stage.log.of("forwarding.failed")
        got = [request.what for request in self.received]
        meant = iter([request.what for request in expected])
        assert all(what in meant for what in got), (got, expected)  # each one, in this order, none twice
        assert [what[:2] for what in got] == self.judged[: len(got)]
        if is_valid:
            assert got == [request.what for request in expected]
        for request in self.received:
            folded: dict[bytes, list[bytes]] = {}
            for name, value in request.fields:
                folded.setdefault(name.lower().replace(b"_", b"-").replace(b".", b"-"), []).append(value)
                assert TOKEN not in value
            for name, values in OURS.items():
                assert folded.get(name, []) == values
            assert b"authorization" not in folded


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from tests.forwarding import stage as stages

    made = Bench()
    make = stages.staged.__wrapped__(tmp_path_factory.mktemp("bench"))

    @asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        async with make(made.upstream) as stage:
            made.stage = stage
            yield

    class Spied(Exchange):
        def start(self) -> None:
            made.judged.append((self.head.method, self.head.target))
            super().start()

    context = opened()
    with pytest.MonkeyPatch.context() as patch:
        for module in (reception, told_end):
            patch.setattr(module, "Exchange", Spied)
        made.loop.run_until_complete(context.__aenter__())
        yield made
        made.loop.run_until_complete(context.__aexit__(None, None, None))
    made.loop.close()


FAST = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


@given(seed=st.integers(0, 2**64))
@settings(FAST, max_examples=max(40, EXAMPLES // 5))
def test_valid_pipelines_arrive_whole_however_they_are_cut(bench: Bench, seed: int) -> None:
    random = Random(seed)
    data = pipeline(random)
    bench.check(data, pieces(random, data), is_valid=True)


@given(seed=st.integers(0, 2**64), times=st.integers(1, 4))
@FAST
def test_what_reaches_the_upstream_is_what_a_strict_reader_reads(bench: Bench, seed: int, times: int) -> None:
    random = Random(seed)
    data = mutate(random, pipeline(random), times)
    bench.check(data, pieces(random, data))


@pytest.mark.parametrize("name", corpus())
def test_known_attacks_are_read_in_one_way(bench: Bench, name: str) -> None:
    data = corpus()[name]
    for step in (1, 7, len(data)):
        bench.check(data, [data[at : at + step] for at in range(0, len(data), step)])
    assert all(request.target != b"/smuggled" for request in bench.received) or name == "upgrade-refused"


@given(seed=st.integers(0, 2**64), name=st.sampled_from(sorted(corpus())), times=st.integers(1, 3))
@settings(FAST, max_examples=EXAMPLES // 2)
def test_variations_of_known_attacks_are_read_in_one_way(bench: Bench, seed: int, name: str, times: int) -> None:
    random = Random(seed)
    data = mutate(random, corpus()[name], times)
    bench.check(data, pieces(random, data))
