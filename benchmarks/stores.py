"""What each store costs: microseconds per call, one after the other and many at once, with many sessions stored.

    python -m benchmarks.stores [--sessions 100000] [--calls 2000]

SQLite in a file of its own; a redis-server on a Unix socket with ``appendonly`` and ``appendfsync`` everysec and
always. Client and server share this machine. Prints a table in Markdown, and the server's memory for each session.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import uvloop

from benchmarks.figures import table
from benchmarks.machine import machine
from config.settings import StoreSettings
from proxy.store.contract import Store
from proxy.store.open import open_store
from proxy.store.redis.redis_store import RedisStore
from tests.support.people import NOW, challenge, session
from tests.support.redis_server import running_redis

HOST = "signin.corp.example"
AT_ONCE = 32


@contextlib.contextmanager
def urls() -> Iterator[dict[str, str]]:
    """By what the row is called."""
    everysec = running_redis("--appendonly", "yes", "--appendfsync", "everysec")
    always = running_redis("--appendonly", "yes", "--appendfsync", "always")
    with tempfile.TemporaryDirectory() as folder, everysec as one, always as other:
        yield {
            "SQLite": f"sqlite:{Path(folder) / 'state.db'}",
            "Redis, everysec": one.url,
            "Redis, always": other.url,
        }


@contextlib.asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = open_store(StoreSettings(url=url))
    try:
        yield store
    finally:
        await store.close()


async def one_after_the_other(calls: Sequence[Callable[[], Awaitable[object]]]) -> float:
    """Seconds for each."""
    begun_at = time.perf_counter()
    for call in calls:
        await call()
    return (time.perf_counter() - begun_at) / len(calls)


async def at_once(calls: Sequence[Callable[[], Awaitable[object]]]) -> float:
    """Seconds for each, `AT_ONCE` of them at a time."""
    waiting = iter(calls)

    async def work() -> None:
        for call in waiting:
            await call()

    begun_at = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return (time.perf_counter() - begun_at) / len(calls)


async def fill(store: Store, count: int) -> list[bytes]:
    """Sessions of `count` persons; their cookies."""
    cookies = [os.urandom(32) for _ in range(count)]
    calls = [
        lambda number=number, cookie=cookie: store.sessions.create_session(  # type: ignore[misc]
            session(guid=f"guid-{number:08}"), cookie=cookie, host=HOST
        )
        for number, cookie in enumerate(cookies)
    ]
    await at_once(calls)
    return cookies


async def measure(name: str, url: str, sessions: int, count: int) -> list[tuple[str, ...]]:
    async with opened(url) as store:
        cookies = await fill(store, sessions)
        halves = [session(is_half=True) for _ in range(count)]
        for half in halves:
            await store.sessions.create_session(half, cookie=os.urandom(32), host=HOST)
        pending = [challenge(half.session_id) for half in halves]
        for each in pending:
            await store.challenges.put_challenge(each)
        looked_up = [cookies[number * 7919 % len(cookies)] for number in range(count)]
        made = [(session(), os.urandom(32)) for _ in range(2 * count)]
        kinds: dict[str, list[Callable[[], Awaitable[object]]]] = {
            "session_by_cookie": [lambda c=c: store.sessions.session_by_cookie(c, HOST) for c in looked_up],  # type: ignore[misc]
            "create_session": [
                lambda s=s, c=c: store.sessions.create_session(s, cookie=c, host=HOST)  # type: ignore[misc]
                for s, c in made
            ],
            "answer_challenge": [
                lambda p=p: store.challenges.answer_challenge(  # type: ignore[misc]
                    p.challenge_id, session_id=p.session_id, digest=p.digest, now=NOW
                )
                for p in pending
            ],
            "end_session": [lambda s=s: store.sessions.end_session(s.session_id) for s, _ in made],  # type: ignore[misc]
            "persons, nothing changed": [store.sessions.persons for _ in range(20)],
            "catch_up": [store.sessions.catch_up for _ in range(count)],
        }
        await store.sessions.persons()
        rows = []
        for kind, calls in kinds.items():
            half = max(1, len(calls) // 2)
            alone = await one_after_the_other(calls[:half])
            many = await at_once(calls[half:])
            rows.append((kind, name, f"{alone * 1e6:,.0f}", f"{many * 1e6:,.0f}"))
        if isinstance(store, RedisStore):
            info = (await store.connections.command("INFO", "memory")).decode()
            used = int(info.partition("used_memory:")[2].split()[0])
            rows.append(("server's memory for each session", name, f"{used / (sessions + count):,.0f} bytes", ""))
        return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=100_000)
    parser.add_argument("--calls", type=int, default=2000)
    options = parser.parse_args()
    rows: list[tuple[str, ...]] = []
    with urls() as stores:
        for name, url in stores.items():
            rows += uvloop.run(measure(name, url, options.sessions, options.calls))
    kinds = [row[0] for row in rows]
    rows.sort(key=lambda row: kinds.index(row[0]))
    print("\n".join(f"* {line}" for line in machine().values()), end="\n\n")
    print(table((f"{options.sessions:,} sessions", "store", "µs each", f"µs each, {AT_ONCE} at once"), rows))


if __name__ == "__main__":
    main()
