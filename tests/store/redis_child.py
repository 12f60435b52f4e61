"""What a second process does with a Redis store; started by the tests with a task, a URL and a prefix."""

from __future__ import annotations

import asyncio
import os
import sys

sys.path.insert(0, os.getcwd())

from config.settings import StoreSettings
from proxy.operations.store_errors import StoreUnavailable
from proxy.store.redis.redis_store import RedisStore
from tests.support.people import NOW, session


async def hear(store: RedisStore) -> None:
    """Print each session whose end is heard, until stdin is closed."""
    store.sessions.on_session_end(lambda session_id: os.write(1, f"{session_id}\n".encode()))
    await store.sessions.catch_up()
    os.write(1, b"ready\n")
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def create(store: RedisStore) -> None:
    """Create sessions until the store is away, and print each id once it is acknowledged."""
    while True:
        written = session()
        try:
            await store.sessions.create_session(written, cookie=os.urandom(32), host="h")
        except StoreUnavailable:
            return
        os.write(1, f"{written.session_id}\n".encode())


async def answer(store: RedisStore) -> None:
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


async def main() -> None:
    store = RedisStore(StoreSettings(url=sys.argv[2], prefix=sys.argv[3]))
    await {"hear": hear, "create": create, "answer": answer}[sys.argv[1]](store)
    await store.close()


asyncio.run(main())
