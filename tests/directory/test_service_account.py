"""A wrong password of the service account is tried a few times and then hardly ever: it would lock itself."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from directory.active_directory.active_directory import ActiveDirectory
from directory.active_directory.connection import Connection
from directory.active_directory.deadline_socket import create_tls_context
from directory.active_directory.server_address import parse_server
from directory.active_directory.service_account import ServiceAccount
from directory.errors import DirectoryMisconfigured
from directory.login_name import parse_login_name
from tests.support.scripted_ldap import BIND, SERVICE_USER, Request, ScriptedLDAP, bind_answer, settings_for

WINDOW = 1800.0
"""In which a domain counts wrong passwords, unless somebody chose another one."""


class Refusing:
    """Answers the service account's binds with this sub-code; None: takes it."""

    def __init__(self) -> None:
        self.data: str | None = "52e"

    def __call__(self, request: Request) -> list[bytes] | None:
        if request.kind != BIND or request.name != SERVICE_USER or self.data is None:
            return None
        return [bind_answer(49, f"80090308: comment: AcceptSecurityContext error, data {self.data}, v1")]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ScriptedLDAP]:
    with ScriptedLDAP(tmp_path, Refusing()).running() as server:
        yield server


def refusing(server: ScriptedLDAP) -> Refusing:
    assert isinstance(server.script, Refusing)
    return server.script


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def sign_in(server: ScriptedLDAP, account: ServiceAccount) -> str:
    """What is said about it; empty where it is taken. As `DomainControllers` does it."""
    try:
        account.require_not_refused("corp")
        deadline = time.monotonic() + 5.0
        connection = Connection.open(parse_server(server.url), create_tls_context(server.ca_file), deadline=deadline)
        try:
            account.sign_in(connection, "corp", deadline=deadline)
        finally:
            connection.close()
    except DirectoryMisconfigured as exc:
        return exc.reason
    return ""


def tried_at(server: ScriptedLDAP, *, seconds: int, step: int) -> list[int]:
    """When it was tried, by a domain's user that asks again and again."""
    clock, tried = Time(), []
    account = ServiceAccount(SERVICE_USER, "wrong", clock=clock)
    for at in range(0, seconds, step):
        clock.now = 1000.0 + at
        before = len(server.binds(SERVICE_USER))
        assert sign_in(server, account)
        if len(server.binds(SERVICE_USER)) > before:
            tried.append(at)
    return tried


def test_wrong_passwords_within_a_domains_window_stay_few(server: ScriptedLDAP) -> None:
    tried = tried_at(server, seconds=4 * 3600, step=30)
    assert tried == [0, 60, 540, 4140, 7740, 11340]
    in_a_row = most = 1
    for before, after in itertools.pairwise(tried):
        in_a_row = in_a_row + 1 if after - before < WINDOW else 1
        most = max(most, in_a_row)
    assert most == 3


@pytest.mark.parametrize("data", ["775", "532", "533", "701", "773"])
def test_what_is_no_wrong_password_is_tried_each_minute(server: ScriptedLDAP, data: str) -> None:
    refusing(server).data = data
    assert tried_at(server, seconds=360, step=30) == [0, 60, 120, 180, 240, 300]


def test_it_says_when_it_is_tried_again_in_the_same_words_until_then(server: ScriptedLDAP) -> None:
    clock = Time()
    account = ServiceAccount(SERVICE_USER, "wrong", clock=clock)
    told = sign_in(server, account)
    assert "bind_user or bind_password is wrong" in told
    assert "tried again after 20" in told
    clock.now += 59
    assert sign_in(server, account) == told
    clock.now += 2
    assert sign_in(server, account) != told


def test_a_password_that_is_taken_begins_the_waits_anew(server: ScriptedLDAP) -> None:
    clock = Time()
    account = ServiceAccount(SERVICE_USER, "service", clock=clock)
    for _ in range(2):
        assert sign_in(server, account)
        clock.now += 481
    refusing(server).data = None
    assert sign_in(server, account) == ""
    refusing(server).data = "52e"
    assert sign_in(server, account)
    clock.now += 61
    refusing(server).data = None
    assert sign_in(server, account) == ""


def test_threads_that_begin_together_cost_one_try(server: ScriptedLDAP) -> None:
    account = ServiceAccount(SERVICE_USER, "wrong")
    threads = [threading.Thread(target=sign_in, args=(server, account)) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(server.binds(SERVICE_USER)) == 1


def test_refusals_that_were_under_way_together_count_as_one(tmp_path: Path) -> None:
    """Once the password was right, sign-ins do not wait for each other."""
    answer, together = Refusing(), threading.Barrier(2, timeout=5.0)
    answer.data = None

    def script(request: Request) -> list[bytes] | None:
        if request.kind == BIND and answer.data is not None:
            together.wait()
        return answer(request)

    clock = Time()
    account = ServiceAccount(SERVICE_USER, "service", clock=clock)
    with ScriptedLDAP(tmp_path, script).running() as server:
        assert sign_in(server, account) == ""
        answer.data = "52e"
        threads = [threading.Thread(target=sign_in, args=(server, account)) for _ in range(2)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len(server.binds(SERVICE_USER)) == 3
        clock.now += 61
        answer.data = None
        assert sign_in(server, account) == ""


async def test_another_password_is_tried_at_once(server: ScriptedLDAP) -> None:
    """A reload makes the directory again."""
    name = parse_login_name("alice@corp.example")
    assert name is not None
    directory = ActiveDirectory(settings_for(server.url, ca_file=server.ca_file))
    for _ in range(3):
        with pytest.raises(DirectoryMisconfigured, match="tried again after"):
            await directory.find(name)
    (result,) = [each for each in await directory.check() if "service account" in each.subject]
    assert "tried again after" in result.detail
    await directory.close()
    assert len(server.binds(SERVICE_USER)) == 1
    refusing(server).data = None
    directory = ActiveDirectory(settings_for(server.url, ca_file=server.ca_file))
    assert await asyncio.wait_for(directory.find(name), 5.0) is not None
    await directory.close()
