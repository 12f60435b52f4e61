"""Gatepost under stress: workers, a store, local people, and an app that says whom it was told about."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from argon2 import PasswordHasher

from config.factors import Factor
from config.settings import LocalDirectorySettings, StoreSettings
from directory.local_users import LocalDirectory
from directory.principal import Principal
from directory.users_file import read_users
from proxy.factors.proof import Proof
from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.session import Session
from proxy.sessions.session_store import SessionStore
from proxy.store.contract import Store
from proxy.store.open import open_store
from tests.processes.house import children_of
from tests.support.gatepost import GatepostProcess
from tests.support.plain_browser import Address
from tests.support.redis_server import RedisServer, running_redis
from tests.support.smtp_sink import Sink, smtp_sink

StoreKind = Literal["sqlite", "redis"]

PASSWORD = "correct horse 7"
SIGN_IN_HOST, APP_HOST = "signin.localhost", "wiki.localhost"
SIGN_IN_URL, APP_URL = f"http://{SIGN_IN_HOST}:8080", f"http://{APP_HOST}:8080"
_CONFIGURATION = """\
[server]
listen = ["127.0.0.1:0"]
public_url = "{sign_in_url}"
admin_listen = "127.0.0.1:0"
workers = {workers}
[store]
url = "{store_url}"
[[directories]]
name = "local"
type = "local"
file = "users.toml"
[smtp]
host = "127.0.0.1"
port = {smtp_port}
security = "none"
from = "otp@corp.example"
[throttle]
passwords_per_person = 1000000
passwords_per_address = 1000000
passcodes_per_person = 1000000
sends_per_person = 1000000
sends_per_number = 1000000
sends_per_address = 1000000
sends_per_day = 1000000
[sessions]
idle = "12h"
store_grace = "{grace:g}s"
[[apps]]
name = "Wiki"
host = "{app_host}"
upstream = "http://127.0.0.1:{app_port}"
"""
STORE_GRACE_SECONDS = 3.0
"""Short, so that a run can have the store away for longer."""
_AT_ONCE = 64
_SIGN_IN_COOKIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    username: str
    number: str
    """As the SMS gateway is given it."""
    principal: Principal


@dataclass(slots=True, kw_only=True)
class House:
    process: GatepostProcess
    address: Address
    admin: Address
    sink: Sink
    store: Store
    """A connection of this process's own, as `gatepost sessions end` has one."""
    redis: RedisServer | None
    people: Sequence[Person]

    @property
    def operators(self) -> SessionStore:
        return self.store.sessions

    def workers(self) -> list[int]:
        return sorted(children_of(self.process.pid))


class _App(asyncio.Protocol):
    """Answers each request with its ``Remote-User``, as cheaply as it can."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._pending = b""

    def data_received(self, data: bytes) -> None:
        *heads, self._pending = (self._pending + data).split(b"\r\n\r\n")
        for head in heads:
            _, _, after = head.lower().partition(b"\r\nremote-user:")
            user = after.partition(b"\r\n")[0].strip()
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(user), user))


@asynccontextmanager
async def open_house(folder: Path, kind: StoreKind, *, workers: int, people: int) -> AsyncIterator[House]:
    """Nothing runs any more when it is left. The store of Redis writes each step to its disk at once."""
    server = await asyncio.get_running_loop().create_server(_App, "127.0.0.1", 0)
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(server.close)
        sink = await stack.enter_async_context(smtp_sink())
        redis, store_url = None, f"sqlite:{folder / 'state.db'}"
        if kind == "redis":
            # Its rewriting of the log would take a core now and then, and has nothing to do with what is looked for.
            options = ("--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0")
            redis = stack.enter_context(running_redis(*options))
            store_url = redis.url
        _write_users(folder / "users.toml", people)
        (folder / "gatepost.toml").write_text(
            _CONFIGURATION.format(
                sign_in_url=SIGN_IN_URL,
                app_host=APP_HOST,
                workers=workers,
                grace=STORE_GRACE_SECONDS,
                store_url=store_url,
                smtp_port=sink.port,
                app_port=server.sockets[0].getsockname()[1],
            )
        )
        store = open_store(StoreSettings(url=store_url))
        stack.push_async_callback(store.close)
        process = GatepostProcess(folder / "gatepost.toml")
        stack.push_async_callback(asyncio.to_thread, process.__exit__)
        await asyncio.to_thread(process.start)
        started = json.loads(next(line for line in process.log if '"server.started"' in line))
        yield House(
            process=process,
            address=_address(started["listen"]),
            admin=_address(started["admin"]),
            sink=sink,
            store=store,
            redis=redis,
            people=await _people(folder / "users.toml"),
        )


def _address(found: list[str]) -> Address:
    host, _, port = found[0].rpartition(":")
    return host, int(port)


def _write_users(path: Path, count: int) -> None:
    password_hash = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    tables = (
        f'[[users]]\nusername = "p{number}"\npassword_hash = "{password_hash}"\nmobile = "07400 {100_000 + number}"\n'
        for number in range(count)
    )
    path.write_text("".join(tables))
    path.chmod(0o600)


async def _people(path: Path) -> list[Person]:
    directory = LocalDirectory(LocalDirectorySettings(type="local", name="local", file=path), groups=())
    try:
        people = []
        for user in read_users(path, "local").by_folded.values():
            principal = await directory.read(user.guid)
            assert principal is not None
            number = "44" + user.mobiles[0].replace(" ", "").removeprefix("0")
            people.append(Person(username=user.username, number=number, principal=principal))
        return people
    finally:
        await directory.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeSession:
    person: Person
    app_token: str
    """The token of its cookie on the app's host."""
    sign_in_token: str
    """And on the host of the sign-in pages; empty: it was never there."""


async def create_sessions(store: Store, people: Sequence[Person], count: int) -> list[MadeSession]:
    """So many, shared out among these people. Every tenth can also be signed out by its owner."""
    made: list[MadeSession] = []

    async def create(numbers: range) -> None:
        for number in numbers:
            person, now = people[number % len(people)], time.time()
            token, other = new_token(), new_token() if number % _SIGN_IN_COOKIES == 0 else ""
            session = Session(
                session_id=new_token(),
                principal=person.principal,
                scheme="default",
                factors=((Factor.PASSWORD,), (Factor.SMS,)),
                proven=(Proof(Factor.PASSWORD, now), Proof(Factor.SMS, now)),
                created_at=now,
                last_used_at=now,
                client_address="127.0.0.1",
            )
            await store.sessions.create_session(session, cookie=token_digest(token), host=APP_HOST)
            if other:
                await store.sessions.add_cookie(session.session_id, cookie=token_digest(other), host=SIGN_IN_HOST)
            made.append(MadeSession(person=person, app_token=token, sign_in_token=other))

    async with asyncio.TaskGroup() as tasks:
        for first in range(_AT_ONCE):
            tasks.create_task(create(range(first, count, _AT_ONCE)))
    return made


def end_process(process_id: int, number: int) -> bool:
    """Send it a signal; False if it is gone already."""
    try:
        os.kill(process_id, number)
    except ProcessLookupError:
        return False
    return True
