"""Forwarding by `gatepost run` with one worker and with several: how the work spreads, and what it costs.

    python -m benchmarks.workers [--workers 1 --workers 2] [--store sqlite --store redis] [--seconds 5] [--rounds 3]

Every process may use every core: wrk (32 connections) and the upstream (nginx, 95 bytes) share them with the workers,
so on a machine with few cores the CPU time per request says more than the rate. It is that of all of Gatepost's
processes, the supervisor's included. Prints medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import configurations
from benchmarks.configurations import FILES
from benchmarks.load import wrk
from benchmarks.processes import Process, free_port, program, started
from proxy.http.reserved import session_cookie

CONNECTIONS = 32
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    store: str
    workers: int
    port: int
    cookie: str
    process: Process


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    rate: float
    """Requests a second."""
    p99: float
    """Seconds."""
    cpu_seconds: float
    """For one request."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, action="append", help="how many; may be given several times")
    parser.add_argument("--store", choices=("sqlite", "redis"), action="append", help="may be given several times")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gatepost-workers-")))
        files_port = stack.enter_context(_upstream(folder))
        candidates = [
            stack.enter_context(_gatepost(folder / f"{store}-{workers}", store, workers, files_port))
            for store in options.store or ("sqlite",)
            for workers in options.workers or (1, 2)
        ]
        samples: dict[tuple[str, int], list[Sample]] = {}
        for number in range(options.rounds + 1):
            for each in candidates:
                sample = _measure(each, options.seconds if number else 1)
                if number:  # the first one only warms up
                    samples.setdefault((each.store, each.workers), []).append(sample)
        print("| store | workers | requests a second | p99 | CPU per request | memory of all processes |")
        print("|---|---|---|---|---|---|")
        for each in candidates:
            found = samples[each.store, each.workers]
            rate, p99, cpu = (
                statistics.median(getattr(sample, name) for sample in found) for name in ("rate", "p99", "cpu_seconds")
            )
            memory = each.process.memory().now / MIB
            print(
                f"| {each.store} | {each.workers} | {rate:,.0f} | {p99 * 1e3:.2f} ms | {cpu * 1e6:.0f} µs"
                f" | {memory:.0f} MiB |"
            )
    return 0


def _measure(candidate: Candidate, seconds: int) -> Sample:
    before = candidate.process.cpu_seconds()
    url = f"http://127.0.0.1:{candidate.port}/small"
    load = wrk(url, host=FILES, cookie=candidate.cookie, connections=CONNECTIONS, seconds=seconds)
    cpu = candidate.process.cpu_seconds() - before
    return Sample(rate=load.rate, p99=load.p99 or 0.0, cpu_seconds=cpu / load.count)


@contextmanager
def _upstream(folder: Path) -> Iterator[int]:
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    path = configurations.write_nginx_upstream(folder, port=port, user=user, files=4096)
    command = [program("nginx") or "nginx", "-c", str(path), "-e", str(folder / "nginx-start.log")]
    with started(command, cores=_all_cores(), log=folder / "upstream.log", ports=(port,)):
        yield port


@contextmanager
def _gatepost(folder: Path, store: str, workers: int, files_port: int) -> Iterator[Candidate]:
    """One session is stored before it starts."""
    port = free_port()
    config = configurations.write_gatepost(folder, port=port, files_port=files_port, echo_port=9, smtp_port=25)
    text = config.read_text().replace("[server]\n", f"[server]\nworkers = {workers}\n")
    with ExitStack() as stack:
        if store == "redis":
            socket = folder / "redis.sock"
            server = [
                *(program("redis-server") or "redis-server", "--port", "0", "--unixsocket", str(socket)),
                *("--dir", str(folder), "--save", "", "--appendonly", "no"),
            ]
            stack.enter_context(started(server, cores=_all_cores(), log=folder / "redis.log"))
            text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("url = "))
            text = text.replace("[store]\n", f'[store]\nurl = "unix://{socket}"\n')
        config.write_text(text)
        prepare = [sys.executable, "-m", "benchmarks.gatepost", "--config", str(config), "--host", FILES]
        with started([*prepare, "--only-store"], cores=_all_cores(), log=folder / "store.log", says=True) as prepared:
            token = json.loads(prepared.first_line)["tokens"][FILES]
        command = [sys.executable, "-m", "proxy", "run", "--config", str(config)]
        process = stack.enter_context(started(command, cores=_all_cores(), log=folder / "gatepost.log", ports=(port,)))
        while "server.started" not in process.log_text():  # it listens before its workers serve
            time.sleep(0.05)
        cookie = f"theme=dark; {session_cookie('http')}={token}"
        yield Candidate(store=store, workers=workers, port=port, cookie=cookie, process=process)


def _all_cores() -> frozenset[int]:
    return frozenset(os.sched_getaffinity(0))


if __name__ == "__main__":
    sys.exit(main())
