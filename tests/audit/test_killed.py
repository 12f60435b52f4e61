"""Workers of two nodes that share a store are killed while they write: nothing written is lost, and all verifies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.settings import StoreSettings
from proxy.audit.anchors import by_name, public_keys
from proxy.audit.person_keys import PersonKeys
from proxy.audit.reading import files_of, read_audit
from proxy.audit.verifying import judged
from proxy.secrets.keys import Keys
from proxy.store.redis.redis_store import RedisStore
from tests.store.children import Child, start_child
from tests.support.redis_server import RedisServer, running_redis

CHILD = Path(__file__).with_name("writer_child.py")
NODES = ("one", "two")
OF_EACH = 2500
KILLED_AFTER = {1: (1000,), 2: ()}
"""By the number of the worker on its node."""
KEYS = Keys(bytes(range(32)))


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def children() -> Iterator[list[Child]]:
    started: list[Child] = []
    yield started
    for child in started:
        child.kill()
        child.communicate()


class Worker:
    """One after another: each goes on where the one before was killed."""

    def __init__(self, children: list[Child], base: Path, server: RedisServer, node: str, number: int) -> None:
        self._children = children
        self.name = f"{node}-{number}"
        self._arguments = (str(base), server.url, "audited", self.name)
        self._killed_after = KILLED_AFTER[number]
        self.acknowledged: list[range] = []

    def work(self) -> None:
        first = 0
        for killed_after in (*self._killed_after, OF_EACH):
            child = start_child(self._children, CHILD, *self._arguments, str(first), str(OF_EACH))
            assert child.stdout is not None
            reached = first
            while reached < killed_after and (line := child.stdout.readline()):
                reached = int(line)
            if reached < OF_EACH:
                child.kill()
            rest = child.stdout.read().split()
            child.wait()
            reached = max([reached, *map(int, rest)])
            self.acknowledged.append(range(first, reached))
            first = reached
            if reached == OF_EACH:
                return


async def test_ten_thousand_events_of_killed_workers_of_two_nodes_verify(
    children: list[Child], redis_server: RedisServer, tmp_path: Path
) -> None:
    bases = {node: tmp_path / node / "gatepost.jsonl" for node in NODES}
    workers = [Worker(children, base, redis_server, node, number) for node, base in bases.items() for number in (1, 2)]
    await asyncio.gather(*(asyncio.to_thread(worker.work) for worker in workers))
    files = [file for base in bases.values() for file in files_of(base)]
    judge = judged(files, by_name(public_keys(KEYS)))
    assert judge.wrong() == []
    assert len(judge.chains) <= 4, "who came after a killed one went on with its chain"
    store = RedisStore(StoreSettings(url=redis_server.url, prefix="audited"))
    person_keys = PersonKeys(store.person_keys, KEYS)
    written = {each.name: set[int]() for each in workers}
    for line in (json.loads(line) for file in files for line in file.read_bytes().splitlines() if line.endswith(b"}")):
        if line["event"] == "sign_in.succeeded":
            written[line["facts"]["of"]].add(line["facts"]["number"])
    assert all(numbers == set(range(OF_EACH)) for numbers in written.values()), "nothing acknowledged is lost"
    anna = await person_keys.key_ids("5f6a1c3e-0000")
    entries = [entry async for entry in read_audit(files[:1], person_keys, key_ids=anna)]
    assert {entry.event.actor.name for entry in entries if entry.event.actor} == {"person-0"}
    assert len(await store.person_keys.person_keys()) == 20
    await store.close()
