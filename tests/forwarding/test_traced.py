"""Traces of requests, by a real plane and a real collector: who is believed, what goes on, what is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from config.tables.tracing import TracingSettings
from proxy.forwarding import plane as planes
from proxy.forwarding.client_connection import ClientConnection
from proxy.tracing.collector import MOST_A_SECOND, Collector
from proxy.tracing.trace_context import TraceContext, read_traceparent
from tests.forwarding.stage import ALICE_TOKEN, BOB_TOKEN, HOST, Stage, StageMaker, get
from tests.forwarding.test_kept_forms import as_alice, button, kept
from tests.support.otlp import OTLPCollector, otlp_collector
from tests.support.upstreams import answer

THEIRS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE, SPAN = THEIRS.split("-")[1:3]
FIELDS = f"traceparent: {THEIRS}\r\nTraceState: vendor=1\r\n"
FROM_PROXIES = {"trusted_proxies": ["127.0.0.0/8"]}


class Traced:
    def __init__(self, collector: OTLPCollector, staged: StageMaker, stack: AsyncExitStack) -> None:
        self.collector, self._staged, self._stack = collector, staged, stack
        self._traces: Collector | None = None

    async def stage(self, *handler: object, one_in: int = 1, **options: object) -> Stage:
        settings = TracingSettings.model_validate({"endpoint": self.collector.address, "one_in": one_in})
        self._traces = Collector(settings, draw=lambda: 0.99)
        stage: Stage = await self._stack.enter_async_context(self._staged(*handler, traces=self._traces, **options))
        return stage

    async def told(self) -> OTLPCollector:
        traces, self._traces = self._traces, None
        if traces is not None:
            await asyncio.to_thread(traces.close)
        return self.collector


@pytest.fixture
async def traced(staged: StageMaker) -> AsyncIterator[Traced]:
    async with AsyncExitStack() as stack:
        made = Traced(await stack.enter_async_context(otlp_collector()), staged, stack)
        yield made
        await made.told()  # nothing is sent any more while other tests run


def sent_on(stage: Stage) -> TraceContext:
    (request,) = stage.upstream.requests
    (value,) = request.all("traceparent")
    found = read_traceparent(value)
    assert found is not None
    return found


async def test_a_request_is_one_trace_from_the_proxy_in_front_to_the_app(traced: Traced) -> None:
    stage = await traced.stage(server=FROM_PROXIES)
    assert (await stage.ask(get(lines=FIELDS))).status == 200
    context = sent_on(stage)
    assert (f"{context.trace_id:032x}", context.is_sampled) == (TRACE, True)
    assert stage.upstream.requests[0].all("tracestate") == [b"vendor=1"]
    collector = await traced.told()
    request, upstream = collector.named("request"), collector.named("upstream")
    assert {each.trace_id for each in collector.spans} == {TRACE}
    assert request.parent_id == SPAN
    assert upstream.parent_id == collector.named("session look-up").parent_id == request.span_id
    assert upstream.span_id == f"{context.span_id:016x}"
    assert request.attributes == upstream.attributes == {"app": "Wiki", "http.response.status_code": 200}


async def test_a_strangers_trace_is_not_believed(traced: Traced) -> None:
    """Somebody could have every request recorded, or put theirs into the trace of somebody else."""
    stage = await traced.stage(one_in=10)
    await stage.ask(get(lines=FIELDS + "TRACEPARENT: again\r\n"))
    context = sent_on(stage)
    assert (f"{context.trace_id:032x}" == TRACE, context.is_sampled) == (False, False)
    assert stage.upstream.requests[0].all("tracestate") == []
    assert (await traced.told()).spans == []


async def test_what_the_proxy_in_front_does_not_record_goes_on_unrecorded(traced: Traced) -> None:
    stage = await traced.stage(server=FROM_PROXIES)
    await stage.ask(get(lines=f"traceparent: {THEIRS[:-2]}00\r\n"))
    context = sent_on(stage)
    assert (f"{context.trace_id:032x}", context.is_sampled) == (TRACE, False)
    assert f"{context.span_id:016x}" != SPAN
    assert (await traced.told()).spans == []


async def test_requests_of_one_connection_are_traces_of_their_own(traced: Traced) -> None:
    stage = await traced.stage()
    async with stage.client() as client:
        for _ in range(3):
            assert (await client.ask(get())).status == 200
    assert len({request.all("traceparent")[0] for request in stage.upstream.requests}) == 3
    assert len({each.trace_id for each in (await traced.told()).spans if each.name == "request"}) == 3


async def test_so_are_those_that_are_not_recorded(traced: Traced) -> None:
    stage = await traced.stage(one_in=10)
    async with stage.client() as client:
        for lines in ("", FIELDS, ""):
            assert (await client.ask(get(lines=lines))).status == 200
    sent = [request.all("traceparent") for request in stage.upstream.requests]
    found = [read_traceparent(value) for (value,) in sent]
    assert len({each and each.trace_id for each in found}) == len({each and each.span_id for each in found}) == 3
    assert not any(each is None or each.is_sampled or f"{each.trace_id:032x}" == TRACE for each in found)


async def test_a_worker_records_so_many_traces_a_second_and_no_more(traced: Traced) -> None:
    """Recording one takes many times as long as forwarding its request."""
    at = [100.0]
    settings = TracingSettings.model_validate({"endpoint": traced.collector.address, "one_in": 1})
    traces = Collector(settings, monotonic=lambda: at[0])
    assert sum(traces.begin(None, "request") is not None for _ in range(MOST_A_SECOND + 5)) == MOST_A_SECOND
    parent = TraceContext(1, 2, is_sampled=True)
    assert traces.begin(parent, "request") is not None  # whoever began that one has counted
    at[0] += 1.0
    assert traces.begin(None, "request") is not None
    await asyncio.to_thread(traces.close)


async def test_refusals_and_faults_are_told_by_their_own_words(traced: Traced) -> None:
    stage = await traced.stage()
    assert (await stage.ask(get(token=BOB_TOKEN))).status == 403
    assert (await stage.ask(get(host="down.corp.example"))).status == 502
    assert (await stage.ask(get(token=None))).status == 401
    collector = await traced.told()
    requests = [each for each in collector.spans if each.name == "request"]
    assert [(each.attributes["problem"], each.failure) for each in requests] == [
        ("not_allowed", ""),
        ("upstream_unreachable", "502"),
        ("not_signed_in", ""),
    ]
    assert collector.named("upstream").failure == "upstream_unreachable"


async def test_an_answer_that_breaks_off_is_a_failure(traced: Traced) -> None:
    stage = await traced.stage(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"))
    with pytest.raises(asyncio.IncompleteReadError):
        await stage.ask(get())
    assert {each.failure for each in (await traced.told()).spans if each.name != "session look-up"} == {
        "upstream_broken"
    }


async def test_nothing_of_a_person_is_told(traced: Traced) -> None:
    stage = await traced.stage()
    await stage.ask(get("/secret/page?q=private", lines="User-Agent: theirs\r\n"))
    told = b"".join((await traced.told()).raw)
    for private in (b"alice", b"guid", b"127.0.0.1", b"secret", b"private", b"theirs", b"A" * 43):
        assert private not in told


async def test_without_tracing_it_goes_on_as_it_came(staged: StageMaker) -> None:
    async with staged() as stage:
        await stage.ask(get(lines=FIELDS))
        assert stage.upstream.requests[0].all("traceparent") == [THEIRS.encode()]


async def test_a_strangers_trace_is_removed_wherever_it_stands(traced: Traced) -> None:
    stage = await traced.stage()
    cookie = "Cookie: gatepost=" + ALICE_TOKEN.decode()
    head = f"GET / HTTP/1.1\r\n{FIELDS}Host: {HOST}\r\n{cookie}\r\n{FIELDS}\r\n"
    assert (await stage.ask(head.encode())).status == 200
    assert f"{sent_on(stage).trace_id:032x}" != TRACE
    assert stage.upstream.requests[0].all("tracestate") == []


async def test_a_request_whose_client_leaves_during_its_look_up_ends(
    traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = await traced.stage()
    looks, left = asyncio.Event(), asyncio.Event()

    async def never(*args: object) -> None:
        looks.set()
        try:
            await asyncio.Event().wait()
        finally:
            left.set()

    monkeypatch.setattr(stage.sessions, "find", never)
    async with stage.client() as client:
        await client.send(get())
        await looks.wait()
        for connection in list(stage.plane.connections):
            connection.transport.abort()
        await left.wait()
    failures = {each.name: each.failure for each in (await traced.told()).spans}
    assert failures == {"session look-up": "", "request": "broken off"}


async def test_a_button_whose_client_leaves_before_it_is_there_ends(traced: Traced) -> None:
    stage = await traced.stage()
    async with stage.client() as client:
        await client.send(as_alice(button(await kept(stage)))[:-10])
        await stage.ask(as_alice(b"x"))  # by now the first part was read
        stage.plane.end_session("id-of-alice")
        assert await client.is_closed()
    requests = [each for each in (await traced.told()).spans if each.name == "request"]
    assert sorted(each.failure for each in requests) == ["", "broken off"]


async def test_an_error_that_nobody_expects_is_told_with_its_status(
    traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    class BreaksOff(ClientConnection):
        def touch(self, seconds: float) -> None:
            raise AssertionError("nobody expects this")

    monkeypatch.setattr(planes, "ClientConnection", BreaksOff)
    stage = await traced.stage()
    assert (await stage.ask(get())).status == 500
    stage.log.events.clear()
    collector = await traced.told()
    request = collector.named("request")
    assert (request.failure, request.attributes["problem"]) == ("500", "internal_error")
    assert collector.named("upstream").failure == "broken off"
