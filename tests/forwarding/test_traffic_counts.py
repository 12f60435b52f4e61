"""What the plane counts: answers by app and class, upstream failures, refusals by problem."""

from __future__ import annotations

from tests.forwarding.stage import Stage, StageMaker, get
from tests.support.upstreams import answer


async def test_answers_are_counted_by_app_and_class(staged: StageMaker) -> None:
    async with staged(answer(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")) as stage:
        for _ in range(2):
            await stage.ask(get())
        text = stage.metrics.render().decode()
    assert 'gatepost_forwarded_requests_total{app="Wiki",status="4xx"} 2.0' in text
    assert 'gatepost_upstream_failures_total{app="Wiki"} 0.0' in text


async def test_upstream_failures_and_refusals_are_counted(stage: Stage) -> None:
    assert (await stage.ask(get(host="down.corp.example"))).status == 502
    assert (await stage.ask(get(token=None))).status == 401
    text = stage.metrics.render().decode()
    assert 'gatepost_upstream_failures_total{app="Down"} 1.0' in text
    assert 'gatepost_refusals_total{problem="not_signed_in"} 1.0' in text
    assert "forwarded_requests_total{" not in text


async def test_the_portal_is_no_app(stage: Stage) -> None:
    assert (await stage.ask(get("/.gatepost/me"))).status == 200
    assert "forwarded_requests_total{" not in stage.metrics.render().decode()
