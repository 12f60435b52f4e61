"""Threat 17: no page, no status and no work of the directory tells whether a name or a password is known."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from config.settings import LocalDirectorySettings
from directory.active_directory.active_directory import ActiveDirectory
from directory.login_name import parse_login_name
from proxy.throttle.typed_names import counted_as
from tests.portal.stage import PASSWORD, Browser, ScriptedDirectory, Stage, running_portal
from tests.support.scripted_ldap import (
    ALICE,
    ALICE_DN,
    BIND,
    SEARCH,
    SERVICE_USER,
    Request,
    ScriptedLDAP,
    bind_answer,
    search_done,
    settings_for,
)

NAMES = {"there": "alice@people.example", "nobody": "nobody@people.example"}
PAUSED = "cannot be used to sign in until"
Asked = tuple[int, str, list[str]]
LIMITS = {"passwords_per_person": 3, "passwords_per_address": 12}


class Accounts:
    """A domain in which alice's account is as `sub_code` says."""

    def __init__(self) -> None:
        self.sub_code = "52e"

    def __call__(self, request: Request) -> list[bytes] | None:
        if request.kind == BIND and request.name == ALICE_DN:
            return [bind_answer(49, f"80090308: comment: AcceptSecurityContext error, data {self.sub_code}, v1")]
        if request.kind == SEARCH and re.search(rb"(sAMAccountName|userPrincipalName)\x04", request.body):
            return [ALICE, search_done()] if b"alice" in request.body.lower() else [search_done()]
        return None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ScriptedLDAP]:
    with ScriptedLDAP(tmp_path, Accounts()).running() as server:
        yield server


@pytest.fixture
async def stage(tmp_path: Path, server: ScriptedLDAP) -> AsyncIterator[Stage]:
    directory = ActiveDirectory(settings_for(server.url, ca_file=server.ca_file))
    async with running_portal(tmp_path, scripted=directory, throttle=LIMITS) as stage:  # type: ignore[arg-type]
        await directory.prepare()
        await stage.password(stage.browser(address="198.51.100.1"), "first@people.example")  # what is read once
        yield stage


async def asked(browser: Browser, stage: Stage, server: ScriptedLDAP, name: str, password: str) -> Asked:
    """Status, page, and what the domain was asked."""
    before = len(server.requests)
    page = await stage.password(browser, name, password)
    kinds = {BIND: "bind", SEARCH: "search"}
    made = [kinds[each.kind] for each in server.requests[before:] if each.kind in kinds and each.name != SERVICE_USER]
    return page.status, page.look.replace(f'value="{name}"', ""), made


@pytest.mark.parametrize("sub_code", ["52e", "52f", "533", "775", "530"])
async def test_a_password_that_is_sent_again_costs_the_directory_what_it_cost_before(
    stage: Stage, server: ScriptedLDAP, sub_code: str
) -> None:
    """52e is not sent for the account again, nor is what passes a limit: nothing shows that."""
    assert isinstance(server.script, Accounts)
    server.script.sub_code = sub_code
    seen, browser = [], stage.browser()
    for name in NAMES.values():
        for password in ("wrong", "wrong", "other", "third", "fourth", "wrong"):
            seen.append(await asked(browser, stage, server, name, password))
    assert {(status, tuple(made)) for status, _, made in seen} == {(401, ("search", "bind"))}
    of_alice, of_nobody = [page for _, page, _ in seen[:6]], [page for _, page, _ in seen[6:]]
    assert of_alice == of_nobody, "the pause is told of both at the same try"
    assert [PAUSED in page for page in of_alice] == [False, False, True, True, True, True]
    if sub_code == "52e":
        assert len(server.binds(ALICE_DN)) == LIMITS["passwords_per_person"] - 1


async def test_a_name_of_no_realm_costs_what_one_of_the_default_realm_costs(
    tmp_path: Path, server: ScriptedLDAP
) -> None:
    directory = ActiveDirectory(settings_for(server.url, ca_file=server.ca_file))
    realm = directory.realm
    async with running_portal(tmp_path, scripted=directory, default_realm=realm, throttle=LIMITS) as stage:  # type: ignore[arg-type]
        browser = stage.browser()
        await asked(browser, stage, server, "first", "wrong")
        for name in ("alice@nowhere.example", "alice"):
            status, _, made = await asked(browser, stage, server, name, "wrong")
            assert (status, made) == (401, ["search", "bind"])


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
async def test_an_addresss_limit_is_told_at_the_same_try_whoever_is_there(
    stage: Stage, server: ScriptedLDAP, name: str
) -> None:
    """Other spellings of a person who is throttled, or whose wrong password is known, must not pass it by."""
    passwords = ["wrong", "wrong", "other", "third", "fourth", "fifth", "wrong"]
    browser, spellings = stage.browser(), [name, name.upper(), name.title()]
    statuses = [
        (await asked(browser, stage, server, spellings[position % 3], password))[0]
        for position, password in enumerate([*passwords, *passwords])
    ]
    assert statuses == [401] * 12 + [429] * 2


async def test_a_disabled_account_costs_the_address_as_much_for_its_right_password_as_for_a_wrong_one(
    tmp_path: Path,
) -> None:
    for password in (PASSWORD, "wrong"):
        folder = tmp_path / password
        folder.mkdir()
        async with running_portal(folder, throttle={"passwords_per_address": 2}) as stage:
            browser = stage.browser()
            assert [(await stage.password(browser, "gone", password)).status for _ in range(3)] == [401, 401, 429]


class Waiting(ScriptedDirectory):
    """Answers no password until `go_on`."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on, self.arrived = asyncio.Event(), asyncio.Semaphore(0)

    async def authenticate(self, account, password):  # type: ignore[no-untyped-def]
        self.arrived.release()
        await self.go_on.wait()
        return await super().authenticate(account, password)


async def test_nobody_waits_behind_passwords_that_are_sent_for_show(tmp_path: Path) -> None:
    directory = Waiting()
    directory.go_on.set()
    async with running_portal(tmp_path, scripted=directory) as stage:
        for number in range(4):
            await stage.password(stage.browser(), "scripted@corp", f"guess {number}")
        directory.go_on.clear()
        directory.arrived = asyncio.Semaphore(0)
        under_way = [asyncio.create_task(stage.password(stage.browser(), "scripted@corp", "guess 0")) for _ in range(3)]
        async with asyncio.timeout(30):
            for _ in under_way:
                await directory.arrived.acquire()
        directory.go_on.set()
        await asyncio.gather(*under_way)


SPELLINGS = ["nobody", "CORP\\nobody", "nobody@corp.example", "NÓBODY@Corp.Example", "corp\\Ｎobody"]


def counted(typed: str) -> str:
    login_name = parse_login_name(typed)
    assert login_name is not None
    return counted_as(login_name, settings_for("ldaps://dc1.corp.example", ca_file=Path("ca.pem")))


def test_a_name_that_nobody_has_is_counted_once_however_it_is_written() -> None:
    """So is one that somebody has, by its GUID."""
    assert len({counted(typed) for typed in SPELLINGS}) == 1
    assert counted("nobody@people.example") != counted("nobody")
    assert counted("nobody@people.example") == counted("Nobody@PEOPLE.example")
    assert counted("nobody") != counted("nobody2")


def test_the_same_unknown_name_in_two_realms_is_counted_apart() -> None:
    login_name = parse_login_name("nobody")
    assert login_name is not None
    local = LocalDirectorySettings(type="local", name="local", file=Path("users.toml"))
    assert counted_as(login_name, local) != counted("nobody")


async def test_the_spellings_of_an_unknown_name_spend_one_budget(tmp_path: Path) -> None:
    async with running_portal(tmp_path, throttle={"passwords_per_person": 3}) as stage:
        for number, name in enumerate(["nobody", "local\\nobody", "nobody@local"]):
            await stage.password(stage.browser(), name, f"guess {number}")
        assert stage.log[-1]["reason"] == "passwords_from_unfamiliar_addresses"
