"""What a request costs the plane alone: the real one, with real sessions, between transports that do nothing.

    python -m benchmarks.plane_alone [--rounds 7] [--requests 2000] [--instructions] [--json FILE]

No kernel, no socket, no other process takes part, so the figures shake little: CPU time of the event loop's thread for
each kind of request, and (`--instructions`, with valgrind) how many machine instructions it is, which does not depend
on what else the machine does. Also the ten functions that take most of the commonest one. Takes about a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import gc
import itertools
import json
import os
import pstats
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import IO, Any, cast

import uvloop

from benchmarks.quiet_plane import (
    AT_ONCE,
    BODY,
    WARM_UP,
    App,
    Case,
    Ends,
    app_table,
    opened,
    request,
    run,
    warm,
)
from proxy.server import Gatepost
from proxy.sessions.way import TOKEN_HOST

HOST = "files.localhost"
RULED = "ruled.localhost"
APPS = ("Files", "Ruled")
COUNTED = (20, 120)
"""Requests under valgrind, each time within one turn of the loop: the difference of the two counts is what the
requests themselves are."""
COUNTINGS = 2
"""How often they are counted; the least is the one that was disturbed least."""
RULES = 20
_MANY = (
    b"HTTP/1.1 200 OK\r\n"
    + b"".join(b"X-Field-Number-%d: value of it %d\r\n" % (each, each) for each in range(19))
    + b"Content-Length: 95\r\n\r\n"
    + BODY
)
_CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5f\r\n" + BODY + b"\r\n0\r\n\r\n"
)


@dataclass(slots=True, kw_only=True)
class Cost:
    """Of one request."""

    seconds: list[float] = field(default_factory=list)
    """CPU time, a figure for each round."""
    instructions: float | None = None


def cases(tokens: Mapping[str, str], others: Iterator[str]) -> tuple[Case, ...]:
    cookie = f"Cookie: theme=dark; gatepost={tokens[HOST]}\r\n"
    ruled = f"Cookie: theme=dark; gatepost={tokens[RULED]}\r\n"
    repeat = itertools.repeat
    return (
        Case(name="a known head, repeated", requests=repeat(request(HOST, cookie))),
        Case(
            name="a head with one changing field",
            requests=(request(HOST, f"X-Request-Id: {each:032x}\r\n{cookie}") for each in itertools.count()),
        ),
        Case(name="an answer with 20 fields", requests=repeat(request(HOST, cookie)), answer=_MANY),
        Case(name="a chunked answer", requests=repeat(request(HOST, cookie)), answer=_CHUNKED),
        Case(
            name="a bearer token",
            requests=repeat(request(HOST, f"Authorization: Bearer {tokens[TOKEN_HOST]}\r\n")),
        ),
        Case(
            name=f"an app with {RULES} path rules",
            requests=repeat(request(RULED, ruled, f"/part{RULES - 1}/page")),
            app="Ruled",
        ),
        Case(
            name="a first look-up",
            requests=(request(HOST, f"Cookie: gatepost={each}\r\n") for each in others),
            is_first=True,
        ),
    )


@contextlib.asynccontextmanager
async def standing(folder: Path, firsts: int, more: str = "") -> AsyncIterator[tuple[Gatepost, tuple[Case, ...]]]:
    """A Gatepost, and what it is asked; `firsts`: how many sessions it has not seen; `more`: of its configuration."""
    tables = more + "\n" + app_table("Files", HOST) + app_table("Ruled", RULED, RULES)
    async with opened(folder, tables, [HOST, RULED], firsts) as found:
        yield found.gatepost, cases(found.tokens, found.others)


async def timed(rounds: int, requests: int, more: str) -> tuple[dict[str, Cost], pstats.Stats]:
    """CPU time of each case, the rounds taken in turn; and what the first one is made of."""
    firsts = WARM_UP + rounds * AT_ONCE
    with tempfile.TemporaryDirectory() as folder:
        async with standing(Path(folder), firsts, more) as (gatepost, kinds):
            apps = {name: App(gatepost, name) for name in APPS}
            stood = [(case, await warm(gatepost, case, apps)) for case in kinds]
            costs = {case.name: Cost() for case in kinds}
            for _ in range(rounds):
                for case, ends in stood:
                    count, clock = (AT_ONCE, time.process_time) if case.is_first else (requests, time.thread_time)
                    began_at = clock()
                    await run(ends, case, count)
                    costs[case.name].seconds.append((clock() - began_at) / count)
            profile = cProfile.Profile()
            case, ends = stood[0]
            profile.enable()
            await run(ends, case, requests)
            profile.disable()
            return costs, pstats.Stats(profile)


# Under valgrind: this process asks, a child of it is counted.


async def be_counted(more: str) -> None:
    """The child: each case as often as `COUNTED` says, several times; a line before and after each."""
    gc.disable()
    with tempfile.TemporaryDirectory() as folder:
        async with standing(Path(folder), WARM_UP + sum(COUNTED) * COUNTINGS, more) as (gatepost, kinds):
            apps = {name: App(gatepost, name) for name in APPS}
            for case in kinds:
                ends = Ends(gatepost, apps[case.app])
                await run(ends, case, WARM_UP)
                for count in COUNTED * COUNTINGS:
                    print(case.name, flush=True)
                    await asyncio.to_thread(sys.stdin.readline)
                    await run(ends, case, count)
                    print("done", flush=True)
                    await asyncio.to_thread(sys.stdin.readline)


def counted(more: str) -> dict[str, float]:
    """Machine instructions of one request, by case."""
    found: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        command = ["valgrind", "-q", "--tool=callgrind", "--instr-atstart=no", "--separate-threads=yes"]
        command += [f"--callgrind-out-file={out}", sys.executable, "-m", "benchmarks.plane_alone", "--counted", more]
        environ = {**os.environ, "PYTHONHASHSEED": "0"}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ) as child:
            said, answers = cast(IO[str], child.stdout), cast(IO[str], child.stdin)

            def go_on() -> None:
                answers.write("\n")
                answers.flush()

            for name in said:
                _control("-i", "on", child.pid)
                go_on()
                said.readline()
                _control("-i", "off", child.pid)
                before = set(out.parent.iterdir())
                _control("-d", name.strip(), child.pid)
                dumps = set(out.parent.iterdir()) - before
                found.setdefault(name.strip(), []).append(sum(map(_total, filter(_is_of_loop, dumps))))
                go_on()
    few, many = COUNTED
    return {name: (min(each[1::2]) - min(each[::2])) / (many - few) for name, each in found.items()}


def _is_of_loop(dump: Path) -> bool:
    """The first thread is the event loop's. The others are the store's, which has work of its own all the time."""
    return dump.name.endswith("-01")


def _total(dump: Path) -> int:
    total = re.search(r"^totals: ([0-9]+)", dump.read_text(), re.MULTILINE)
    return int(total[1]) if total is not None else 0


def _control(option: str, value: str, process_id: int) -> None:
    command = ["callgrind_control", option, value, str(process_id)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def table(costs: Mapping[str, Cost]) -> str:
    """In Markdown. Pure."""
    lines = [
        "| request | CPU of the plane, µs | the least of all rounds | instructions |",
        "|---|---:|---:|---:|",
    ]
    for name, cost in costs.items():
        micro = sorted(1e6 * each for each in cost.seconds)
        count = "not counted" if cost.instructions is None else f"{cost.instructions:,.0f}"
        lines.append(f"| {name} | {median(micro):.2f} | {micro[0]:.2f} | {count} |")
    return "\n".join(lines) + "\n"


def dearest(stats: pstats.Stats, requests: int, most: int = 10) -> str:
    """The functions that take most themselves, as cProfile sees them: it makes calls dearer, and what is compiled shows
    no functions. Pure."""
    lines = ["| function | calls a request | share |", "|---|---:|---:|"]
    found: dict[tuple[str, int, str], tuple[int, int, float, float, Any]] = stats.stats  # type: ignore[attr-defined]
    whole = sum(own for _, _, own, _, _ in found.values())
    for (file, _, name), (_, calls, own, _, _) in sorted(found.items(), key=lambda each: -each[1][2])[:most]:
        place = "" if file.startswith("~") else f"`{'/'.join(Path(file).parts[-2:])}` "
        lines.append(f"| {place}`{name.strip('<>')}` | {calls / requests:.1f} | {own / whole:.0%} |")
    return "\n".join(lines) + "\n"


def main(write: Callable[[str], object] = sys.stdout.write) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="how often each is measured, in turn (default: 7)")
    parser.add_argument("--requests", type=int, default=2000, help="requests of a round (default: 2000)")
    parser.add_argument("--instructions", action="store_true", help="count them too, with valgrind")
    parser.add_argument("--more", default="", help="further lines for the configuration, such as another table")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--counted", metavar="MORE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.counted is not None:
        uvloop.run(be_counted(options.counted))
        return 0
    if options.instructions and shutil.which("callgrind_control") is None:
        print("benchmarks: --instructions needs valgrind", file=sys.stderr)
        return 1
    costs, stats = uvloop.run(timed(options.rounds, options.requests, options.more))
    if options.instructions:
        for name, instructions in counted(options.more).items():
            costs[name].instructions = instructions
    write(table(costs) + "\n" + dearest(stats, options.requests))
    if options.json is not None:
        values = {name: {"seconds": each.seconds, "instructions": each.instructions} for name, each in costs.items()}
        options.json.write_text(json.dumps(values, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
