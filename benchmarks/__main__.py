"""Measure Gatepost beside nginx and haproxy, in turn, several rounds, on this machine.

    python -m benchmarks [--rounds 5] [--seconds 3] [--only SCENARIO ...] [--json FILE] [--plot FILE] [--quick]

The proxy under test has one core; the load and the upstreams share the other. Everything is on loopback.
Progress goes to stderr; stdout gets the tables in Markdown, as they stand in docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from benchmarks import delivery, growth, own_costs, report, sizes
from benchmarks.load import WrongAnswer
from benchmarks.processes import Bystanders, CannotStart, program
from benchmarks.results import Results
from benchmarks.scenarios import SCENARIOS, Scale, check, idle_tunnels, most_tunnels
from benchmarks.stage import GATEPOST, HAPROXY, NGINX, Stage, set_stage
from tests.support.samba_dc import SambaFailed

OWN = ("tunnels", "sessions", "clients", "sign-in", "passcodes", "growth")
PASSCODES_PER_MINUTE = 10_000
QUICK = Scale(
    seconds=1, large_bytes=64 * 1024**2, tunnels=200, sessions=1000, sign_ins=5, requests=2000, passcode_seconds=2
)


def main() -> int:
    names = [*(scenario.name for scenario in SCENARIOS), *OWN]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default: 5)")
    parser.add_argument("--seconds", type=int, default=3, help="how long each time (default: 3)")
    parser.add_argument("--only", action="append", choices=names, help="only this; may be given several times")
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    parser.add_argument("--plot", type=Path, help="draw how cost grows into this file (SVG)")
    parser.add_argument("--quick", action="store_true", help="once, with little of everything: does it run at all?")
    parser.add_argument("--profile", type=Path, help="run Gatepost under cProfile and write what it saw (slows it)")
    options = parser.parse_args()
    scale = QUICK if options.quick else Scale(seconds=options.seconds)
    rounds = 1 if options.quick else options.rounds
    signal.signal(signal.SIGTERM, _end)
    arguments = ("--profile", str(options.profile.resolve())) if options.profile is not None else ()
    bystanders = Bystanders()
    try:
        with set_stage(gatepost_arguments=arguments, large_bytes=scale.large_bytes) as stage:
            results = _measure(stage, scale, rounds, set(options.only or names))
        if "growth" in (options.only or names):
            results.growth = growth.measured(rounds, is_small=options.quick)
    except (CannotStart, WrongAnswer) as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    results.notes.append(
        f"{rounds} rounds of {scale.seconds} s; meanwhile programs that have no part in it used"
        f" {bystanders.share():.0%} of this machine's processors"
    )
    if options.json is not None:
        options.json.write_text(json.dumps(results.as_json(), indent=1) + "\n")
    if options.plot is not None and results.growth:
        options.plot.write_text(sizes.picture(results.growth))
    print(report.markdown(results))
    return 1 if any(note.startswith("FAILED") for note in results.notes) else 0


def _end(number: int, frame: FrameType | None) -> None:
    """If this is ended from outside, everything that it started ends too."""
    sys.exit(128 + number)


def _measure(stage: Stage, scale: Scale, rounds: int, wanted: set[str]) -> Results:
    results = Results(notes=list(stage.missing))
    for proxy in stage.proxies.values():
        check(stage, proxy)
    _say(f"{', '.join(stage.proxies)} answer alike; {rounds} rounds of {scale.seconds} s each")
    for scenario in SCENARIOS:
        lacking = [name for name in scenario.needs if program(name) is None]
        if scenario.name not in wanted or lacking:
            continue
        found = results.samples[scenario.name] = {name: [] for name in scenario.proxies if name in stage.proxies}
        for number in range(rounds):
            for name, samples in found.items():
                try:
                    samples.append(scenario.measure(stage, stage.proxies[name], scale))
                except (WrongAnswer, OSError) as error:
                    results.notes.append(f"FAILED: {scenario.title}, {name}: {error}")
                    continue
                rate = f"{samples[-1].rate:,.0f} {scenario.unit}"
                _say(f"{scenario.title}, round {number + 1}: {name} {rate}")
    own: dict[str, Callable[[], None]] = {
        "tunnels": lambda: _measure_tunnels(stage, scale, results),
        "sessions": lambda: _measure_sessions(stage, scale, results),
        "clients": lambda: _measure_clients(stage, scale, rounds, results),
        "sign-in": lambda: _measure_sign_ins(stage, scale, rounds, results),
        "passcodes": lambda: _measure_passcodes(scale, results),
    }
    for name, measure in own.items():
        if name in wanted:
            try:
                measure()
            except (CannotStart, WrongAnswer, OSError) as error:
                results.notes.append(f"FAILED: {name}: {error}")
    return results


def _measure_tunnels(stage: Stage, scale: Scale, results: Results) -> None:
    results.tunnels = most_tunnels(stage, scale.tunnels)
    if results.tunnels < scale.tunnels:
        results.notes.append(
            f"{results.tunnels:,} idle WebSockets instead of {scale.tunnels:,}: a process may open"
            f" {stage.open_files:,} files here, and Gatepost accepts no more clients than it has files for"
        )
    for name in (GATEPOST, NGINX, HAPROXY):
        if name in stage.proxies:
            results.tunnel_bytes[name] = idle_tunnels(stage, name, results.tunnels)
            _say(f"{results.tunnels:,} idle WebSockets: {name} {results.tunnel_bytes[name] / 1024:.1f} KiB each")


def _measure_sessions(stage: Stage, scale: Scale, results: Results) -> None:
    if stage.files_port:
        _say(f"{scale.sessions:,} sessions")
        results.sessions = own_costs.sessions(stage, scale.sessions)


def _measure_clients(stage: Stage, scale: Scale, rounds: int, results: Results) -> None:
    if stage.files_port:
        _say(f"{scale.requests:,} requests with a cookie and with a token, {rounds} rounds")
        results.clients = own_costs.clients(stage, rounds, scale.requests)


def _measure_sign_ins(stage: Stage, scale: Scale, rounds: int, results: Results) -> None:
    _say(f"{scale.sign_ins} sign-ins with a local directory")
    results.sign_ins[own_costs.LOCAL] = own_costs.sign_ins(stage, scale.sign_ins)
    _say(f"{scale.sign_ins} sign-ins with an Active Directory domain, made for it")
    try:
        with own_costs.domain(stage) as dc:
            results.sign_ins[own_costs.ACTIVE_DIRECTORY] = own_costs.domain_sign_ins(stage, dc, scale.sign_ins)
            _say(f"sign-ins beside bare loops, {rounds} rounds of {scale.seconds} s each")
            results.contest = own_costs.contest(stage, dc, seconds=scale.seconds, rounds=rounds)
    except (SambaFailed, CannotStart) as error:
        results.notes.append(f"no sign-ins with Active Directory: {error}")


def _measure_passcodes(scale: Scale, results: Results) -> None:
    _say(f"{PASSCODES_PER_MINUTE:,} passcodes a minute, for {scale.passcode_seconds} s")
    results.passcodes = delivery.measured(scale.passcode_seconds, PASSCODES_PER_MINUTE)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
