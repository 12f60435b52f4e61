"""From what was measured to tables: medians over the rounds, ratios to nginx, and the targets beside them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from benchmarks import sizes
from benchmarks.delivery import Passcodes
from benchmarks.figures import kibibytes, mebibytes, microseconds, milliseconds, table
from benchmarks.machine import machine
from benchmarks.own_costs import Clients, Sessions
from benchmarks.results import Results
from benchmarks.scenarios import SCENARIOS, Scenario
from benchmarks.stage import NGINX
from benchmarks.targets import TARGETS, Target


def markdown(results: Results) -> str:
    """All tables, ready to be pasted into docs/performance.md."""
    parts = [
        "### The machine\n\n" + "\n".join(f"* {line}" for line in machine().values()),
        "### Beside the targets\n\n" + targets(results),
    ]
    parts += [
        f"### {scenario.title[0].upper()}{scenario.title[1:]}\n\n" + _scenario(results, scenario)
        for scenario in SCENARIOS
        if scenario.name in results.samples
    ]
    if results.tunnel_bytes:
        rows = [(name, kibibytes(each)) for name, each in results.tunnel_bytes.items()]
        parts.append(f"### {results.tunnels:,} idle WebSockets\n\n" + table(("proxy", "memory each"), rows))
    if results.sessions is not None:
        parts.append(_sessions(results.sessions))
    if results.clients is not None:
        parts.append(_clients(results.clients))
    if results.sign_ins or results.contest is not None:
        parts.append(_sign_ins(results))
    if results.passcodes is not None:
        parts.append(_passcodes(results.passcodes))
    if results.growth:
        parts.append("### Growth\n\n" + sizes.markdown(results.growth))
    if results.notes:
        parts.append("### Notes on this run\n\n" + "\n".join(f"* {note}" for note in results.notes))
    return "\n\n".join(parts)


def _sign_ins(results: Results) -> str:
    rows = [
        (f"own CPU for one whole sign-in of {found.requests:.0f} requests, {name}", milliseconds(found.cpu_seconds))
        for name, found in results.sign_ins.items()
    ]
    if results.contest is not None:
        rows += [
            (f"sign-ins/s against one DC, {name}", f"{statistics.median(each):.1f}")
            for name, each in results.contest.rates.items()
        ]
    return "### Sign-ins, one core\n\n" + table(("what", "measured"), rows)


def _passcodes(found: Passcodes) -> str:
    rows = [
        (
            f"{found.asked_per_minute:,} a minute",
            f"{found.sent:,}",
            f"{found.not_accepted:,}",
            milliseconds(found.p50),
            milliseconds(found.p99),
            milliseconds(found.cpu_seconds),
            f"{found.most_per_minute:,.0f} a minute",
        )
    ]
    header = ("pace", "passcodes", "not accepted", "send time, p50", "p99", "own CPU each", "most, without a pace")
    return "### Passcodes through two relays\n\n" + table(header, rows)


def targets(results: Results, wanted: Sequence[Target] = TARGETS) -> str:
    """Each number to reach: met, or a link to where docs/performance.md explains why not."""
    rows = []
    for target in wanted:
        found = target.measured(results)
        if found is None:
            rows.append((target.what, target.wanted, "not measured", ""))
        else:
            anchor = target.section.lower().replace(" ", "-")
            met = "yes" if found.is_met else f"**no**: [{target.section}](#{anchor})"
            rows.append((target.what, target.wanted, found.text, met))
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
                "" if cpu is None else f"{cpu * 1e3:,.1f} ms" if large else microseconds(cpu),
                f"{nginx_cpu / cpu:.2f}" if cpu and nginx_cpu else "",
                milliseconds(p50) if p50 is not None else "",
                milliseconds(p99) if p99 is not None else "",
                mebibytes(growth) if growth is not None else "",
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
        ("memory of a worker that has served one session", mebibytes(found.at_rest)),
        (f"memory with {found.count:,} in the store, none of them used yet", mebibytes(found.with_stored)),
        ("memory after each of them was used", mebibytes(found.after_use)),
        ("requests/s, each the first of its session (16 connections)", f"{found.first_look_up_rate:,.0f}"),
        ("CPU of such a request (SQLite, assertion signed)", microseconds(found.first_look_up_cpu)),
        ("requests/s of a known session under the same load", f"{found.known_rate:,.0f}"),
        ("CPU of such a request", microseconds(found.known_cpu)),
    )
    return "### Sessions, one worker with the SQLite store\n\n" + table(("what", "measured"), rows)


def _clients(found: Clients) -> str:
    rows = (
        ("CPU of a request with a cookie, to an app for browsers alone", microseconds(found.cookie_cpu)),
        ("CPU of a request with a token, to an app that takes them", microseconds(found.bearer_cpu)),
        (f"the latter of the former (median of {found.rounds} alternating rounds)", f"{found.ratio:.3f} x"),
    )
    return "### Clients without a browser\n\n" + table(("what", "measured"), rows)
