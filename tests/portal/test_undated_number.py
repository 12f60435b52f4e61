"""A number whose change the directory does not date counts as changed when it was first seen with the person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from directory.active_directory.active_directory import ActiveDirectory
from tests.portal.stage import Stage, running_portal
from tests.support.scripted_ldap import (
    ALICE_DN,
    ALICE_GUID,
    ALICE_SID,
    SEARCH,
    Request,
    ScriptedLDAP,
    entry,
    search_done,
    settings_for,
)

DAY = 86_400.0


@dataclass
class Undated:
    """Alice's entry without replication metadata: on a hardened domain only some may read it."""

    mobile: str = "07400 123456"

    def __call__(self, request: Request) -> list[bytes] | None:
        if request.kind != SEARCH or (request.name != ALICE_DN and b"alice" not in request.body):
            return None
        alice = entry(
            ALICE_DN,
            objectGUID=ALICE_GUID,
            objectSid=ALICE_SID,
            sAMAccountName="alice",
            mobile=self.mobile,
            userAccountControl="512",
            msDS_User_Account_Control_Computed="0",
            accountExpires="0",
            pwdLastSet="130000000000000000",
        )
        return [alice, search_done()]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ScriptedLDAP]:
    with ScriptedLDAP(tmp_path, Undated()).running() as server:
        yield server


@pytest.fixture
async def stage(tmp_path: Path, server: ScriptedLDAP) -> AsyncIterator[Stage]:
    directory = ActiveDirectory(settings_for(server.url, ca_file=server.ca_file))
    async with running_portal(tmp_path, scripted=directory) as stage:  # type: ignore[arg-type]
        yield stage


async def status(stage: Stage) -> int:
    return (await stage.password(stage.browser(), "alice@corp.example", "right")).status


async def signs_in(stage: Stage) -> bool:
    page = await stage.sign_in(stage.browser(), username="alice@corp.example", password="right")
    return page.status == 303


async def test_it_waits_from_the_first_time_it_is_seen(stage: Stage) -> None:
    assert await status(stage) == 403
    assert stage.log[-1]["reason"] == "mobile_changed_lately"
    stage.now += DAY - 60
    assert await status(stage) == 403
    stage.now += 120
    assert await signs_in(stage)


async def test_another_number_waits_again_and_the_one_used_last_never(stage: Stage, server: ScriptedLDAP) -> None:
    assert await status(stage) == 403
    stage.now += DAY + 60
    assert await signs_in(stage)
    assert isinstance(server.script, Undated)
    server.script.mobile = "07400 999999"
    assert await status(stage) == 403
    assert [message.number for message in stage.phone.messages] == ["+447400123456"]
    server.script.mobile = "07400 123456"
    assert await signs_in(stage)


async def test_where_fresh_numbers_are_sent_to_nobody_waits(tmp_path: Path, server: ScriptedLDAP) -> None:
    directory = ActiveDirectory(settings_for(server.url, ca_file=server.ca_file))
    async with running_portal(tmp_path, scripted=directory, mobile={"then": "send"}) as stage:  # type: ignore[arg-type]
        assert await signs_in(stage)


@pytest.mark.parametrize("needs", [True, False])
async def test_check_says_that_numbers_cannot_be_dated_where_it_matters(server: ScriptedLDAP, needs: bool) -> None:
    directory = ActiveDirectory(settings_for(server.url, ca_file=server.ca_file), needs_change_times=needs)
    server.script = _with_alice_among_persons(server)
    told = [each.detail for each in await directory.check() if "rights" in each.subject]
    await directory.close()
    assert ("replPropertyMetaData" in told[0]) is needs


def _with_alice_among_persons(server: ScriptedLDAP):  # type: ignore[no-untyped-def]
    undated = server.script

    def script(request: Request) -> list[bytes] | None:
        is_about_her = request.name.startswith("<GUID=") or (
            request.kind == SEARCH and b"objectCategory" in request.body
        )
        if not is_about_her:
            return None
        return undated(Request(kind=SEARCH, name=ALICE_DN))

    return script
