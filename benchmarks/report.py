"""From what was measured to tables: medians over the rounds, ratios to nginx, and the targets beside them."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.delivery import Passcodes
from benchmarks.own_costs import Clients, Sessions, SignIns
from benchmarks.processes import program
from benchmarks.scenarios import SCENARIOS, Sample, Scenario
from benchmarks.stage import GATEPOST, NGINX, NGINX_AUTH, NGINX_AUTH_THERE

MEBIBYTE = 1024**2


@dataclass(slots=True, kw_only=True)
class Results:
    samples: dict[str, dict[str, list[Sample]]] = field(default_factory=dict)
    """By scenario and proxy, one per round."""
    tunnel_bytes: dict[str, float] = field(default_factory=dict)
    tunnels: int = 0
    sessions: Sessions | None = None
    clients: Clients | None = None
    sign_ins: dict[str, SignIns] = field(default_factory=dict)
    """By directory."""
    passcodes: Passcodes | None = None
    notes: list[str] = field(default_factory=list)

    def median(self, scenario: str, proxy: str, value: str = "rate") -> float | None:
        values = [getattr(sample, value) for sample in self.samples.get(scenario, {}).get(proxy, [])]
        known = [each for each in values if each is not None]
        return statistics.median(known) if known else None

    def ratio(self, scenario: str, to: str, value: str = "rate") -> float | None:
        ours, theirs = self.median(scenario, GATEPOST, value), self.median(scenario, to, value)
        return ours / theirs if ours is not None and theirs else None

    def as_json(self) -> dict[str, Any]:
        return {
            "machine": machine(),
            "samples": {
                scenario: {proxy: [asdict(sample) for sample in each] for proxy, each in proxies.items()}
                for scenario, proxies in self.samples.items()
            },
            "tunnel_bytes": self.tunnel_bytes,
            "tunnels": self.tunnels,
            "sessions": asdict(self.sessions) if self.sessions is not None else None,
            "clients": asdict(self.clients) if self.clients is not None else None,
            "sign_ins": {name: asdict(each) for name, each in self.sign_ins.items()},
            "passcodes": asdict(self.passcodes) if self.passcodes is not None else None,
            "notes": self.notes,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    what: str
    wanted: str
    value: Callable[[Results], float | None]
    show: Callable[[float], str]
    is_met: Callable[[float], bool]


def _least(results: Results, scenarios: Sequence[str]) -> float | None:
    ratios = [ratio for scenario in scenarios if (ratio := results.ratio(scenario, NGINX)) is not None]
    return min(ratios) if ratios else None


def _largest_growth(results: Results) -> float | None:
    grown = [
        sample.memory_growth
        for scenario in ("download-1g", "upload-1g")
        for sample in results.samples.get(scenario, {}).get(GATEPOST, [])
        if sample.memory_growth is not None
    ]
    return max(grown) if grown else None


def _of_sessions(name: str) -> Callable[[Results], float | None]:
    return lambda results: getattr(results.sessions, name) if results.sessions is not None else None


def _of_sign_ins(directory: str) -> Callable[[Results], float | None]:
    return lambda results: results.sign_ins[directory].cpu_seconds if directory in results.sign_ins else None


def _times(value: float) -> str:
    return f"{value:.2f} x"


def _mebibytes(value: float) -> str:
    return f"{value / MEBIBYTE:.1f} MiB"


def _milliseconds(value: float) -> str:
    return f"{value * 1e3:.2f} ms"


TARGETS = (
    Target(
        what="authenticated small requests, of nginx as a plain proxy",
        wanted="at least 0.65 x",
        value=lambda results: results.ratio("small", NGINX),
        show=_times,
        is_met=lambda value: value >= 0.65,
    ),
    Target(
        what="the same, of nginx with auth_request (204 in place)",
        wanted="more than 1 x",
        value=lambda results: results.ratio("small", NGINX_AUTH),
        show=_times,
        is_met=lambda value: value > 1,
    ),
    Target(
        what="the same, of nginx with auth_request (204 by an upstream)",
        wanted="more than 1 x",
        value=lambda results: results.ratio("small", NGINX_AUTH_THERE),
        show=_times,
        is_met=lambda value: value > 1,
    ),
    Target(
        what="the same over TLS, of nginx with TLS",
        wanted="at least 0.7 x",
        value=lambda results: results.ratio("tls", NGINX),
        show=_times,
        is_met=lambda value: value >= 0.7,
    ),
    Target(
        what="downloads of 10 MB and 1 GB, of nginx (the lower)",
        wanted="at least 0.8 x",
        value=lambda results: _least(results, ("download", "download-1g")),
        show=_times,
        is_met=lambda value: value >= 0.8,
    ),
    Target(
        what="uploads of 10 MB and 1 GB, of nginx (the lower)",
        wanted="at least 0.8 x",
        value=lambda results: _least(results, ("upload", "upload-1g")),
        show=_times,
        is_met=lambda value: value >= 0.8,
    ),
    Target(
        what="memory growth over 1 GB (the most)",
        wanted="under 32 MiB",
        value=_largest_growth,
        show=_mebibytes,
        is_met=lambda value: value < 32 * MEBIBYTE,
    ),
    Target(
        what="process memory per idle WebSocket",
        wanted="at most 16 KiB",
        value=lambda results: results.tunnel_bytes.get(GATEPOST),
        show=lambda value: f"{value / 1024:.1f} KiB",
        is_met=lambda value: value <= 16 * 1024,
    ),
    Target(
        what="own CPU for one whole sign-in (local directory, its hashing not counted)",
        wanted="at most 15 ms",
        value=_of_sign_ins("local"),
        show=_milliseconds,
        is_met=lambda value: value <= 0.015,
    ),
    Target(
        what="own CPU for one whole sign-in (Active Directory: a Samba DC over LDAPS)",
        wanted="at most 15 ms",
        value=_of_sign_ins("active_directory"),
        show=_milliseconds,
        is_met=lambda value: value <= 0.015,
    ),
    Target(
        what="passcodes a minute through two relays",
        wanted="at least 10,000",
        value=lambda results: results.passcodes.most_per_minute if results.passcodes is not None else None,
        show=lambda value: f"{value:,.0f}",
        is_met=lambda value: value >= 10_000,
    ),
    Target(
        what="added latency of one request at half load, p99",
        wanted="under 1 ms",
        value=lambda results: results.median("latency", GATEPOST, "p99"),
        show=_milliseconds,
        is_met=lambda value: value < 0.001,
    ),
    Target(
        what="CPU of a request with a bearer token, of one with a cookie",
        wanted="at most 1.05 x",
        value=lambda results: results.clients.ratio if results.clients is not None else None,
        show=_times,
        is_met=lambda value: value <= 1.05,
    ),
    Target(
        what="worker memory at rest",
        wanted="under 90 MiB",
        value=_of_sessions("at_rest"),
        show=_mebibytes,
        is_met=lambda value: value < 90 * MEBIBYTE,
    ),
    Target(
        what="worker memory with the stored sessions",
        wanted="under 120 MiB",
        value=_of_sessions("with_stored"),
        show=_mebibytes,
        is_met=lambda value: value < 120 * MEBIBYTE,
    ),
    Target(
        what="the same once each of them was used through this worker",
        wanted="under 120 MiB",
        value=_of_sessions("after_use"),
        show=_mebibytes,
        is_met=lambda value: value < 120 * MEBIBYTE,
    ),
)


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """In Markdown, padded so that it reads in a terminal too."""
    widths = [max(len(row[index]) for row in (headings, *rows)) for index in range(len(headings))]
    lines = [headings, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def markdown(results: Results) -> str:
    """All tables, ready to be pasted into docs/performance.md."""
    parts = [
        "### The machine\n\n" + "\n".join(f"* {line}" for line in machine().values()),
        "### Beside the targets\n\n" + _targets(results),
    ]
    parts += [
        f"### {scenario.title[0].upper()}{scenario.title[1:]}\n\n" + _scenario(results, scenario)
        for scenario in SCENARIOS
        if scenario.name in results.samples
    ]
    if results.tunnel_bytes:
        rows = [(name, f"{each / 1024:.1f} KiB") for name, each in results.tunnel_bytes.items()]
        parts.append(f"### {results.tunnels:,} idle WebSockets\n\n" + table(("proxy", "memory each"), rows))
    if results.sessions is not None:
        parts.append(_sessions(results.sessions))
    if results.clients is not None:
        parts.append(_clients(results.clients))
    if results.passcodes is not None:
        parts.append(_passcodes(results.passcodes))
    if results.notes:
        parts.append("### Notes on this run\n\n" + "\n".join(f"* {note}" for note in results.notes))
    return "\n\n".join(parts)


def _passcodes(found: Passcodes) -> str:
    rows = [
        (
            f"{found.asked_per_minute:,} a minute",
            f"{found.sent:,}",
            f"{found.not_accepted:,}",
            _milliseconds(found.p50),
            _milliseconds(found.p99),
            _milliseconds(found.cpu_seconds),
            f"{found.most_per_minute:,.0f} a minute",
        )
    ]
    header = ("pace", "passcodes", "not accepted", "send time, p50", "p99", "own CPU each", "most, without a pace")
    return "### Passcodes through two relays\n\n" + table(header, rows)


def _targets(results: Results) -> str:
    rows = []
    for target in TARGETS:
        value = target.value(results)
        if value is None:
            rows.append((target.what, target.wanted, "not measured", ""))
        else:
            rows.append((target.what, target.wanted, target.show(value), "yes" if target.is_met(value) else "**no**"))
    return table(("what", "target", "measured", "met"), rows)


def _scenario(results: Results, scenario: Scenario) -> str:
    large = scenario.unit == "MB/s"
    rows = []
    for proxy, samples in results.samples[scenario.name].items():
        if not samples:
            continue
        rates = [sample.rate for sample in samples]
        cpu = results.median(scenario.name, proxy, "cpu_seconds")
        nginx_cpu = results.median(scenario.name, NGINX, "cpu_seconds")
        nginx = results.median(scenario.name, NGINX)
        p50, p99 = (results.median(scenario.name, proxy, name) for name in ("p50", "p99"))
        growth = results.median(scenario.name, proxy, "memory_growth")
        rows.append(
            (
                proxy,
                f"{statistics.median(rates):,.0f}",
                f"{min(rates):,.0f} to {max(rates):,.0f}",
                f"{statistics.median(rates) / nginx:.2f}" if nginx else "",
                "" if cpu is None else f"{cpu * 1e3:,.1f} ms" if large else f"{cpu * 1e6:.1f} µs",
                f"{nginx_cpu / cpu:.2f}" if cpu and nginx_cpu else "",
                _milliseconds(p50) if p50 is not None else "",
                _milliseconds(p99) if p99 is not None else "",
                _mebibytes(growth) if growth is not None else "",
            )
        )
    headings = (
        *("proxy", scenario.unit, "in all rounds", "of nginx", "CPU each", "of nginx by CPU"),
        *(("added p50", "added p99") if scenario.name == "latency" else ("p50", "p99")),
        "memory growth",
    )
    kept = [index for index in range(len(headings)) if any(row[index] for row in rows)]
    return table([headings[index] for index in kept], [[row[index] for index in kept] for row in rows])


def _sessions(found: Sessions) -> str:
    rows = (
        ("memory of a worker that has served one session", _mebibytes(found.at_rest)),
        (f"memory with {found.count:,} in the store, none of them used yet", _mebibytes(found.with_stored)),
        ("memory after each of them was used", _mebibytes(found.after_use)),
        ("requests/s, each the first of its session (16 connections)", f"{found.first_look_up_rate:,.0f}"),
        ("CPU of such a request (SQLite, assertion signed)", f"{found.first_look_up_cpu * 1e6:.0f} µs"),
        ("requests/s of a known session under the same load", f"{found.known_rate:,.0f}"),
        ("CPU of such a request", f"{found.known_cpu * 1e6:.0f} µs"),
    )
    return "### Sessions, one worker with the SQLite store\n\n" + table(("what", "measured"), rows)


def _clients(found: Clients) -> str:
    rows = (
        ("CPU of a request with a cookie, to an app for browsers alone", f"{found.cookie_cpu * 1e6:.1f} µs"),
        ("CPU of a request with a token, to an app that takes them", f"{found.bearer_cpu * 1e6:.1f} µs"),
        (f"the latter of the former (median of {found.rounds} alternating rounds)", f"{found.ratio:.3f} x"),
    )
    return "### Clients without a browser\n\n" + table(("what", "measured"), rows)


def machine() -> Mapping[str, str]:
    """What a reader needs to know about where the figures come from."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(": ")[2] for line in info.splitlines() if line.startswith("model name")), "unknown")
    libraries = ", ".join(f"{name} {version(name)}" for name in ("uvloop", "httptools", "aiohttp", "ldap3"))
    programs = (_said(("nginx", "-v")), _said(("haproxy", "-v")), _said(("wrk", "-v")))
    return {
        "processor": f"{len(os.sched_getaffinity(0))} cores, {model}; Linux {platform.release()}",
        "python": f"Python {sys.version.split()[0]}, {libraries}",
        "programs": "; ".join(each for each in programs if each),
    }


def _said(command: tuple[str, str]) -> str:
    """The first words of what a program says of its version."""
    path = program(command[0])
    if path is None:
        return f"{command[0]}: not installed"
    done = subprocess.run([path, command[1]], capture_output=True, text=True, check=False)
    line = (done.stdout + done.stderr).strip().splitlines()[0]
    return line.removeprefix("nginx version: ").partition(" - ")[0].partition(" [")[0]
