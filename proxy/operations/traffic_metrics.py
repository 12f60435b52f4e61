"""What the forwarding plane counts: plain integers on its way, which become samples only when somebody asks."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sized
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

ANSWER_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of what is told of the time to an answer's head."""
TIMED_ONE_OF = 16
"""Of so many requests for an app one is timed, and the first after each tick of the plane: so each of a quiet app."""


class AppTraffic:
    """What was forwarded for one app. The plane does ``traffic.by_class[status // 100] += 1`` and hardly more."""

    __slots__ = ("answer_seconds", "by_class", "timed", "until_timed", "upstream_failures")

    def __init__(self) -> None:
        self.by_class = [0] * 10
        """By the status' first digit."""
        self.upstream_failures = 0
        """Unreachable, broken or silent upstreams."""
        self.until_timed = 1
        """The request that takes this to 0 is timed."""
        self.timed = [0] * (len(ANSWER_SECONDS) + 1)
        """How many took at most so long, for each of `ANSWER_SECONDS`, and longer."""
        self.answer_seconds = 0.0
        """Of all that were timed."""

    def note_answer(self, seconds: float) -> None:
        """The head of an answer came so long after its request was sent."""
        self.timed[bisect_left(ANSWER_SECONDS, seconds)] += 1
        self.answer_seconds += seconds


class CountsConnections(Protocol):
    """An app's pool, as far as metrics go."""

    @property
    def idle(self) -> Sized: ...

    @property
    def in_flight(self) -> int: ...

    @property
    def waiting(self) -> int: ...

    def are_up(self) -> Mapping[str, bool]: ...


class TrafficMetrics(Collector):
    """Of one process. All labels are configured names."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._traffic: dict[str, AppTraffic] = {}
        self._pools: dict[str, CountsConnections] = {}
        self._certificates: Callable[[], Mapping[str, float]] = dict
        registry.register(self)

    def of(self, app: str) -> AppTraffic:
        """The counts of one configured app: fetched once and kept by the plane."""
        return self._traffic.setdefault(app, AppTraffic())

    def watch_pool(self, app: str, pool: CountsConnections) -> None:
        """It is asked at each scrape."""
        self._pools[app] = pool

    def watch_certificates(self, ends_at: Callable[[], Mapping[str, float]]) -> None:
        """`ends_at` is called at each scrape: by the certificate's file, until when it is valid (epoch seconds)."""
        self._certificates = ends_at

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "gatepost_forwarded_requests", "Answers forwarded, by app and status class", labels=("app", "status")
        )
        failures = CounterMetricFamily(
            "gatepost_upstream_failures", "Upstreams unreachable, broken or silent, by app", labels=("app",)
        )
        answers = HistogramMetricFamily(
            "gatepost_upstream_answer_seconds",
            "Time from a request without a body to the head of its answer, of a sample",
            labels=("app",),
        )
        bounds = [*map(str, ANSWER_SECONDS), "+Inf"]
        for app, traffic in self._traffic.items():
            for digit, count in enumerate(traffic.by_class):
                if count:
                    requests.add_metric((app, f"{digit}xx"), count)
            failures.add_metric((app,), traffic.upstream_failures)
            buckets = list(zip(bounds, accumulate(traffic.timed), strict=True))
            answers.add_metric((app,), buckets, sum_value=traffic.answer_seconds)
        yield requests
        yield failures
        yield answers
        yield from self._of_pools()
        certificates = GaugeMetricFamily(
            "gatepost_certificate_ends_timestamp_seconds",
            "When a certificate for clients ends",
            labels=("certificate",),
        )
        for name, ends_at in self._certificates().items():
            certificates.add_metric((name,), ends_at)
        yield certificates

    def _of_pools(self) -> Iterator[Metric]:
        connections = GaugeMetricFamily(
            "gatepost_upstream_connections", "Connections to an app's servers, by state", labels=("app", "state")
        )
        waiting = GaugeMetricFamily(
            "gatepost_upstream_waiting_requests", "Requests that wait for a connection to their app", labels=("app",)
        )
        servers = GaugeMetricFamily(
            "gatepost_upstream_server_up",
            "1 where one of several servers of an app is given requests",
            labels=("app", "server"),
        )
        for app, pool in self._pools.items():
            for server, is_up in pool.are_up().items():
                servers.add_metric((app, server), is_up)
            connections.add_metric((app, "idle"), len(pool.idle))
            connections.add_metric((app, "busy"), pool.in_flight)
            waiting.add_metric((app,), pool.waiting)
        yield connections
        yield waiting
        yield servers
