"""A process that records its share of events into an audit; started with a base, a store's URL and prefix, a name, and
the numbers of its events. It prints up to which number they are said to be written."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, os.getcwd())

import structlog

from config.settings import StoreSettings
from proxy.audit.chain_file import ChainFile
from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.audit.person_keys import PersonKeys
from proxy.audit.recording import AuditRecorder
from proxy.secrets.keys import Keys
from proxy.store.redis.redis_store import RedisStore

_AT_ONCE = 125
_PERSONS = [AuditedPerson(realm="corp", guid=f"5f6a1c3e-{number:04}", name=f"person-{number}") for number in range(20)]


async def main(base: str, url: str, prefix: str, name: str, first: int, last: int) -> None:
    store = RedisStore(StoreSettings(url=url, prefix=prefix))  # type: ignore[arg-type]
    keys = Keys(bytes(range(32)))
    recorder = AuditRecorder(
        person_keys=PersonKeys(store.person_keys, keys),
        keys=keys,
        log=structlog.wrap_logger(None, processors=[]),
        clock=lambda: 1_800_000_000.0,
        file=ChainFile(Path(base), most_bytes=300_000),
    )
    task = asyncio.create_task(recorder.run())
    for begin in range(first, last, _AT_ONCE):
        for number in range(begin, min(begin + _AT_ONCE, last)):
            event = AuditEvent(
                event="sign_in.succeeded",
                actor=_PERSONS[number % len(_PERSONS)],
                address="192.0.2.7",
                facts={"of": name, "number": number},
            )
            recorder.record(event)
        await recorder.flushed()
        os.write(1, f"{min(begin + _AT_ONCE, last)}\n".encode())
    recorder.end()
    await task
    await recorder.close()
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5], *map(int, sys.argv[5:7])))
