"""Which of several scripted servers is asked, and that a password goes to one of them as it was typed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from directory.active_directory.active_directory import ActiveDirectory
from directory.active_directory.deadline_socket import create_tls_context
from directory.active_directory.discovery import DiscoveryFailed, Located, RankedServer
from directory.active_directory.domain_controllers import DomainControllers
from directory.active_directory.host_addresses import HostAddresses
from directory.active_directory.reader import Reader
from directory.active_directory.server_address import ServerAddress, parse_server
from directory.active_directory.service_account import ServiceAccount
from directory.directory import PasswordRefused, RefusalReason
from directory.errors import DirectoryMisconfigured, DirectoryUnavailable
from directory.principal import Account, Principal
from tests.directory.contract import parsed
from tests.support.scripted_ldap import (
    ALICE_DN,
    BIND,
    GUID_TEXT,
    SEARCH,
    SERVICE_USER,
    HangUp,
    Request,
    ScriptedLDAP,
    bind_answer,
    search_done,
)
from tests.support.scripted_ldap import settings_for as settings

ACCOUNT = Account(guid=GUID_TEXT, realm="corp", username="alice", locator=ALICE_DN)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[ScriptedLDAP, ScriptedLDAP]]:
    first, second = ScriptedLDAP(tmp_path), ScriptedLDAP(tmp_path)
    with first.running(), second.running():
        yield first, second


def directory_at(*servers: ScriptedLDAP, **changes: object) -> ActiveDirectory:
    return ActiveDirectory(settings(*(each.url for each in servers), ca_file=servers[0].ca_file, **changes))


def searches_answered(code: int):  # type: ignore[no-untyped-def]
    return lambda request: [search_done(code)] if request.kind == SEARCH else None


@pytest.mark.parametrize("code", [51, 52])
async def test_a_busy_or_unavailable_server_is_passed_over_and_then_left_alone(
    servers: tuple[ScriptedLDAP, ScriptedLDAP], code: int
) -> None:
    servers[0].script = searches_answered(code)
    directory = directory_at(*servers)
    assert await directory.find(parsed("alice")) == ACCOUNT
    asked = len(servers[0].requests)
    assert isinstance(await directory.authenticate(ACCOUNT, "right"), Principal)
    assert not [each for each in servers[0].requests[asked:] if each.name == ALICE_DN]
    await directory.close()


@pytest.mark.parametrize("code", [2, 10, 50, 53])
async def test_any_other_answer_is_an_answer(servers: tuple[ScriptedLDAP, ScriptedLDAP], code: int) -> None:
    servers[0].script = searches_answered(code)
    directory = directory_at(*servers)
    for _ in range(2):
        with pytest.raises(DirectoryMisconfigured):
            await directory.find(parsed("alice"))
    assert not servers[1].requests
    await directory.close()


@pytest.mark.parametrize("code", [51, 52])
async def test_a_bind_answered_busy_is_not_sent_again_and_the_server_is_left_alone(
    servers: tuple[ScriptedLDAP, ScriptedLDAP], code: int
) -> None:
    servers[0].script = lambda request: [bind_answer(code)] if request.name == ALICE_DN else None
    directory = directory_at(*servers)
    with pytest.raises(DirectoryUnavailable):
        await directory.authenticate(ACCOUNT, "right")
    assert [len(each.binds(ALICE_DN)) for each in servers] == [1, 0]
    assert isinstance(await directory.authenticate(ACCOUNT, "right"), Principal), "the person's next attempt"
    assert [len(each.binds(ALICE_DN)) for each in servers] == [1, 1]
    await directory.close()


async def test_one_persons_odd_answer_does_not_take_the_server_from_everybody(
    servers: tuple[ScriptedLDAP, ScriptedLDAP],
) -> None:
    servers[0].script = lambda request: [bind_answer(8)] if request.name == ALICE_DN else None
    directory = directory_at(servers[0])
    for _ in range(2):
        with pytest.raises(DirectoryUnavailable, match="answered 8"):
            await directory.authenticate(ACCOUNT, "right")
    assert await directory.find(parsed("alice")) == ACCOUNT
    await directory.close()


async def test_the_faster_server_is_asked(servers: tuple[ScriptedLDAP, ScriptedLDAP]) -> None:
    def slowly(request: Request) -> None:
        if request.kind == SEARCH:
            time.sleep(0.2)

    servers[0].script = slowly
    directory = directory_at(*servers)
    assert await directory.find(parsed("alice")) == ACCOUNT
    asked = len(servers[0].requests)
    for _ in range(3):
        assert isinstance(await directory.authenticate(ACCOUNT, "right"), Principal)
    assert len(servers[0].requests) == asked
    assert len(servers[1].binds(ALICE_DN)) == 3
    await directory.close()


async def test_a_slow_server_without_a_replacement_gets_its_time(servers: tuple[ScriptedLDAP, ScriptedLDAP]) -> None:
    slow_answers = iter((0.7, 0.7))

    def slowly(request: Request) -> None:
        if request.kind == SEARCH:
            time.sleep(next(slow_answers, 0.0))

    def gone(request: Request) -> None:
        raise HangUp

    servers[0].script, servers[1].script = slowly, gone
    directory = directory_at(*servers)
    assert await directory.find(parsed("alice")) == ACCOUNT
    assert next(slow_answers, None) is None
    await directory.close()


class ScriptedLocator:
    """Gives the lists it holds, one after the other; then it fails."""

    def __init__(self, *lists: list[RankedServer]) -> None:
        self._lists = list(lists)
        self.failed = threading.Event()

    def locate(self) -> Located:
        if not self._lists:
            self.failed.set()
            raise DiscoveryFailed("no DNS")
        return Located(candidates=tuple(self._lists.pop(0)), lifetime_seconds=0.0, origin="a script")


def controllers(locator: ScriptedLocator, ca_file: Path) -> DomainControllers:
    context, account = create_tls_context(ca_file), ServiceAccount(SERVICE_USER, "service")
    return DomainControllers("corp", locator, context, account, HostAddresses(), probe_seconds=2.0)


def candidate(server: ScriptedLDAP, rank: int = 0) -> RankedServer:
    return RankedServer(address=parse_server(server.url), rank=(0, rank))


def asked_server(all_servers: DomainControllers) -> ServerAddress:
    def work(reader: Reader) -> ServerAddress:
        assert reader.at("", ["currentTime"]) is not None
        return reader.server

    return all_servers.read(work, deadline=time.monotonic() + 5)


def test_the_last_good_list_is_used_while_no_other_is_found(
    servers: tuple[ScriptedLDAP, ScriptedLDAP],
) -> None:
    locator = ScriptedLocator([candidate(servers[0])])
    all_servers = controllers(locator, servers[0].ca_file)
    assert asked_server(all_servers) == parse_server(servers[0].url)
    assert locator.failed.wait(10), "the keeper looks for a newer one, for this one's lifetime is over"
    assert asked_server(all_servers) == parse_server(servers[0].url)
    assert servers[0].connections == 1, "with its connections"
    all_servers.close()


def test_a_newer_list_replaces_the_servers(servers: tuple[ScriptedLDAP, ScriptedLDAP]) -> None:
    locator = ScriptedLocator([candidate(servers[0])], [candidate(servers[1])])
    all_servers = controllers(locator, servers[0].ca_file)
    give_up_at = time.monotonic() + 10
    while asked_server(all_servers) != parse_server(servers[1].url):
        assert time.monotonic() < give_up_at
    all_servers.close()


def test_the_operators_rank_stands_above_speed(servers: tuple[ScriptedLDAP, ScriptedLDAP]) -> None:
    def slowly(request: Request) -> None:
        time.sleep(0.1)

    servers[1].script = slowly
    locator = ScriptedLocator([candidate(servers[0], rank=10), candidate(servers[1], rank=5)])
    all_servers = controllers(locator, servers[0].ca_file)
    for _ in range(3):
        assert asked_server(all_servers) == parse_server(servers[1].url)
    all_servers.close()


@pytest.fixture(scope="module")
def noting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedLDAP]:
    server = ScriptedLDAP(tmp_path_factory.mktemp("noting"))
    server.script = lambda request: (
        [bind_answer(49, "data 52e, v1")] if request.kind == BIND and request.name == ALICE_DN else None
    )
    with ExitStack() as stack:
        stack.enter_context(server.running())
        yield server


@given(st.text(min_size=1, max_size=256).filter(lambda text: "\0" not in text))
@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_password_arrives_as_it_was_typed(noting: ScriptedLDAP, text: str) -> None:
    async def attempt() -> None:
        directory = directory_at(noting)
        assert await directory.authenticate(ACCOUNT, text) == PasswordRefused(RefusalReason.WRONG_PASSWORD)
        await directory.close()

    before = len(noting.binds(ALICE_DN))
    asyncio.run(attempt())
    assert [each.password for each in noting.binds(ALICE_DN)[before:]] == [text.encode()]
