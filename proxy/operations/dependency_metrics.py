"""What Gatepost knows of what it depends on: directories, relays and gateways, the store, its own event loop and log.

Times are told by whoever waited. All else is asked for at each scrape, so it has to be quick.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Protocol, runtime_checkable

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

WAIT_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of what is told of a wait; 10 s is the longest that a sign-in waits for one of these."""


class SignsOfLife(Protocol):
    """What a directory tells of itself."""

    @property
    def servers(self) -> Mapping[str, bool]:
        """Whether each one answers."""
        ...

    @property
    def threads(self) -> int: ...

    @property
    def busy(self) -> int: ...

    @property
    def waiting(self) -> int: ...


@runtime_checkable
class LivingDirectory(Protocol):
    @property
    def realm(self) -> str: ...

    def vital_signs(self) -> SignsOfLife: ...


class CountsWaiting(Protocol):
    """A store."""

    def waiting(self) -> Mapping[str, int]: ...


class CheckSeen(Protocol):
    @property
    def ok(self) -> bool: ...

    @property
    def at(self) -> float | None: ...


class ReadinessSeen(Protocol):
    """What `/readyz` says."""

    @property
    def ready(self) -> bool: ...

    @property
    def checks(self) -> Mapping[str, CheckSeen]: ...


class DependencyMetrics(Collector):
    """Of one process. All labels are configured names, servers that the directory names, or words of Gatepost's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        histogram = partial(Histogram, registry=registry, buckets=WAIT_SECONDS)
        self._directory = histogram(
            "gatepost_directory_seconds", "Time that a domain controller took to answer", ("realm", "step")
        )
        self._sends = histogram(
            "gatepost_send_seconds", "Time until a relay or gateway took a message, or failed to", ("channel",)
        )
        self._lag = histogram("gatepost_loop_lag_seconds", "How late the event loop came to what was due")
        self._worker = Gauge(
            "gatepost_worker_number", "The number of the worker, of all since the start", registry=registry
        )
        self._directories: dict[str, Callable[[], SignsOfLife]] = {}
        self._relays: Callable[[], Mapping[str, bool]] = dict
        self._store: Callable[[], Mapping[str, int]] = dict
        self._readiness: Callable[[], ReadinessSeen] | None = None
        self._error_lines: Callable[[], int] | None = None
        registry.register(self)

    def note_directory(self, realm: str, step: str, seconds: float) -> None:
        """`step`: "bind" or "search". May be called on any thread."""
        self._directory.labels(realm, step).observe(seconds)

    def note_send(self, channel: str, seconds: float) -> None:
        """One attempt of one channel."""
        self._sends.labels(channel).observe(seconds)

    def note_lag(self, seconds: float) -> None:
        self._lag.observe(seconds)

    def watch(
        self,
        store: CountsWaiting,
        directories: Iterable[object],
        *,
        worker: int | None,
        error_lines: Callable[[], int] | None = None,
    ) -> None:
        """What every process has. `worker` is its number where it is one of several; `error_lines`: how many lines of
        level error it wrote to the log."""
        self._store = store.waiting
        self._directories = {each.realm: each.vital_signs for each in directories if isinstance(each, LivingDirectory)}
        self._worker.set(worker or 0)
        self._error_lines = error_lines

    def watch_relays(self, are_up: Callable[[], Mapping[str, bool]]) -> None:
        """By the ``host:port`` of a relay or the name of a channel, whether it answered when it was last asked."""
        self._relays = are_up

    def watch_readiness(self, readiness: Callable[[], ReadinessSeen]) -> None:
        self._readiness = readiness

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "gatepost_directory_server_up", "1 where a server of a directory answers", labels=("realm", "server")
        )
        threads = GaugeMetricFamily(
            "gatepost_directory_threads",
            "Threads for work on a directory: there are, and busy",
            labels=("realm", "count"),
        )
        waiting = GaugeMetricFamily(
            "gatepost_directory_waiting_jobs", "Work that waits for a thread", labels=("realm",)
        )
        for realm, ask in self._directories.items():
            signs = ask()
            for server, is_up in signs.servers.items():
                up.add_metric((realm, server), is_up)
            threads.add_metric((realm, "all"), signs.threads)
            threads.add_metric((realm, "busy"), signs.busy)
            waiting.add_metric((realm,), signs.waiting)
        yield from (up, threads, waiting)
        relays = GaugeMetricFamily(
            "gatepost_relay_up", "1 where a relay or SMS gateway answered when it was last asked", labels=("relay",)
        )
        for relay, is_up in self._relays().items():
            relays.add_metric((relay,), is_up)
        yield relays
        queues = GaugeMetricFamily("gatepost_store_waiting_jobs", "Operations that wait", labels=("queue",))
        for queue, count in self._store().items():
            queues.add_metric((queue,), count)
        yield queues
        if self._error_lines is not None:
            yield CounterMetricFamily("gatepost_log_errors", "Lines of level error in the log", self._error_lines())
        if self._readiness is not None:
            yield from _of_readiness(self._readiness())


def _of_readiness(seen: ReadinessSeen) -> Iterator[Metric]:
    ready = GaugeMetricFamily("gatepost_ready", "1 while people can sign in, as /readyz says it")
    ready.add_metric((), seen.ready)
    checks = GaugeMetricFamily("gatepost_check_ok", "1 where a check of /readyz finds nothing", labels=("check",))
    for name, check in seen.checks.items():
        if check.at is not None:  # not before it was asked
            checks.add_metric((name,), check.ok)
    yield ready
    yield checks
