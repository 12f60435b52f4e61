"""What every proxy has to do: one function per scenario, measured in turn, round after round.

Each run yields a `Sample`: units a second (requests, messages, or megabytes of 10^6 bytes), the proxy's CPU time
per request in seconds, and latencies in seconds where the load tells them.
"""

from __future__ import annotations

import itertools
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.configurations import ECHO, FILES, SMALL_BYTES
from benchmarks.load import (
    Load,
    WrongAnswer,
    hold_open,
    open_loop,
    ping_pong,
    read_answer,
    request_bytes,
    transfer,
    wrk,
)
from benchmarks.processes import Process, most_connections
from benchmarks.stage import BARE, GATEPOST, HAPROXY, NGINX, NGINX_AUTH, NGINX_AUTH_THERE, Proxy, Stage
from benchmarks.upstream import ECHOED_FRAME, MASKED_FRAME

MEGABYTE = 1_000_000
SEED = 20_240_601
_UPGRADE = (
    *("Connection: Upgrade", "Upgrade: websocket"),
    *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
)
_ALL = (GATEPOST, NGINX, NGINX_AUTH, NGINX_AUTH_THERE, HAPROXY)
_NO_AUTH = (GATEPOST, NGINX, HAPROXY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How long and how large."""

    seconds: int = 3
    large_bytes: int = 1024**3
    tunnels: int = 10_000
    sessions: int = 100_000
    sign_ins: int = 100
    requests: int = 60_000
    passcode_seconds: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    rate: float
    cpu_seconds: float | None = None
    p50: float | None = None
    p99: float | None = None
    memory_growth: float | None = None
    """Bytes: of the peak during the run over what was resident before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    name: str
    title: str
    unit: str
    """Of the rate."""
    proxies: tuple[str, ...]
    measure: Callable[[Stage, Proxy, Scale], Sample]
    needs: tuple[str, ...] = ()
    """Programs without which it is skipped."""


class _Used:
    """CPU time that a process uses within a block."""

    seconds = 0.0


@contextmanager
def _cpu_of(process: Process) -> Iterator[_Used]:
    used = _Used()
    before = process.cpu_seconds()
    yield used
    used.seconds = process.cpu_seconds() - before


def _closed_loop(
    target: str, *, host: str = FILES, tls: bool = False, connections: int = 32, megabytes: float = 1.0
) -> Callable[[Stage, Proxy, Scale], Sample]:
    """`megabytes` is what each request moves, where the rate is told in these."""

    def measure(stage: Stage, proxy: Proxy, scale: Scale) -> Sample:
        cookie = (stage.tls_cookies if tls else stage.cookies)[host]
        origin = f"https://127.0.0.1:{proxy.tls_port}" if tls else f"http://127.0.0.1:{proxy.port}"
        script = _upload_script(stage.folder) if target == "/upload" else None
        with _cpu_of(proxy.process_for(tls=tls)) as used:
            load = wrk(
                origin + target,
                host=host,
                cookie=cookie,
                connections=connections,
                seconds=scale.seconds,
                script=script,
            )
        return _sample(load, used, per=megabytes)

    return measure


def _sample(load: Load, used: _Used, *, per: float = 1.0) -> Sample:
    return Sample(rate=load.rate * per, cpu_seconds=used.seconds / load.count, p50=load.p50, p99=load.p99)


def _upload_script(folder: Path) -> Path:
    path = folder / "upload.lua"
    if not path.exists():
        path.write_text('wrk.method = "POST"\nwrk.body = string.rep("x", 10 * 1024 * 1024)\n')
    return path


def _large(stage: Stage, proxy: Proxy, scale: Scale, *, is_upload: bool) -> Sample:
    if is_upload:
        field = f"Content-Length: {scale.large_bytes}"
        head = request_bytes("POST", "/upload", ECHO, stage.cookies[ECHO], field)
    else:
        head = request_bytes("GET", "/large", FILES, stage.cookies[FILES])
    before = proxy.process.memory().now
    proxy.process.forget_peak()
    with _cpu_of(proxy.process) as used:
        elapsed, length = transfer(proxy.port, head, body_bytes=scale.large_bytes if is_upload else 0)
    if not is_upload and length != scale.large_bytes:
        raise WrongAnswer(f"{length} bytes")
    growth = max(0, proxy.process.memory().peak - before)
    return Sample(rate=scale.large_bytes / MEGABYTE / elapsed, cpu_seconds=used.seconds, memory_growth=growth)


def _download(stage: Stage, proxy: Proxy, scale: Scale) -> Sample:
    return _large(stage, proxy, scale, is_upload=False)


def _upload(stage: Stage, proxy: Proxy, scale: Scale) -> Sample:
    return _large(stage, proxy, scale, is_upload=True)


def _added_latency(stage: Stage, proxy: Proxy, scale: Scale) -> Sample:
    """At half of the rate that this proxy reaches in a closed loop; the latency of the same load without a proxy is
    subtracted."""
    url = f"http://127.0.0.1:{proxy.port}/small"
    most = wrk(url, host=FILES, cookie=stage.cookies[FILES], connections=32, seconds=max(1, scale.seconds // 2)).rate
    request = request_bytes("GET", "/small", FILES, stage.cookies[FILES])
    direct = open_loop(stage.files_port, request, rate=most / 2, seconds=scale.seconds, seed=SEED)
    with _cpu_of(proxy.process) as used:
        load = open_loop(proxy.port, request, rate=most / 2, seconds=scale.seconds, seed=SEED)
    if load.p50 is None or load.p99 is None or direct.p50 is None or direct.p99 is None:
        raise WrongAnswer("no latencies")
    return Sample(
        rate=load.rate,
        cpu_seconds=used.seconds / load.count,
        p50=load.p50 - direct.p50,
        p99=load.p99 - direct.p99,
    )


def _upgrade(cookie: str) -> bytes:
    return request_bytes("GET", "/socket", ECHO, cookie, *_UPGRADE)


def _echo(stage: Stage, proxy: Proxy, scale: Scale) -> Sample:
    with _cpu_of(proxy.process) as used:
        load = ping_pong(
            proxy.port,
            _upgrade(stage.cookies[ECHO]),
            b"101",
            lambda: itertools.repeat(MASKED_FRAME),
            answer_bytes=len(ECHOED_FRAME),
            connections=32,
            seconds=scale.seconds,
        )
    return _sample(load, used)


def idle_tunnels(stage: Stage, name: str, count: int) -> float:
    """Bytes of the proxy's memory per idle WebSocket. Gatepost is newly started: one that has worked has free memory to
    fill."""
    if name != GATEPOST:
        proxy = stage.proxies[name]
        return _tunnel_bytes(proxy.process, proxy.port, _upgrade(stage.cookies[ECHO]), count)
    with stage.gatepost("tunnels") as (process, port, cookies):
        return _tunnel_bytes(process, port, _upgrade(cookies[ECHO]), count)


def _tunnel_bytes(process: Process, port: int, opening: bytes, count: int) -> float:
    during: list[int] = []
    hold_open(port, opening, b"101", 1, lambda: None)
    before = process.memory().now
    hold_open(port, opening, b"101", count, lambda: during.append(process.memory().now))
    return (during[0] - before) / count


def most_tunnels(stage: Stage, wanted: int) -> int:
    return min(wanted, most_connections(stage.open_files))


SCENARIOS = (
    Scenario(
        name="small",
        title=f"small answers ({SMALL_BYTES} bytes, 32 connections)",
        unit="requests/s",
        proxies=(*_ALL, BARE),
        measure=_closed_loop("/small"),
        needs=("nginx", "wrk"),
    ),
    Scenario(
        name="tls",
        title="the same over TLS",
        unit="requests/s",
        proxies=_NO_AUTH,
        measure=_closed_loop("/small", tls=True),
        needs=("nginx", "wrk"),
    ),
    Scenario(
        name="64k",
        title="answers of 64 KiB (32 connections)",
        unit="requests/s",
        proxies=_ALL,
        measure=_closed_loop("/64k"),
        needs=("nginx", "wrk"),
    ),
    Scenario(
        name="download",
        title="downloads of 10 MB (4 connections)",
        unit="MB/s",
        proxies=_NO_AUTH,
        measure=_closed_loop("/10m", connections=4, megabytes=10 * 1024**2 / MEGABYTE),
        needs=("nginx", "wrk"),
    ),
    Scenario(
        name="upload",
        title="uploads of 10 MB (4 connections)",
        unit="MB/s",
        proxies=_NO_AUTH,
        measure=_closed_loop("/upload", host=ECHO, connections=4, megabytes=10 * 1024**2 / MEGABYTE),
        needs=("wrk",),
    ),
    Scenario(
        name="download-1g",
        title="one download of 1 GB",
        unit="MB/s",
        proxies=_NO_AUTH,
        measure=_download,
        needs=("nginx",),
    ),
    Scenario(name="upload-1g", title="one upload of 1 GB", unit="MB/s", proxies=_NO_AUTH, measure=_upload),
    Scenario(
        name="latency",
        title="added latency at half load (open loop)",
        unit="requests/s",
        proxies=_NO_AUTH,
        measure=_added_latency,
        needs=("nginx", "wrk"),
    ),
    Scenario(
        name="websocket",
        title="WebSocket echo (64 bytes, 32 connections)",
        unit="messages/s",
        proxies=_NO_AUTH,
        measure=_echo,
    ),
)


def check(stage: Stage, proxy: Proxy) -> None:
    """One request of each kind; raises `WrongAnswer` unless this proxy answers as the upstreams do."""
    if stage.files_port:
        for target, size in (("/small", SMALL_BYTES), ("/64k", 64 * 1024)):
            _expect(proxy.port, request_bytes("GET", target, FILES, stage.cookies[FILES]), size)
    if proxy.name == BARE:  # it reads no host, and so knows one upstream alone
        return
    upload = request_bytes("POST", "/upload", ECHO, stage.cookies[ECHO], "Content-Length: 100000")
    if transfer(proxy.port, upload, body_bytes=100_000)[1] != len("taken"):
        raise WrongAnswer("upload")
    frames = itertools.islice(itertools.repeat(MASKED_FRAME), 10)
    echoed = ping_pong(
        proxy.port, _upgrade(stage.cookies[ECHO]), b"101", lambda: frames, answer_bytes=len(ECHOED_FRAME), connections=1
    )
    if echoed.count != 10:
        raise WrongAnswer("echo")


def _expect(port: int, request: bytes, size: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(request)
        status, _, length = read_answer(connection)
    if (status, length) != (200, size):
        raise WrongAnswer(f"status {status}, {length} bytes")
