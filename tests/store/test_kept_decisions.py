"""Decisions are kept once a day, and nothing of them can be read in what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from config.factors import Factor
from config.settings import AppSettings
from proxy.access.networks import network_of
from proxy.audit.files import day_of
from proxy.audit.person_keys import PersonKeys, month_of
from proxy.forwarding.admissions import Admissions
from proxy.rehearsal.decisions import days_until
from proxy.rehearsal.noting import AT_ONCE, MOST_WAITING, DecisionNotes, create_notes
from proxy.rehearsal.opening import opened
from proxy.secrets.keys import Keys
from proxy.sessions.decided import DecidedAccess, decided_on
from proxy.sessions.identity import Assertions
from proxy.sessions.session import Session
from proxy.store.contract import Store
from proxy.store.redis.redis_store import RedisStore
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.store.contract.values import LIMITS
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW, principal, session

KEYS = Keys(b"k" * 32, clock=lambda: NOW)
DAY = 86_400.0
KEEP_SECONDS = 30 * DAY
ALICE = decided_on(
    session(client_address="2001:db8::77", scheme="with a phone"),
    app="Payroll & Pensions",
    rule="/salaries/",
    reason="groups",
)
SECRET = (
    *(ALICE.guid, ALICE.username, ALICE.realm, ALICE.address, "Payroll", "salaries", "with a phone", "password sms"),
    *("groups", "192.0.2.7"),
)


@pytest.fixture
def store(stores: tuple[Store, Store]) -> Store:
    return stores[0]


class Signer(Assertions):
    def __init__(self) -> None: ...

    def sign(self, session: Session, app: AppSettings, now: float) -> bytes:
        return b"x"


def app(name: str, **more: Any) -> AppSettings:
    host = f"{name.lower()}.corp.example"
    return AppSettings.model_validate({"name": name, "host": host, "upstream": "http://127.0.0.1:1", **more})


def files_of(folder: Path) -> list[Path]:
    return sorted(folder.glob("state.db*"))


def made(decided: DecidedAccess) -> Callable[[], DecidedAccess]:
    return lambda: decided


class Noting:
    """A worker's notes, with a clock that is moved."""

    def __init__(self, store: Store, *, keep_seconds: float = KEEP_SECONDS) -> None:
        self.store = store
        self.now = NOW
        self.notes: DecisionNotes = create_notes(
            store.decisions, store.person_keys, KEYS, keep_seconds=keep_seconds, clock=lambda: self.now
        )

    async def kept(self) -> list[DecidedAccess]:
        found = await opened(self.store.decisions, PersonKeys(self.store.person_keys, KEYS), self.days)
        return sorted(found.decisions, key=str)

    @property
    def days(self) -> tuple[str, ...]:
        return days_until(self.now, KEEP_SECONDS)


async def test_what_is_kept_comes_back_and_the_same_of_a_day_is_kept_once(store: Store) -> None:
    one, other = Noting(store), Noting(store)
    for each in (one, other):
        each.notes.note(made(ALICE))
        each.notes.note(made(ALICE))
        each.notes.note(made(replace(ALICE, address="2001:db8::1")))  # the same household
        each.notes.note(made(decided_on(session())))
        await each.notes.write(100)
    kept = [replace(each, address=network_of(each.address)) for each in await one.kept()]
    assert kept == sorted([replace(ALICE, address="2001:db8::/64"), decided_on(session())], key=str)
    one.now += DAY
    one.notes.note(made(ALICE))
    await one.notes.write(100)
    assert len(await one.kept()) == 3


async def test_nothing_of_a_decision_can_be_read_in_the_store(store: Store, tmp_path: Path) -> None:
    noting = Noting(store)
    noting.notes.note(made(ALICE))
    noting.notes.note(made(decided_on(session())))
    await noting.notes.write(100)
    assert len(await noting.kept()) == 2
    if isinstance(store, RedisStore):
        held = b""
        for key in await store.connections.command("KEYS", store.connections.prefix + b"*"):
            held += key + (await store.connections.command("DUMP", key))
            if await store.connections.command("TYPE", key) == b"hash":  # DUMP compresses
                held += b" ".join(await store.connections.command("HGETALL", key))
    else:
        held = b"".join(map(Path.read_bytes, files_of(tmp_path)))
    assert len(held) > 400
    assert [text for text in SECRET if text.encode() in held] == []


async def test_whoever_erases_a_persons_keys_erases_their_decisions() -> None:
    noting = Noting(MemoryStore())
    ben = decided_on(session(guid="5f6a1c3e-0000-4000-8000-0000000000be"))
    noting.notes.note(made(ALICE))
    noting.notes.note(made(ben))
    await noting.notes.write(100)
    assert await PersonKeys(noting.store.person_keys, KEYS).erase_person(ALICE.guid) == 1
    assert await noting.kept() == [ben]


async def test_what_is_left_of_an_erased_decision_cannot_be_told_by_guessing_it(store: Store) -> None:
    """Not with the master key either: who knows what it said would make the same name of it."""
    before, after = Noting(store), Noting(store)
    before.notes.note(made(ALICE))
    await before.notes.write(100)
    await PersonKeys(store.person_keys, KEYS).erase_person(ALICE.guid)
    after.notes.note(made(ALICE))
    await after.notes.write(100)
    names = [each.name async for page in store.decisions.decisions(after.days) for each in page]
    assert len(set(names)) == 2
    assert await after.kept() == [ALICE]  # and what they do afterwards is kept


async def test_decisions_wait_while_the_store_is_away_and_are_written_once_it_is_back() -> None:
    store = MemoryStore()
    noting = Noting(store)
    noting.notes.note(made(ALICE))
    store.away = True
    with pytest.raises(Exception, match="away"):
        await noting.notes.write(100)
    store.away = False
    await noting.notes.write(100)
    assert await noting.kept() == [ALICE]


async def test_nothing_is_kept_where_that_is_switched_off() -> None:
    noting = Noting(MemoryStore(), keep_seconds=0.0)
    noting.notes.note(made(ALICE))
    await noting.notes.write(100)
    assert await noting.kept() == []


async def test_old_decisions_are_removed(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "state.db")
    noting = Noting(store)
    noting.notes.note(made(ALICE))
    await noting.notes.write(100)
    for now, left in ((NOW + KEEP_SECONDS - 1, [ALICE]), (NOW + KEEP_SECONDS, [])):
        await store.sessions.remove_expired(now=now, limits=LIMITS)
        assert await noting.kept() == left
    await store.close()


def test_days_reach_from_the_first_that_is_kept_to_tomorrow() -> None:
    days = days_until(NOW, 30 * DAY)
    assert (days[0], days[-1]) == (day_of(NOW - 31 * DAY), day_of(NOW + DAY))
    assert month_of(NOW) == day_of(NOW)[:7]


def test_each_admission_is_noted_when_it_is_computed_and_not_for_each_request() -> None:
    noted: list[Callable[[], DecidedAccess]] = []
    admissions = Admissions(Signer(), note=noted.append)
    mine, half = session(), session(is_half=True)
    for _ in range(3):
        admissions.get(mine, app("Wiki"), NOW)
        admissions.get(half, app("Wiki"), NOW)
        admissions.get(mine, app("Payroll", groups=("Payroll Users",)), NOW)
    decided = [made() for made in noted]
    assert decided == [decided_on(mine, app="Wiki"), decided_on(mine, app="Payroll", reason="groups")]
    assert decided[0].factors == (Factor.PASSWORD, Factor.SMS)
    assert decided[0].guid == principal().guid


async def test_what_waits_is_written_some_at_a_time_and_at_the_end() -> None:
    noting = Noting(MemoryStore())
    many = [replace(ALICE, app=f"app {number}") for number in range(AT_ONCE + 1)]
    for each in many:
        noting.notes.note(made(each))
    await noting.notes.write(AT_ONCE)
    assert len(await noting.kept()) == AT_ONCE
    running = asyncio.create_task(noting.notes.run(turn_seconds=3600.0))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(await noting.kept()) == AT_ONCE + 1


def test_while_nothing_can_be_written_no_more_wait_than_are_bounded_and_the_rest_is_noted_later() -> None:
    noting = Noting(MemoryStore())
    for number in range(MOST_WAITING + 1):
        noting.notes.note(made(replace(ALICE, app=str(number))))
    assert noting.notes.waiting == MOST_WAITING


def test_what_is_known_does_not_wait_a_second_time() -> None:
    noting = Noting(MemoryStore())
    for _ in range(3):
        noting.notes.note(made(replace(ALICE)))
    assert noting.notes.waiting == 1
