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
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import IO, Any, cast

import uvloop

from benchmarks.configurations import DIRECTORIES
from benchmarks.gatepost import GROUP, store_sessions, store_token
from config.load import load_settings
from proxy.forwarding.listeners import Arrival, Slot
from proxy.operations.log import configure_log
from proxy.server import Gatepost, running
from proxy.sessions.way import TOKEN_HOST
from proxy.store.open import open_store
from proxy.upstreams.connection import UpstreamConnection

HOST = "files.localhost"
RULED = "ruled.localhost"
APPS = ("Files", "Ruled")
WARM_UP = 200
AT_ONCE = 200
"""Requests between two turns of the event loop, which has to look after the sessions, too."""
LOOK_UP_SECONDS = 30.0
"""How long one may take, under valgrind too."""
COUNTED = (20, 120)
"""Requests under valgrind, each time within one turn of the loop: the difference of the two counts is what the
requests themselves are."""
COUNTINGS = 2
"""How often they are counted; the least is the one that was disturbed least."""
RULES = 20
_CONFIGURATION = """\
[server]
listen = ["127.0.0.1:0"]
public_url = "http://signin.localhost:8080"
keep_alive_timeout = "1h"
[store]
url = "sqlite:state.db"
{directories}
[smtp]
host = "127.0.0.1"
port = 25
security = "none"
from = "otp@corp.example"
{more}
[[apps]]
name = "Files"
host = "files.localhost"
upstream = "http://127.0.0.1:9"
keep_alive_timeout = "1h"
groups = ["{group}"]
clients = ["browser", "bearer"]
[[apps]]
name = "Ruled"
host = "ruled.localhost"
upstream = "http://127.0.0.1:9"
keep_alive_timeout = "1h"
groups = ["{group}"]
{rules}
"""
_USERS = """\
[[users]]
username = "alice"
password_hash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$ASk1XJqqSbW1k5ZbjXhRnhOzq6Hn2kcgNDN8Fhgf2Vk"
"""
_BROWSER = """\
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r
Accept-Language: en-GB,en;q=0.5\r
Accept-Encoding: gzip, deflate, br, zstd\r
"""
_BODY = b"x" * 95
_PLAIN = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/plain\r\nContent-Length: 95\r\n\r\n" + _BODY
_MANY = (
    b"HTTP/1.1 200 OK\r\n"
    + b"".join(b"X-Field-Number-%d: value of it %d\r\n" % (each, each) for each in range(19))
    + b"Content-Length: 95\r\n\r\n"
    + _BODY
)
_CHUNKED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n5f\r\n"
    + _BODY
    + b"\r\n0\r\n\r\n"
)


class Wire(asyncio.Transport):
    """Takes everything at once, and keeps the last."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._protocol: asyncio.Protocol | None = protocol
        self.last = b""
        self.written = asyncio.Event()
        protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.last = bytes(data)
        self.written.set()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        return

    def pause_reading(self) -> None:
        return

    resume_reading = pause_reading

    def abort(self) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            asyncio.get_running_loop().call_soon(protocol.connection_lost, None)

    close = abort


class App:
    """The one connection to it."""

    def __init__(self, gatepost: Gatepost, name: str) -> None:
        pool = gatepost.plane.context.pools[name]
        server = pool.servers[0]
        self.connection = UpstreamConnection(server, pool.on_closed)
        server.in_flight += 1
        self.wire = Wire(self.connection)
        pool.give_back(self.connection, asyncio.get_running_loop().time())


class Ends:
    """A client's connection, and the app that it asks."""

    def __init__(self, gatepost: Gatepost, app: App) -> None:
        arrival = Arrival(address="192.0.2.1", is_tls=False, is_https=False, trusted=(), redirects=False)
        self.client = gatepost.plane.admit(arrival, Slot(Counter(), "192.0.2.1"))
        self.to_client = Wire(self.client)
        self._app = app.connection
        self._to_app = app.wire

    def ask(self, request: bytes, answer: bytes) -> None:
        """Of a session that this worker knows: it is answered before this returns."""
        self.client.data_received(request)
        self._app.data_received(answer)

    async def ask_first(self, request: bytes, answer: bytes) -> None:
        self._to_app.written.clear()
        self.client.data_received(request)
        try:
            if not self._to_app.written.is_set():
                async with asyncio.timeout(LOOK_UP_SECONDS):
                    await self._to_app.written.wait()
        except TimeoutError:
            raise RuntimeError(f"the app was not asked: {self.to_client.last[:400]!r}") from None
        self._app.data_received(answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A kind of request."""

    name: str
    requests: Iterator[bytes]
    answer: bytes = _PLAIN
    app: str = "Files"
    is_first: bool = False
    """Whether each is of a session that this worker has not seen: those take the store's thread, too."""


@dataclass(slots=True, kw_only=True)
class Cost:
    """Of one request."""

    seconds: list[float] = field(default_factory=list)
    """CPU time, a figure for each round."""
    instructions: float | None = None


def request(host: str, more: str, target: str = "/small") -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{_BROWSER}{more}\r\n".encode()


def cases(tokens: Mapping[str, str], others: list[str]) -> tuple[Case, ...]:
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
    rules = "".join(f'[[apps.rules]]\npath = "/part{each}/"\ngroups = ["{GROUP}"]\n' for each in range(RULES))
    config = folder / "gatepost.toml"
    config.write_text(_CONFIGURATION.format(directories=DIRECTORIES, group=GROUP, rules=rules, more=more))
    (folder / "users.toml").write_text(_USERS)
    settings = load_settings(config, {})
    store = open_store(settings.store)
    (tokens,) = await store_sessions(store, [HOST, RULED], 1)
    tokens[TOKEN_HOST] = await store_token(store)
    others = [each[HOST] for each in await store_sessions(store, [HOST], firsts)]
    await store.close()
    with (folder / "log").open("w") as log:
        async with running(settings, log=configure_log(log)) as gatepost:
            yield gatepost, cases(tokens, others)


async def run(ends: Ends, case: Case, count: int, *, is_slow: bool = False) -> None:
    """So many requests. `is_slow`: the loop gets its turns so late that any of them may have to wait for the store.

    Raises `RuntimeError` if one is answered otherwise than with what the app said.
    """
    ask, answer = ends.ask, case.answer
    for start in range(0, count, AT_ONCE):
        some = itertools.islice(case.requests, min(AT_ONCE, count - start))
        # One that would wait for the store, if the loop has had no turn for long.
        await ends.ask_first(next(some), answer)
        for each in some:
            if case.is_first or is_slow:
                await ends.ask_first(each, answer)
            else:
                ask(each, answer)
        if not ends.to_client.last.endswith((_BODY, b"0\r\n\r\n")):
            raise RuntimeError(f"{case.name}: {ends.to_client.last[:200]!r}")
        await asyncio.sleep(0)


async def warm(gatepost: Gatepost, case: Case, apps: Mapping[str, App]) -> Ends:
    ends = Ends(gatepost, apps[case.app])
    await run(ends, case, WARM_UP)
    return ends


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
                await run(ends, case, WARM_UP, is_slow=True)
                for count in COUNTED * COUNTINGS:
                    print(case.name, flush=True)
                    await asyncio.to_thread(sys.stdin.readline)
                    await run(ends, case, count, is_slow=True)
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
    """The functions that take most themselves, as cProfile sees them, which makes calls dearer than they are. Pure."""
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
