"""What the plane counts: answers by app and class, upstream failures, refusals by problem."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from proxy.operations.metrics import Metrics
from tests.forwarding.stage import Stage, StageMaker, get
from tests.support.upstreams import answer


def told(metrics: Metrics, name: str, **labels: str) -> float:
    families = text_string_to_metric_families(metrics.render().decode())
    samples = (sample for family in families for sample in family.samples)
    return next(sample.value for sample in samples if sample.name == name and sample.labels == labels)


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


async def test_the_time_to_an_answer_is_told_of_a_sample_of_requests_without_bodies(stage: Stage) -> None:
    count = "gatepost_upstream_answer_seconds_count"
    await stage.ask(get(method="POST", lines="Content-Length: 2\r\n") + b"hi")
    assert told(stage.metrics, count, app="Wiki") == 0
    await stage.ask(get())
    assert told(stage.metrics, count, app="Wiki") == 1  # the first of all
    for _ in range(40):
        await stage.ask(get())
    # One of sixteen, and the first after each of the plane's ticks.
    assert 3 <= told(stage.metrics, count, app="Wiki") < 40
    assert told(stage.metrics, "gatepost_upstream_answer_seconds_bucket", app="Wiki", le="+Inf") >= 3
    assert 0 < told(stage.metrics, "gatepost_upstream_answer_seconds_sum", app="Wiki") < 40


async def test_connections_to_an_app_are_told_by_state(stage: Stage) -> None:
    await stage.ask(get())
    connections = "gatepost_upstream_connections"
    assert told(stage.metrics, connections, app="Wiki", state="idle") == 1
    assert told(stage.metrics, connections, app="Wiki", state="busy") == 0
    assert told(stage.metrics, "gatepost_upstream_waiting_requests", app="Wiki") == 0


async def test_hosts_paths_and_names_that_strangers_make_up_add_no_series(stage: Stage) -> None:
    def names() -> set[str]:
        return {line.rpartition(" ")[0] for line in stage.metrics.render().decode().splitlines()}

    for made_up in ("", "<script>"):
        await stage.ask(get(f"/{made_up}", token=None, host="nobody.corp.example"))
        await stage.ask(get(f"/{made_up}", token=b"Z" * 43))
        await stage.ask(b"GET / HTTP/1.1\r\nHost: \x00\r\n\r\n")
    before = names()
    for number in range(20):
        await stage.ask(get(f"/{number}?app=Wiki{number}", token=None, host=f"wiki{number}.corp.example"))
        await stage.ask(get(f"/{number}", token=b"%043d" % number, lines=f"Remote-User: eve{number}\r\n"))
        await stage.ask(get(f"/.gatepost/{number}", token=None, host="wiki.corp.example"))
    assert names() == before
