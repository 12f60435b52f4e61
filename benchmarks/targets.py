"""The numbers to reach: what was measured of each, whether it is met, and where docs/performance.md explains. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.figures import KIBIBYTE, MEBIBYTE, kibibytes, mebibytes, microseconds, milliseconds, times
from benchmarks.own_costs import ACTIVE_DIRECTORY
from benchmarks.results import Results
from benchmarks.sign_in import BEST_LOOP
from benchmarks.stage import BARE, GATEPOST, NGINX, NGINX_AUTH_THERE

Value = Callable[[Results], float | None]
Show = Callable[[float], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    text: str
    is_met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    what: str
    wanted: str
    measured: Callable[[Results], Measured | None]
    """None: this run did not measure it."""
    section: str
    """The heading in docs/performance.md under which a reader finds why it is missed, if it is."""


def _at_least(bound: float, value: Value, show: Show = times) -> Callable[[Results], Measured | None]:
    return _judged(value, show, lambda found: found >= bound)


def _at_most(bound: float, value: Value, show: Show) -> Callable[[Results], Measured | None]:
    return _judged(value, show, lambda found: found <= bound)


def _judged(value: Value, show: Show, is_met: Callable[[float], bool]) -> Callable[[Results], Measured | None]:
    def measured(results: Results) -> Measured | None:
        found = value(results)
        return None if found is None else Measured(text=show(found), is_met=is_met(found))

    return measured


def _beside(bound: float, scenario: str, other: str) -> Callable[[Results], Measured | None]:
    """By rates, as the target says; the ratio of CPU times stands beside it, since a rate ends where the load does."""

    def measured(results: Results) -> Measured | None:
        ratio = results.ratio(scenario, other)
        if ratio is None:
            return None
        ours, theirs = (results.median(scenario, name, "cpu_seconds") for name in (GATEPOST, other))
        by_cpu = f" ({theirs / ours:.2f} by CPU)" if ours and theirs else ""
        return Measured(text=times(ratio) + by_cpu, is_met=ratio >= bound)

    return measured


def _least(scenarios: Sequence[str]) -> Value:
    """Of nginx: the lowest of these."""

    def value(results: Results) -> float | None:
        ratios = [ratio for scenario in scenarios if (ratio := results.ratio(scenario, NGINX)) is not None]
        return min(ratios) if len(ratios) == len(scenarios) else None

    return value


def _largest_growth(results: Results) -> float | None:
    grown = [
        sample.memory_growth
        for scenario in ("download-1g", "upload-1g")
        for sample in results.samples.get(scenario, {}).get(GATEPOST, [])
        if sample.memory_growth is not None
    ]
    return max(grown) if grown else None


def _latency(results: Results) -> Measured | None:
    ours, theirs = (results.median("latency", name, "p99") for name in (GATEPOST, NGINX))
    if ours is None or theirs is None:
        return None
    return Measured(text=f"{milliseconds(ours)} beside {milliseconds(theirs)}", is_met=ours <= theirs)


def _of_sessions(name: str) -> Value:
    return lambda results: getattr(results.sessions, name) if results.sessions is not None else None


def _whole_sign_in(results: Results) -> float | None:
    found = results.sign_ins.get(ACTIVE_DIRECTORY)
    return found.cpu_seconds if found is not None else None


def _sign_in_ratio(results: Results) -> float | None:
    return statistics.median(results.contest.ratios_to(BEST_LOOP)) if results.contest is not None else None


SMALL, TLS, LATENCY, SESSIONS, SIGN_INS, BODIES, MEMORY = (
    *("Small requests", "TLS", "Latency", "First look-ups", "Sign-ins", "Bodies and tunnels", "Memory"),
)
TARGETS = (
    Target(
        what="authenticated small requests, of nginx as a plain proxy",
        wanted="at least 0.80 x",
        measured=_beside(0.80, "small", NGINX),
        section=SMALL,
    ),
    Target(
        what="the same, of nginx with auth_request answered by an upstream",
        wanted="at least 1.25 x",
        measured=_beside(1.25, "small", NGINX_AUTH_THERE),
        section=SMALL,
    ),
    Target(
        what="the same over TLS, of nginx with TLS",
        wanted="at least 0.80 x",
        measured=_beside(0.80, "tls", NGINX),
        section=TLS,
    ),
    Target(
        what="own CPU of a small request, beyond a bare uvloop forwarder",
        wanted="at most 3 µs",
        measured=_at_most(3e-6, lambda results: results.beyond("small", BARE, "cpu_seconds"), microseconds),
        section=SMALL,
    ),
    Target(
        what="downloads of 10 MB and 1 GB, of nginx (the lower)",
        wanted="at least 0.95 x",
        measured=_at_least(0.95, _least(("download", "download-1g"))),
        section=BODIES,
    ),
    Target(
        what="uploads of 10 MB and 1 GB, of nginx (the lower)",
        wanted="at least 0.95 x",
        measured=_at_least(0.95, _least(("upload", "upload-1g"))),
        section=BODIES,
    ),
    Target(
        what="memory growth over 1 GB (the most)",
        wanted="under 32 MiB",
        measured=_judged(_largest_growth, mebibytes, lambda found: found < 32 * MEBIBYTE),
        section=BODIES,
    ),
    Target(
        what="process memory per idle WebSocket",
        wanted="at most 8 KiB",
        measured=_at_most(
            8 * KIBIBYTE,
            lambda results: results.tunnel_bytes.get(GATEPOST),
            kibibytes,
        ),
        section=MEMORY,
    ),
    Target(
        what="own CPU for one whole sign-in (Active Directory: a Samba DC over LDAPS)",
        wanted="at most 12 ms",
        measured=_at_most(0.012, _whole_sign_in, milliseconds),
        section=SIGN_INS,
    ),
    Target(
        what="sign-ins/s against one DC, of a bare ldap3 loop with TCP_NODELAY",
        wanted="at least 0.95 x",
        measured=_at_least(0.95, _sign_in_ratio),
        section=SIGN_INS,
    ),
    Target(
        what="first look-ups of a session in a worker (SQLite, assertion signed)",
        wanted="at least 8,000/s",
        measured=_at_least(8000, _of_sessions("first_look_up_rate"), lambda found: f"{found:,.0f}/s"),
        section=SESSIONS,
    ),
    Target(
        what="added latency of one request at half load, p99, beside nginx's",
        wanted="no more",
        measured=_latency,
        section=LATENCY,
    ),
    Target(
        what="worker memory at rest",
        wanted="at most 90 MiB",
        measured=_at_most(90 * MEBIBYTE, _of_sessions("at_rest"), mebibytes),
        section=MEMORY,
    ),
    Target(
        what="worker memory with 100,000 sessions in the store",
        wanted="at most 120 MiB",
        measured=_at_most(120 * MEBIBYTE, _of_sessions("with_stored"), mebibytes),
        section=MEMORY,
    ),
    Target(
        what="the same once each of them was used through this worker",
        wanted="at most 120 MiB",
        measured=_at_most(120 * MEBIBYTE, _of_sessions("after_use"), mebibytes),
        section=MEMORY,
    ),
    Target(
        what="passcodes a minute through two relays",
        wanted="at least 10,000",
        measured=_at_least(
            10_000,
            lambda results: results.passcodes.most_per_minute if results.passcodes is not None else None,
            lambda found: f"{found:,.0f}",
        ),
        section="Where the time goes",
    ),
    Target(
        what="CPU of a request with a bearer token, of one with a cookie",
        wanted="at most 1.05 x",
        measured=_at_most(1.05, lambda results: results.clients.ratio if results.clients is not None else None, times),
        section=SMALL,
    ),
)
