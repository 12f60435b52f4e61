"""A wrong password of the service account is tried by one worker for all, at the start and ever after."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from directory.active_directory.connection import Connection
from directory.active_directory.deadline_socket import create_tls_context
from directory.active_directory.server_address import parse_server
from directory.active_directory.service_account import ServiceAccount
from directory.active_directory.shared_tries import Turn
from directory.errors import DirectoryMisconfigured
from directory.refused_logins import WAITS_SECONDS
from proxy.operations.store_errors import StoreUnavailable
from proxy.store.contract import Store
from proxy.store.sqlite.sqlite_store import SQLiteStore
from proxy.throttle.login_tries import LoginTries, OperatorsLoginTries
from proxy.throttle.service_tries import StoredTries
from tests.support.memory_store import MemoryStore
from tests.support.scripted_ldap import BIND, SERVICE_USER, HangUp, Request, ScriptedLDAP, bind_answer

WORKERS = 4
WINDOW = 1800.0
NOW = 1_800_000_000.0
ACCOUNT = b"a" * 32


class Domain:
    """Takes the service account's binds or not, or goes away."""

    def __init__(self) -> None:
        self.data: str | None = "52e"
        self.is_there = True

    def __call__(self, request: Request) -> list[bytes] | None:
        if request.kind != BIND or request.name != SERVICE_USER or (self.data is None and self.is_there):
            return None
        if not self.is_there:
            raise HangUp
        return [bind_answer(49, f"80090308: comment: AcceptSecurityContext error, data {self.data}, v1")]


@pytest.fixture
def domain() -> Domain:
    return Domain()


@pytest.fixture
def server(tmp_path: Path, domain: Domain) -> Iterator[ScriptedLDAP]:
    with ScriptedLDAP(tmp_path, domain).running() as server:
        yield server


class House:
    """Workers that each have the store open, and one clock."""

    def __init__(self, server: ScriptedLDAP, stores: list[Store]) -> None:
        self.server, self.passed = server, 0.0
        self._context = create_tls_context(server.ca_file)
        self.accounts = [self.account(each) for each in stores]
        self.stores = stores

    def account(self, store: Store, password: str = "wrong") -> ServiceAccount:
        shared = StoredTries(LoginTries(store.counters, key=b"k" * 32, clock=lambda: NOW + self.passed))
        # However slow the machine is, one turn is over before the next worker loses patience.
        return ServiceAccount(SERVICE_USER, password, shared=shared, clock=lambda: self.passed, patience_seconds=15.0)

    async def sign_in(self, account: ServiceAccount) -> str:
        """What is said about it; empty where it is taken."""

        def work() -> str:
            deadline = time.monotonic() + 20.0
            connection = Connection.open(parse_server(self.server.url), self._context, deadline=deadline)
            try:
                account.require_not_refused("corp")
                account.sign_in(connection, "corp", deadline=deadline)
            except DirectoryMisconfigured as exc:
                return exc.reason
            finally:
                connection.close()
            return ""

        return await asyncio.to_thread(work)

    async def all_sign_in(self) -> list[str]:
        return await asyncio.gather(*(self.sign_in(each) for each in self.accounts))

    @property
    def binds(self) -> int:
        return len(self.server.binds(SERVICE_USER))


@pytest.fixture
async def house(tmp_path: Path, server: ScriptedLDAP) -> AsyncIterator[House]:
    stores = [SQLiteStore(tmp_path / "state.db") for _ in range(WORKERS)]
    yield House(server, list(stores))
    for each in stores:
        await each.close()


async def test_workers_that_start_together_send_a_wrong_password_once(house: House) -> None:
    assert all("tried again after" in told for told in await house.all_sign_in())
    assert house.binds == 1


async def test_all_workers_together_send_three_within_a_domains_window(house: House) -> None:
    tried: list[float] = []
    for at in (*range(0, 1200, 30), *range(1200, 3 * 3600, 90)):
        house.passed = float(at)
        before = house.binds
        assert all(await house.all_sign_in())
        tried += [float(at)] * (house.binds - before)
    assert tried[: len(WAITS_SECONDS)] == [0.0, 60.0, 540.0]
    assert all(after - before >= WAITS_SECONDS[-1] for before, after in itertools.pairwise(tried[2:]))
    assert max(sum(at <= each < at + WINDOW for each in tried) for at in tried) == len(WAITS_SECONDS)


async def test_a_worker_that_starts_later_leaves_it_alone_too(house: House) -> None:
    await house.sign_in(house.accounts[0])
    assert "as another worker found" in await house.sign_in(house.account(house.stores[1]))
    assert house.binds == 1


async def test_another_password_is_tried_at_once(house: House, domain: Domain) -> None:
    await house.all_sign_in()
    domain.data = None
    assert await house.sign_in(house.account(house.stores[0], "right")) == ""


async def test_a_right_password_holds_nobody_up(house: House, domain: Domain) -> None:
    domain.data = None
    assert await house.all_sign_in() == [""] * WORKERS


async def test_a_password_that_becomes_wrong_is_sent_by_each_at_the_most_once_more(
    house: House, domain: Domain
) -> None:
    domain.data = None
    await house.all_sign_in()
    domain.data = "52e"
    assert "bind_user or bind_password" in await house.sign_in(house.accounts[0])
    before = house.binds
    assert all("another worker" in told or "bind_user or bind_password" in told for told in await house.all_sign_in())
    assert house.binds == before


async def test_it_is_taken_again_by_all_once_one_was(house: House, domain: Domain) -> None:
    await house.all_sign_in()
    domain.data = None
    house.passed = 61.0
    assert await house.all_sign_in() == [""] * WORKERS
    domain.data = "52e"
    assert await house.sign_in(house.account(house.stores[0]))
    house.passed += 61.0
    before = house.binds
    await house.sign_in(house.account(house.stores[1]))
    assert house.binds == before + 1, "the waits start again"


async def test_a_server_that_goes_away_gives_the_turn_to_the_next(house: House, domain: Domain) -> None:
    domain.is_there = False
    with pytest.raises(Exception, match="the other side closed the connection"):
        await house.sign_in(house.accounts[0])
    domain.is_there, domain.data = True, None
    assert await house.sign_in(house.accounts[1]) == ""


async def test_a_locked_account_is_tried_each_minute_by_one_of_them(house: House, domain: Domain) -> None:
    domain.data = "775"
    for minute in range(5):
        house.passed = minute * 60.0 + 0.5
        await house.all_sign_in()
    assert house.binds == 5


async def test_an_account_that_an_operator_finds_mended_is_tried_by_all_at_once(house: House, domain: Domain) -> None:
    await house.all_sign_in()
    tries = OperatorsLoginTries(house.stores[0].counters, key=b"k" * 32, clock=lambda: NOW + house.passed)
    operators = StoredTries(tries)
    assert await house.sign_in(ServiceAccount(SERVICE_USER, "wrong", shared=operators)), "it is not yet"
    assert all(await house.all_sign_in())
    assert house.binds == 2
    domain.data = None
    assert await house.sign_in(ServiceAccount(SERVICE_USER, "wrong", shared=operators)) == ""
    assert await house.all_sign_in() == [""] * WORKERS


class ReadOnly(MemoryStore):
    """What is written is lost."""

    def _called(self, method: str) -> None:
        super()._called(method)
        if method == "add":
            raise StoreUnavailable("the disk is full")


async def test_a_store_that_forgets_a_refusal_does_not_end_the_wait(server: ScriptedLDAP) -> None:
    house = House(server, [ReadOnly()])
    for _ in range(3):
        assert await house.all_sign_in() != [""]
    assert house.binds == 1


async def test_without_the_store_each_goes_by_what_it_knows() -> None:
    store = MemoryStore()
    store.away = True
    tries = StoredTries(LoginTries(store.counters, key=b"k" * 32, clock=lambda: NOW))

    def ask() -> tuple[object, ...]:
        tries.taken(ACCOUNT)
        tries.leave_alone(ACCOUNT, seconds=1.0)
        tries.given_up(ACCOUNT)
        told = tries.begin(ACCOUNT), tries.left_alone(ACCOUNT), tries.refused(ACCOUNT, counts=True)
        return (*told, tries.is_taken_since(ACCOUNT))

    assert await asyncio.to_thread(ask) == (Turn.YOURS, None, 0, False)


def test_after_the_end_of_the_event_loop_each_goes_by_what_it_knows() -> None:
    async def make() -> StoredTries:
        return StoredTries(LoginTries(MemoryStore().counters, key=b"k" * 32, clock=lambda: NOW))

    assert asyncio.run(make()).begin(ACCOUNT) is Turn.YOURS
