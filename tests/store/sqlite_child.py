"""What a second process does with a store's file; started by the tests with a task and a path."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, os.getcwd())

from proxy.store.sqlite.sqlite_store import SQLiteStore
from proxy.throttle.counter_store import Counter
from tests.support.people import NOW, session


async def create(store: SQLiteStore) -> None:
    """Create sessions until killed, and print each id once it is acknowledged."""
    while True:
        written = session()
        await store.sessions.create_session(written, cookie=os.urandom(32), host="h")
        os.write(1, f"{written.session_id}\n".encode())


async def answer(store: SQLiteStore) -> None:
    """Answer each challenge on stdin rightly, several times in parallel, and print the outcomes."""
    await store.ping()
    print("ready", flush=True)
    for line in sys.stdin.readlines():
        challenge_id, session_id = line.split()
        results = await asyncio.gather(
            *(
                store.challenges.answer_challenge(challenge_id, session_id=session_id, digest=b"right", now=NOW)
                for _ in range(3)
            )
        )
        for result in results:
            print(challenge_id, result.attempt.value)


async def hear(store: SQLiteStore) -> None:
    """Keep sessions as a worker does, and print each end when it is told; never look without being called."""
    store.sessions.on_session_end(lambda session_id: print(session_id, flush=True))
    await store.sessions.catch_up()
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


async def end(store: SQLiteStore) -> None:
    """End the session on stdin, and die after the commit, before anybody was told."""

    async def die(number: int) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    store.news.tell = die  # type: ignore[method-assign]
    await store.sessions.end_session(sys.stdin.readline().strip())


async def count(store: SQLiteStore) -> None:
    for _ in range(100):
        print((await store.counters.add(b"k", now=NOW, window_seconds=60)).value)


async def reset(store: SQLiteStore) -> None:
    """As an operator's command does: open it, do one thing, and go."""
    await store.counters.reset_count(b"k")
    assert await store.counters.read(b"k", now=NOW) is None
    print(0)


async def reserve(store: SQLiteStore) -> None:
    """Reserve of one counter with a limit, and print each try that was granted."""
    await store.ping()
    print("ready", flush=True)
    sys.stdin.readline()
    counters = [Counter(key=b"k", limit=150, window_seconds=60)]
    for _ in range(100):
        if await store.counters.reserve(counters, now=NOW) is None:
            print("granted")
    print("done")


async def main() -> None:
    store = SQLiteStore(Path(sys.argv[2]))
    tasks = {
        "create": create,
        "answer": answer,
        "count": count,
        "reserve": reserve,
        "hear": hear,
        "end": end,
        "reset": reset,
    }
    await tasks[sys.argv[1]](store)
    await store.close()


asyncio.run(main())
