"""Those who put Gatepost under stress, and the checker, find nothing on a server that can lose nothing."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from directory.principal import Principal
from tests.stress.checker import Violation, violations
from tests.stress.clients import Clients, Phone, Probes, Sessions
from tests.stress.history import HistoryWriter, Settled, read_history
from tests.stress.house import APP_HOST, SIGN_IN_HOST, Person
from tests.stress.pretend import PretendHouse
from tests.stress.run import NEEDED, ask_for_all, begin
from tests.support.skipping_loop import SkippingLoop

SECONDS = 8.0
SIGNING_IN, OTHERS, SESSIONS_OF_ONE = 8, 8, 20
"""Few people with many sessions each: what their owners end, the operator ends as well."""
MORE_SIGNING_OUT = 12
SEEDS = 10


def person(number: int) -> Person:
    name = f"p{number}"
    principal = Principal(guid=name, realm="local", username=name, display_name=name)
    return Person(username=name, number=f"4474001{number:05}", principal=principal)


async def play(path: Path, seed: int) -> tuple[list[Violation], dict[str, int]]:
    loop, chance = asyncio.get_running_loop(), random.Random(seed)
    people = [person(number) for number in range(SIGNING_IN + OTHERS)]
    house = PretendHouse(people, chance)
    server = await asyncio.start_server(house.serve, "127.0.0.1", 0)
    house.address = server.sockets[0].getsockname()[:2]
    with HistoryWriter(path) as history:
        sessions, probes, phone = Sessions(), Probes(house), Phone(house)
        for each in people[SIGNING_IN:] * SESSIONS_OF_ONE:
            token = house.new_session(each)
            sessions.add(history, each, {APP_HOST: token, SIGN_IN_HOST: token}, at=loop.time())
        clients = Clients(
            house, history, sessions, phone, chance, lambda: loop.time() >= SECONDS, probes, clock=loop.time
        )
        listening = asyncio.create_task(phone.run())
        async with asyncio.TaskGroup() as tasks:
            begin(tasks, clients, people[:SIGNING_IN], people[SIGNING_IN:])
            for _ in range(MORE_SIGNING_OUT):
                tasks.create_task(clients.sign_out())
            for each in people[SIGNING_IN:]:
                tasks.create_task(clients.end_persons([each]))
        await probes.close()
        listening.cancel()
        house.is_faultless = True
        history.write(Settled(at=loop.time()))
        await ask_for_all(clients)
        counts = history.counts
    server.close()
    return violations(read_history(path)), counts


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_is_found_on_a_server_that_loses_nothing(tmp_path: Path, seed: int) -> None:
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        found, counts = runner.run(play(tmp_path / "log", seed))
    assert found == []
    assert set(NEEDED) <= counts.keys()
    assert counts["Created"] > OTHERS * SESSIONS_OF_ONE
