"""The forwarding plane without a kernel: the real one, with real sessions, between transports that do nothing."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.configurations import DIRECTORIES
from benchmarks.gatepost import GROUP, store_sessions, store_token
from config.load import load_settings
from proxy.forwarding.listeners import Arrival, Slot
from proxy.operations.log import configure_log
from proxy.server import Gatepost, running
from proxy.sessions.way import TOKEN_HOST
from proxy.store.open import open_store
from proxy.upstreams.connection import UpstreamConnection

WARM_UP = 200
AT_ONCE = 200
"""Requests between two turns of the event loop, which has to look after the sessions, too."""
LOOK_UP_SECONDS = 30.0
"""How long one may take, under valgrind too."""
_CONFIGURATION = """\
[server]
listen = ["127.0.0.1:0"]
public_url = "http://signin.localhost:8080"
keep_alive_timeout = "1h"
max_connections_per_address = 1000000
[store]
url = "sqlite:state.db"
{directories}
[smtp]
host = "127.0.0.1"
port = 25
security = "none"
from = "otp@corp.example"
{more}
"""
_APP = """\
[[apps]]
name = "{name}"
host = "{host}"
upstream = "http://127.0.0.1:{upstream_port}"
keep_alive_timeout = "1h"
groups = ["{group}"]
clients = ["browser", "bearer"]
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
BODY = b"x" * 95
PLAIN = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/plain\r\nContent-Length: 95\r\n\r\n" + BODY


class Wire(asyncio.Transport):
    """Takes everything at once, and keeps the last."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__()
        self._protocol: asyncio.Protocol | None = protocol
        self.last = b""
        self.has_written = False
        self.waiting: asyncio.Future[None] | None = None
        """For the next write."""
        protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.last = bytes(data)
        self.has_written = True
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)

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

    def ask(self, request: bytes, answer: bytes) -> bool:
        """Whether it is answered by now: else the store is asked first, or something renewed; `wait` for it."""
        to_app = self._to_app
        to_app.has_written = False
        self.client.data_received(request)
        if to_app.has_written:
            self._app.data_received(answer)
        return to_app.has_written

    async def wait(self, answer: bytes) -> None:
        to_app = self._to_app
        to_app.waiting = asyncio.get_running_loop().create_future()
        try:
            if not to_app.has_written:
                async with asyncio.timeout(LOOK_UP_SECONDS):
                    await to_app.waiting
        except TimeoutError:
            raise RuntimeError(f"the app was not asked: {self.to_client.last[:400]!r}") from None
        finally:
            to_app.waiting = None
        self._app.data_received(answer)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A kind of request."""

    name: str
    requests: Iterator[bytes]
    answer: bytes = PLAIN
    app: str = "Files"
    is_first: bool = False
    """Whether each is of a session that this worker has not seen: those take the store's thread, too."""


def request(host: str, more: str, target: str = "/small") -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{_BROWSER}{more}\r\n".encode()


def app_table(name: str, host: str, rules: int = 0, *, upstream_port: int = 9) -> str:
    """Of the configuration: an app with so many path rules."""
    table = _APP.format(name=name, host=host, group=GROUP, upstream_port=upstream_port)
    return table + "".join(f'[[apps.rules]]\npath = "/part{each}/"\ngroups = ["{GROUP}"]\n' for each in range(rules))


def write_configuration(folder: Path, tables: str) -> Path:
    """`tables` go to its end."""
    config = folder / "gatepost.toml"
    config.write_text(_CONFIGURATION.format(directories=DIRECTORIES, more=tables))
    (folder / "users.toml").write_text(_USERS)
    return config


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A running Gatepost, and who has a session there."""

    gatepost: Gatepost
    tokens: Mapping[str, str]
    """Of one person, by host; under `TOKEN_HOST` a client's without a browser."""
    others: Iterator[str]
    """Of sessions on the first host that it has not seen."""


@contextlib.asynccontextmanager
async def opened(
    folder: Path, tables: str, hosts: list[str], firsts: int, *, groups: Iterable[str] = (GROUP,)
) -> AsyncIterator[Opened]:
    """With `tables` in its configuration; `firsts`: how many sessions it has not seen; `groups`: of each
    person."""
    settings = load_settings(write_configuration(folder, tables), {})
    store = open_store(settings.store)
    (tokens,) = await store_sessions(store, hosts, 1, groups=groups)
    tokens[TOKEN_HOST] = await store_token(store)
    others = [each[hosts[0]] for each in await store_sessions(store, hosts[:1], firsts, groups=groups)]
    await store.close()
    with (folder / "log").open("w") as log:
        async with running(settings, log=configure_log(log)) as gatepost:
            yield Opened(gatepost=gatepost, tokens=tokens, others=iter(others))


async def run(ends: Ends, case: Case, count: int) -> None:
    """So many requests. Raises `RuntimeError` if one is answered otherwise than with what the app said."""
    ask, answer = ends.ask, case.answer
    for start in range(0, count, AT_ONCE):
        for each in itertools.islice(case.requests, min(AT_ONCE, count - start)):
            if not ask(each, answer):
                await ends.wait(answer)
        if not ends.to_client.last.endswith((BODY, b"0\r\n\r\n")):
            raise RuntimeError(f"{case.name}: {ends.to_client.last[:200]!r}")
        await asyncio.sleep(0)


async def warm(gatepost: Gatepost, case: Case, apps: Mapping[str, App]) -> Ends:
    ends = Ends(gatepost, apps[case.app])
    await run(ends, case, WARM_UP)
    return ends
