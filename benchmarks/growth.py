"""How cost grows with what there is: apps, path rules, groups of a person, stored sessions, connections.

    python -m benchmarks.growth [--rounds 5] [--plot FILE] [--small]

Whole processes of Gatepost run at the same time, one with little of everything, and each other with more of one thing.
They are asked in turn, round after round; figures are medians. The forwarding plane alone is measured as well, as
`benchmarks.plane_alone` does, where the kernel plays no part. Prints tables in Markdown, and draws them with `--plot`.
Takes about four minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks.gatepost import GROUP
from benchmarks.load import ping_pong, read_answer, request_bytes
from benchmarks.many_sessions import multiply
from benchmarks.processes import Cores, Process, most_connections, raise_file_limit, started
from benchmarks.quiet_plane import (
    App,
    Case,
    Ends,
    app_table,
    opened,
    request,
    run,
    warm,
    write_configuration,
)
from benchmarks.sizes import (
    APPS,
    CONNECTIONS,
    GROUPS,
    MANY_SESSIONS,
    MOST_CONNECTIONS,
    RULES,
    SESSIONS,
    SOME,
    Cost,
    Costs,
    Size,
    markdown,
    picture,
)
from proxy.secrets.tokens import new_token

PLANE_REQUESTS = 2000
"""Known ones in a round."""
REQUESTS, FIRSTS = 10_000, 500
"""Known ones in a round, and first look-ups."""
ASKING = 16
"""Connections that ask."""
REST_SECONDS = 65.0
"""Longer than the longest interval at which something is done (`proxy.sessions.upkeep.CLEAN_UP_SECONDS`)."""
SETTLED_CPU_SECONDS, MOST_SETTLING_SECONDS = 0.05, 180
"""What a settled process uses of a second at the most, and how long that is waited for."""
# The plane alone.


async def of_planes(costs: Costs, rounds: int, requests: int) -> None:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-growth-")))
        stood = [
            (cost, *await _warm_plane(stack, folder / f"{size.what} {size.count}", size))
            for size, cost in costs.items()
            if size.what not in (SESSIONS, CONNECTIONS)
        ]
        for _ in range(rounds):
            for cost, case, ends in stood:
                began_at = time.thread_time()
                await run(ends, case, requests)
                cost.alone.append((time.thread_time() - began_at) / requests)


async def _warm_plane(stack: AsyncExitStack, folder: Path, size: Size) -> tuple[Case, Ends]:
    """Asked is the last app."""
    folder.mkdir()  # noqa: ASYNC240  # nobody else waits
    host, name = _host(size.of(APPS) - 1), f"App {size.of(APPS) - 1}"
    found = await stack.enter_async_context(opened(folder, _tables(size), [host], 1, groups=_groups(size)))
    cookie = f"Cookie: theme=dark; gatepost={found.tokens[host]}\r\n"
    case = Case(name=name, requests=itertools.repeat(request(host, cookie, _target(size))), app=name)
    return case, await warm(found.gatepost, case, {name: App(found.gatepost, name)})


def _tables(size: Size, upstream_port: int = 9) -> str:
    """Of the configuration."""
    tables = (
        app_table(f"App {each}", _host(each), size.of(RULES), upstream_port=upstream_port)
        for each in range(size.of(APPS))
    )
    return "".join(tables)


def _groups(size: Size) -> list[str]:
    return [GROUP, *(f"Group {each}" for each in range(1, size.of(GROUPS)))]


def _target(size: Size) -> str:
    """Under the last rule."""
    return f"/part{size.of(RULES) - 1}/page" if size.of(RULES) else "/small"


def _host(number: int) -> str:
    return f"app{number}.localhost"


# Whole processes.


def of_processes(costs: Costs, rounds: int, requests: int, rest_seconds: float) -> None:
    """What is stored is stored, and who is to be asked stands, before the first of them is asked."""
    cores, before = Cores.of_this_machine(), os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores.load)
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, before)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-growth-")))
        command = [sys.executable, "-m", "benchmarks.upstream"]
        upstream = stack.enter_context(started(command, cores=cores.load, log=folder / "upstream.log", says=True))
        standing = []
        for size, cost in costs.items():
            place = folder / f"{size.what} {size.count}"
            each = _Standing.begin(stack, place, cores, size, int(upstream.first_line), rounds * FIRSTS)
            cost.starting = each.settle()
            stack.enter_context(_held(each.port, each.asking(each.known), size.of(CONNECTIONS)))
            standing.append((each, cost))
            _say(
                f"{size.what or 'little of everything'} {size.count:,}: settled after {cost.starting:.1f} s of CPU time"
            )
        _say(f"at rest for {rest_seconds:.0f} s")
        used = [each.process.cpu_seconds() for each, _ in standing]
        time.sleep(rest_seconds)
        for (each, cost), began in zip(standing, used, strict=True):
            cost.resting = (each.process.cpu_seconds() - began) / rest_seconds
        for number in range(rounds + 1):
            _say(f"round {number} of {rounds}")
            for each, cost in standing:
                known = each.cost_of(itertools.repeat(each.known, requests), requests)
                if number:  # the first round only warms up
                    cost.known.append(known)
                    cost.first.append(each.cost_of(itertools.islice(each.others, FIRSTS), FIRSTS))
        for each, cost in standing:
            cost.memory = each.process.memory().now


@dataclass(frozen=True, slots=True, kw_only=True)
class _Standing:
    """A Gatepost in a process of its own."""

    process: Process
    port: int
    host: str
    target: str
    known: str
    """The cookie of a session that it knows."""
    others: Iterator[str]
    """Those of sessions that it has not seen."""

    @classmethod
    def begin(
        cls, stack: ExitStack, folder: Path, cores: Cores, size: Size, upstream_port: int, firsts: int
    ) -> _Standing:
        folder.mkdir()
        host, log = _host(size.of(APPS) - 1), folder / "log"
        config = write_configuration(folder, _tables(size, upstream_port))
        command = [sys.executable, "-m", "benchmarks.gatepost", "--config", str(config), "--host", host]
        command += [part for group in _groups(size) for part in ("--group", group)]
        with started([*command, "--only-store"], cores=cores.load, log=log, says=True):
            pass
        others = [new_token() for _ in range(firsts)]
        multiply(folder / "state.db", max(size.of(SESSIONS), firsts), others, host)
        process = stack.enter_context(started(command, cores=cores.proxy, log=log, says=True))
        said = json.loads(process.first_line)
        return cls(
            process=process,
            port=said["ports"][0],
            host=host,
            target=_target(size),
            known=said["tokens"][host],
            others=iter(others),
        )

    def settle(self) -> float:
        """Wait until it has nothing left to do; the CPU time that it took by then."""
        used = self.process.cpu_seconds()
        for _ in range(MOST_SETTLING_SECONDS):
            time.sleep(1.0)
            before, used = used, self.process.cpu_seconds()
            if used - before <= SETTLED_CPU_SECONDS:
                break
        return used

    def cost_of(self, cookies: Iterator[str], count: int) -> float:
        """Of one request, with each of these cookies in turn."""
        before, asked = self.process.cpu_seconds(), map(self.asking, cookies)
        ping_pong(self.port, self.asking(self.known), b"200", lambda: asked, answer_bytes=None, connections=ASKING)
        return (self.process.cpu_seconds() - before) / count

    def asking(self, cookie: str) -> bytes:
        return request_bytes("GET", self.target, self.host, f"gatepost={cookie}")


@contextlib.contextmanager
def _held(port: int, opening: bytes, count: int) -> Iterator[None]:
    """Connections that have asked once, and then stay."""
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            connection.sendall(opening)
            read_answer(connection)
        yield


def measured(rounds: int, *, is_small: bool = False) -> Costs:
    """`is_small`: without many sessions and connections, and without rest."""
    connections = Size(min(MOST_CONNECTIONS, most_connections(raise_file_limit())), CONNECTIONS)
    costs = {size: Cost() for size in (SOME if is_small else (*SOME, MANY_SESSIONS, connections))}
    uvloop.run(of_planes(costs, rounds, PLANE_REQUESTS))
    of_processes(costs, rounds, REQUESTS, 1.0 if is_small else REST_SECONDS)
    return costs


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured, in turn (default: 5)")
    parser.add_argument("--plot", type=Path, help="draw it into this file (SVG)")
    parser.add_argument("--small", action="store_true", help="with little of everything: does it run at all?")
    options = parser.parse_args()
    costs = measured(options.rounds, is_small=options.small)
    print(markdown(costs))
    if options.plot is not None:
        options.plot.write_text(picture(costs))
    return 0


if __name__ == "__main__":
    sys.exit(main())
