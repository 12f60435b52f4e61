"""Counters for Prometheus: configured names and outcomes only, nothing about persons.

Here is what happens a few times per sign-in, with prometheus-client as it comes. What the plane forwards is in
`traffic_metrics`, and what Gatepost depends on in `dependency_metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.exposition import generate_latest

from proxy.operations.dependency_metrics import DependencyMetrics
from proxy.operations.traffic_metrics import TrafficMetrics

OTHER = "other"
"""Stands for a realm or country that is not configured: typed text must not become a label."""


class CountsOpen(Protocol):
    """A jump host, as far as metrics go."""

    @property
    def open_connections(self) -> int: ...

    @property
    def open_channels(self) -> int: ...


class Metrics:
    """The counters of one process."""

    def __init__(self, *, realms: Collection[str] = (), countries: Collection[str] = ()) -> None:
        """With `realms` given, any other realm is counted as "other"; so is any country that is none of `countries`."""
        self.registry = CollectorRegistry(auto_describe=True)
        self.traffic = TrafficMetrics(self.registry)
        self.dependencies = DependencyMetrics(self.registry)
        self._realms = frozenset(realms)
        self._countries = frozenset(countries)
        counter, gauge = partial(Counter, registry=self.registry), partial(Gauge, registry=self.registry)
        self._sign_ins = counter("gatepost_sign_ins", "Attempts to sign in, by how they ended", ("outcome", "realm"))
        self._passcodes = counter("gatepost_passcodes_sent", "Passcodes handed to a relay, by outcome", ("outcome",))
        self._taken = counter(
            "gatepost_passcodes_taken",
            "Passcodes that a relay or gateway took, by channel and country of the number",
            ("channel", "country"),
        )
        self._entered = counter(
            "gatepost_passcodes_entered",
            "Passcodes that were entered, by channel and country of the number",
            ("channel", "country"),
        )
        self._bounces = counter(
            "gatepost_bounces", "Mails in the inbox for failed deliveries, by what they say", ("reason",)
        )
        self._radius = counter(
            "gatepost_radius_packets", "Packets of RADIUS clients, by what became of them", ("outcome",)
        )
        self._refusals = counter("gatepost_refusals", "Answers that Gatepost gave by itself, by problem", ("problem",))
        self._misconfigured = gauge(
            "gatepost_delivery_misconfigured",
            "1 where a relay or SMS gateway refuses a login, sender or certificate, or is without credit",
            ("relay",),
        )
        self._sms_credits = gauge("gatepost_sms_credits", "Messages that an SMS account still pays for", ("channel",))
        self._sends_of_day = gauge(
            "gatepost_passcodes_of_day",
            "Passcodes sent within the running day, of all workers, and how many may be",
            ("count",),
        )
        self._audit = counter("gatepost_audit_events", "Events of the audit, by what became of them", ("outcome",))

    def count_sign_in(self, outcome: str, realm: str) -> None:
        """`outcome` is one of the program's own words (an enum's value), never typed text."""
        self._sign_ins.labels(outcome, realm if not self._realms or realm in self._realms else OTHER).inc()

    def expect_passcodes(self, outcomes: Iterable[str]) -> None:
        """0 for each of these: the first of its kind then shows as an increase."""
        for outcome in outcomes:
            self._passcodes.labels(outcome)

    def count_passcode(self, outcome: str) -> None:
        """`outcome` as in `proxy.delivery.channel.Outcome`."""
        self._passcodes.labels(outcome).inc()

    def count_taken(self, channel: str, country: str) -> None:
        """`country`: the ISO region of the number; empty for a mail address."""
        labels = self._way(channel, country)
        self._taken.labels(*labels).inc()
        self._entered.labels(*labels)  # 0 from here on: their share is told even if nobody ever enters one

    def count_entered(self, channel: str, country: str) -> None:
        """A right passcode; both as in `count_taken`."""
        self._entered.labels(*self._way(channel, country)).inc()

    def _way(self, channel: str, country: str) -> tuple[str, str]:
        return channel, country if not country or country in self._countries else OTHER

    def count_bounce(self, reason: str) -> None:
        """`reason` as in `proxy.delivery.delivery_store.FailureReason`, "unrelated" or "unknown_message"."""
        self._bounces.labels(reason).inc()

    def count_radius(self, outcome: str) -> None:
        """`outcome` as in `proxy.radius.packets`: an answer's code, or why there was none."""
        self._radius.labels(outcome).inc()

    def count_audit(self, outcome: str, count: int) -> None:
        """`outcome`: "written", or "dropped" where too many waited."""
        self._audit.labels(outcome).inc(count)

    def watch_audit_waiting(self, count: Callable[[], int]) -> None:
        """As `watch_live_sessions`."""
        self._watch("gatepost_audit_waiting", "Events of the audit that are not written yet", count)
        self._audit.labels("dropped")  # 0 from here on: the first that is lost then shows as an increase

    def set_misconfigured(self, relay: str, is_misconfigured: bool) -> None:
        """`relay`: the ``host:port`` of a relay, or the name of a channel."""
        self._misconfigured.labels(relay).set(is_misconfigured)

    def set_sms_credit(self, channel: str, credits: int) -> None:
        self._sms_credits.labels(channel).set(credits)

    def set_sends_of_day(self, sent: int, most: int) -> None:
        self._sends_of_day.labels("sent").set(sent)
        self._sends_of_day.labels("most").set(most)

    def count_refusal(self, problem: str) -> None:
        """`problem` as in `proxy.http.problem.Problem`."""
        self._refusals.labels(problem).inc()

    def watch_live_sessions(self, count: Callable[[], int]) -> None:
        """`count` is called at each scrape, so it must be quick."""
        self._watch("gatepost_live_sessions", "Sessions that this process holds", count)

    def watch_client_connections(self, count: Callable[[], int]) -> None:
        """As `watch_live_sessions`."""
        self._watch("gatepost_client_connections", "Connections of clients to this process, tunnels included", count)

    def watch_jump_host(self, jump_host: CountsOpen) -> None:
        """As `watch_live_sessions`."""
        told = "Connections of SSH clients to this process"
        self._watch("gatepost_ssh_connections", told, lambda: jump_host.open_connections)
        told = "Connections to targets that SSH clients have open through this process"
        self._watch("gatepost_ssh_channels", told, lambda: jump_host.open_channels)

    def watch_degraded(self, rungs: Iterable[str], is_in_force: Callable[[str], bool]) -> None:
        """`rungs`: the names of those of `[[degrade]]`. `is_in_force` is called at each scrape, so it must be quick."""
        told = "1 while this rung of [[degrade]] is in force"
        gauge = Gauge("gatepost_degraded", told, ("rung",), registry=self.registry)
        for name in rungs:
            gauge.labels(name).set_function(partial(is_in_force, name))

    def _watch(self, name: str, documentation: str, count: Callable[[], int]) -> None:
        Gauge(name, documentation, registry=self.registry).set_function(count)

    def render(self) -> bytes:
        """Everything in the Prometheus text format 0.0.4."""
        return generate_latest(self.registry)
