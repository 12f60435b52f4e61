"""Forwarding of small authenticated requests: Gatepost's plane beside nginx as a plain proxy and with auth_request.

    python -m benchmarks.forwarding [--seconds 5] [--rounds 3]

The proxy under test runs on core 0; wrk and the upstream (nginx, 95 bytes) share core 1. Rounds alternate, so that
other work on the machine affects all of them alike. Prints requests a second (medians) and ratios to plain nginx.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.factors import Factor
from proxy.factors.proof import Proof

if TYPE_CHECKING:
    from config.settings import AppSettings

TOKEN = "A" * 43
HOST = "wiki.corp.example"
PORTS = {"upstream": 18180, "nginx": 18181, "nginx+auth_request": 18182, "gatepost": 18183}

NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  {servers}
}}
"""
UPSTREAM = f"""server {{ listen 127.0.0.1:{PORTS["upstream"]} backlog=1024;
  location / {{ default_type text/plain; return 200 "{"x" * 95}"; }} }}"""
PROXIES = f"""upstream app {{ server 127.0.0.1:{PORTS["upstream"]}; keepalive 64; keepalive_requests 100000000; }}
  server {{ listen 127.0.0.1:{PORTS["nginx"]} backlog=1024;
    location / {{ proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; }} }}
  server {{ listen 127.0.0.1:{PORTS["nginx+auth_request"]} backlog=1024;
    location / {{ auth_request /ok; proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; }}
    location = /ok {{ internal; return 204; }} }}"""


@contextlib.contextmanager
def running(*command: str, core: int) -> Iterator[None]:
    process = subprocess.Popen(["taskset", "-c", str(core), *command])
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


@contextlib.contextmanager
def nginx(servers: str, *, core: int) -> Iterator[None]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "nginx.conf")
        path.write_text(NGINX.format(folder=folder, servers=servers))
        binary = shutil.which("nginx") or "/usr/sbin/nginx"
        with running(binary, "-c", str(path), "-e", str(Path(folder, "start.log")), core=core):
            yield


async def serve_gatepost(apps: tuple[AppSettings, ...] = (), *, port: int = PORTS["gatepost"]) -> None:
    """The plane with one session in memory: what is measured is forwarding, not the store."""
    from dataclasses import dataclass, field

    import structlog

    from config.settings import AppSettings, PagesSettings, SchemeSettings, ServerSettings
    from directory.principal import Principal
    from proxy.forwarding.plane import create_forwarding_plane
    from proxy.operations.listening import bind
    from proxy.operations.metrics import Metrics
    from proxy.sessions.live_sessions import CookieKey, cookie_key
    from proxy.sessions.session import Session

    now = time.time()
    alice = Session(
        session_id="s",
        principal=Principal(
            guid="g", realm="corp", username="alice", display_name="Alice Doe", mail="alice@corp.example",
            groups=frozenset({"Wiki Users"}),
        ),
        scheme="browser", factors=((Factor.PASSWORD,), (Factor.SMS,)),
        proven=(Proof(Factor.PASSWORD, now), Proof(Factor.SMS, now)),
        created_at=now, last_used_at=now, client_address="127.0.0.1",
    )  # fmt: skip

    class Sessions:
        used_at = 0.0

        def known_by(self, cookie: CookieKey, now: float) -> Session | None:
            self.used_at = now
            return alice if cookie in known else None

    class Assertions:
        def sign(self, session: Session, app: AppSettings, now: float) -> bytes:
            return b"e" * 400

    @dataclass
    class Pieces:
        server: ServerSettings
        apps: tuple[AppSettings, ...]
        schemes: tuple[SchemeSettings, ...] = ()
        pages: PagesSettings = field(default_factory=PagesSettings)

    upstream = f"http://127.0.0.1:{PORTS['upstream']}"
    apps = apps or (AppSettings(name="Wiki", host=HOST, upstream=upstream, groups=("Wiki Users",)),)
    known = {cookie_key(TOKEN.encode(), app.host) for app in apps}
    sessions: Any = Sessions()
    assertions: Any = Assertions()
    no_forms: Any = None
    plane = create_forwarding_plane(
        settings=Pieces(
            ServerSettings(public_url="http://signin.corp.example"),
            apps,
        ),
        sessions=sessions,
        credential_uses=no_forms,
        assertions=assertions,
        portal_socket=Path("/nonexistent"),
        metrics=Metrics(),
        log=structlog.get_logger(),
        clock=time.time,
        kept_requests=no_forms,
    )  # fmt: skip
    plane.start(bind("127.0.0.1", port))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    if os.environ.get("PROFILE"):
        import cProfile

        profile = cProfile.Profile()
        profile.enable()
    await stop.wait()
    if os.environ.get("PROFILE"):
        import pstats

        profile.disable()
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)
    await plane.close(0)


def cpu_seconds_on(core: int) -> float:
    """CPU time so far of the processes that this program has pinned to `core`, user and system time."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if str(os.getpid()) in _ancestors(int(stat.parent.name)) and os.sched_getaffinity(
                int(stat.parent.name)
            ) == {core}:
                ticks += sum(map(int, stat.read_text().rpartition(")")[2].split()[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _ancestors(process_id: int) -> list[str]:
    found = []
    while process_id > 1:
        process_id = int(Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[1])
        found.append(str(process_id))
    return found


def until_it_listens(port: int) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    sys.exit(f"nothing listens on port {port}")


def measure(name: str, seconds: int) -> tuple[float, str, float]:
    """Requests a second, the 99th percentile of the time to an answer, and the proxy's CPU time per request in µs."""
    before = cpu_seconds_on(0)
    output = subprocess.run(
        ["taskset", "-c", "1", "wrk", "-t1", "-c32", f"-d{seconds}s", "--latency", "-H", f"Host: {HOST}",
         "-H", f"Cookie: theme=dark; gatepost={TOKEN}", f"http://127.0.0.1:{PORTS[name]}/page"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    rate, p99 = re.search(r"Requests/sec:\s+([0-9.]+)", output), re.search(r"99%\s+(\S+)", output)
    if rate is None or p99 is None or "Non-2xx" in output or "Socket errors" in output:
        sys.exit(f"{name}: {output}")
    return float(rate[1]), p99[1], (cpu_seconds_on(0) - before) / float(rate[1]) / seconds * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=[name for name in PORTS if name != "upstream"])
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        import uvloop

        uvloop.run(serve_gatepost())
        return
    names = [options.only] if options.only else [name for name in PORTS if name != "upstream"]
    rates: dict[str, list[float]] = {name: [] for name in names}
    cpus: dict[str, list[float]] = {name: [] for name in names}
    with (
        nginx(UPSTREAM, core=1),
        nginx(PROXIES, core=0),
        running(sys.executable, "-m", "benchmarks.forwarding", "--serve", core=0),
    ):
        until_it_listens(PORTS["gatepost"])
        for _ in range(options.rounds):
            for name in names:
                rate, p99, cpu = measure(name, options.seconds)
                rates[name].append(rate)
                cpus[name].append(cpu)
                print(f"{name:20} {rate:9.0f}/s  p99 {p99:>8}  {cpu:5.1f} us CPU each", flush=True)
    for name, values in rates.items():
        ratio = statistics.median(values) / statistics.median(rates.get("nginx", values))
        cpu = statistics.median(cpus[name])
        by_cpu = statistics.median(cpus.get("nginx", cpus[name])) / cpu
        print(
            f"median {name:20} {statistics.median(values):9.0f}/s, {ratio:.2f} of nginx;"
            f" {cpu:5.1f} us CPU each, {by_cpu:.2f} of nginx by CPU"
        )


if __name__ == "__main__":
    main()
