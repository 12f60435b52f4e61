"""One stress run from its beginning to what the checker finds in its log."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.stress.checker import Violation, violations
from tests.stress.clients import Clients, Connection, Phone, Probes, Sessions
from tests.stress.disturbance import Disturbance
from tests.stress.history import HistoryWriter, Outcome, Settled, read_history
from tests.stress.house import APP_HOST, SIGN_IN_HOST, House, Person, StoreKind, create_sessions, open_house

FORWARDING, SIGNING_IN, SIGNING_OUT = 16, 4, 2
PEOPLE_OF_ONE_CLIENT = 20
SESSIONS_OF_ONE_PERSON = 50
SETTLES_WITHIN_SECONDS = 60.0
"""A worker that was killed several times in a row is started again after half a minute at the latest."""
ASKED_WITHIN_SECONDS = 30.0
"""So long each session is asked for in the end until it is answered."""
MOST_UNANSWERED = 100
"""After so many without an answer nobody is asked for any more: what is wrong is known."""
NEEDED = ("Asked served", "Asked refused", "Ended", "PasscodeSent")
"""A run in which one of these never happened has shown nothing."""
SHOWN_WITHIN_SECONDS = 60.0
"""So much longer a run goes on for what it has not shown yet: a machine may be busy with other things.

Nothing is disturbed any more by then: who is killed again and again is started again after ever longer waits.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    store: StoreKind
    seconds: float
    sessions: int
    workers: int
    seed: int
    mean_seconds: float
    """Between two disturbances."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    counts: dict[str, int]
    """Of the log's entries, by kind."""
    violations: list[Violation]

    @property
    def missing(self) -> list[str]:
        """What should have happened and never did."""
        return _missing(self.counts)


async def stress(folder: Path, given: Given, *, tell: Callable[[str], None]) -> Result:
    """`folder` keeps what Gatepost wrote and the log of answers; `tell` hears how far it is."""
    signing_in = SIGNING_IN * PEOPLE_OF_ONE_CLIENT
    of_sessions = max(20, given.sessions // SESSIONS_OF_ONE_PERSON)
    log = folder / "answers.jsonl"
    with HistoryWriter(log) as history:
        async with open_house(folder, given.store, workers=given.workers, people=signing_in + of_sessions) as house:
            try:
                await _in_house(house, history, given, signing_in, tell)
            finally:
                (folder / "gatepost.log").write_text("".join(house.process.log))
        counts = history.counts
    return Result(counts=counts, violations=await asyncio.to_thread(lambda: violations(read_history(log))))


async def _in_house(
    house: House, history: HistoryWriter, given: Given, signing_in: int, tell: Callable[[str], None]
) -> None:
    chance = random.Random(given.seed)
    people = house.people[signing_in:]
    sessions, phone = Sessions(), Phone(house)
    began_at = time.monotonic()
    for made in await create_sessions(house.store, people, given.sessions):
        cookies = {APP_HOST: made.app_token} | ({SIGN_IN_HOST: made.sign_in_token} if made.sign_in_token else {})
        sessions.add(history, made.person, cookies, at=time.monotonic())
    tell(f"{given.sessions} sessions in {time.monotonic() - began_at:.1f} s")
    ends_at = time.monotonic() + given.seconds
    probes = Probes(house)
    disturbance = Disturbance(house, history, chance, mean_seconds=given.mean_seconds)

    def is_calm() -> bool:
        now = time.monotonic()
        return now >= ends_at and (disturbance.has_done_all or now >= ends_at + SHOWN_WITHIN_SECONDS)

    def is_over() -> bool:
        counts = history.counts
        has_shown = counts["Created"] > given.sessions and not _missing(counts)
        return is_calm() and (has_shown or time.monotonic() >= ends_at + SHOWN_WITHIN_SECONDS)

    clients = Clients(house, history, sessions, phone, chance, is_over, probes)
    listening = asyncio.create_task(phone.run())
    try:
        async with asyncio.TaskGroup() as tasks:
            begin(tasks, clients, house.people[:signing_in], people)
            tasks.create_task(disturbance.run(is_calm))
            tasks.create_task(_tell_how_far(history, clients.is_over, tell))
        await probes.close()
    finally:
        listening.cancel()
    await _settle(house, given.workers)
    history.write(Settled(at=time.monotonic()))
    tell("settled; each session is asked for once more")
    await ask_for_all(clients)


def begin(tasks: asyncio.TaskGroup, clients: Clients, signing_in: Sequence[Person], others: Sequence[Person]) -> None:
    """All that people do until it is over; the sessions of `others` are ended by the operator."""
    for _ in range(FORWARDING):
        tasks.create_task(clients.forward())
    for first in range(SIGNING_IN):
        tasks.create_task(clients.sign_in(signing_in[first::SIGNING_IN]))
    for _ in range(SIGNING_OUT):
        tasks.create_task(clients.sign_out())
    tasks.create_task(clients.end_persons(others))


def _missing(counts: dict[str, int]) -> list[str]:
    return [kind for kind in NEEDED if kind not in counts]


async def _tell_how_far(history: HistoryWriter, is_over: Callable[[], bool], tell: Callable[[str], None]) -> None:
    while not is_over():
        await asyncio.sleep(1)
        tell(", ".join(f"{name} {count}" for name, count in sorted(history.counts.items())))


async def _settle(house: House, workers: int) -> None:
    """Until as many workers serve as there should be, and the store answers."""
    async with asyncio.timeout(SETTLES_WITHIN_SECONDS):
        while not await _is_ready(house, workers):  # noqa: ASYNC110  # another process has no event
            await asyncio.sleep(0.1)


async def _is_ready(house: House, workers: int) -> bool:
    if len(house.workers()) < workers:
        return False
    try:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(*house.admin)
            writer.write(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            line = await reader.readline()
            writer.close()
    except OSError:
        return False
    return line.startswith(b"HTTP/1.1 200")


async def ask_for_all(clients: Clients) -> None:
    """Those that stand, until they are answered; and those that are over, once."""
    everybody = iter([*clients.sessions.standing, *clients.sessions.over])
    unanswered = 0

    async def ask() -> None:
        nonlocal unanswered
        connection = Connection(clients.house)
        for held in everybody:
            until = time.monotonic() + ASKED_WITHIN_SECONDS
            while await clients.ask(connection, held) in (Outcome.BROKEN, Outcome.AWAY):
                if time.monotonic() >= until:
                    unanswered += 1
                    break
            if unanswered >= MOST_UNANSWERED:
                break
        connection.close()

    await asyncio.gather(*(ask() for _ in range(FORWARDING)))
