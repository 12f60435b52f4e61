"""Requests go on while workers come and go: no request is lost but what a killed worker had in its hands."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from tests.processes.house import WorkersHouse, workers_house
from tests.support.eventually import eventually
from tests.support.steady_load import echo, steady_load
from tests.support.upstreams import recording_upstream


async def wait_for(house: WorkersHouse, event: str, **fields: object) -> dict[str, object]:
    return await asyncio.to_thread(house.wait_for, event, **fields)


def ports_of_clients(process_id: int, address: tuple[str, int]) -> set[int]:
    """The client's port of each connection that this process holds at `address` (proc(5), /proc/net/tcp)."""
    held = set()
    for descriptor in Path(f"/proc/{process_id}/fd").iterdir():
        try:
            target = os.readlink(descriptor)
        except FileNotFoundError:  # closed meanwhile, by who runs
            continue
        if target.startswith("socket:["):
            held.add(target[len("socket:[") : -1])
    ports = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote, inode = fields[1], fields[2], fields[9]
        if inode in held and int(local.partition(":")[2], 16) == address[1]:
            ports.add(int(remote.partition(":")[2], 16))
    return ports - {0}


def is_stopped(process_id: int) -> bool:
    """Every thread of it."""
    stats = Path(f"/proc/{process_id}/task").glob("*/stat")
    return all(each.read_text().rpartition(")")[2].split()[0] == "T" for each in stats)


async def test_a_rolling_restart_under_load_loses_no_request(tmp_path: Path) -> None:
    async with recording_upstream(echo) as upstream:
        with workers_house(tmp_path, upstream.url) as house:
            async with steady_load(house.address, "wiki.localhost") as load:
                await load.more(200)
                house.hang_up()
                await wait_for(house, "server.reloaded")
                left = [await wait_for(house, "worker.left", reason="exit code 0") for _ in house.workers]
                assert {each["process"] for each in left} == set(house.workers)
                await load.more(200)
            assert load.failures == []
            assert load.closes >= 1, "a worker that left said so in its last answers"


async def test_a_killed_worker_takes_only_what_it_had_in_its_hands(tmp_path: Path) -> None:
    async with recording_upstream(echo) as upstream:
        with workers_house(tmp_path, upstream.url) as house:
            async with steady_load(house.address, "wiki.localhost") as load:
                await load.more(200)
                # Of two workers, one may happen to have taken all connections: the other would lose nothing.
                victim = max(house.workers, key=lambda each: len(ports_of_clients(each, house.address)))
                os.kill(victim, signal.SIGSTOP)
                await eventually(lambda: is_stopped(victim))  # it takes no more from now on
                held = ports_of_clients(victim, house.address)
                os.kill(victim, signal.SIGKILL)
                ended = await wait_for(house, "worker.ended")
                assert (ended["process"], ended["reason"]) == (victim, "signal SIGKILL")
                await load.more(200)
                again = await wait_for(house, "worker.ready")
                assert again["process"] not in house.workers
                await load.more(100)
            lost = [failure.port for failure in load.failures]
            assert set(lost) <= held, (load.failures, held)
            assert len(lost) == len(set(lost)), "one request for each connection that was lost"
            assert held, "it had connections"
