"""Changes in a domain with several controllers, some of which hang, are cut off, come back or are restored."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest

from directory.active_directory.active_directory import ActiveDirectory
from directory.active_directory.usn_watch import MOST_ENTRIES
from directory.directory import Changes
from directory.errors import DirectoryUnavailable
from directory.principal import Principal
from tests.directory.contract import found
from tests.support import changes as admin
from tests.support.samba import PASSWORD, person
from tests.support.samba import settings_for as settings_for_domain
from tests.support.samba_dc import SambaDC
from tests.support.scripted_ldap import BASE_DN, Request, ScriptedLDAP, entry, search_done, settings_for
from tests.support.tcp_relay import TCPRelay

WITHIN_SECONDS = 5.0
NAMES = ("cut", "hang")
ONE, OTHER = (UUID(int=number) for number in (1, 2))


@dataclass
class Copy:
    """One controller's copy of the scripted domain, which counts for itself."""

    invocation: bytes
    highest: int = 1000
    changed: dict[UUID, int] = field(default_factory=dict)
    searched: list[int] = field(default_factory=list)

    def change(self, guid: UUID) -> None:
        self.highest += 1
        self.changed[guid] = self.highest

    def answer(self, request: Request) -> list[bytes] | None:
        if request.name == "" and b"highestCommittedUSN" in request.body:
            told = {"highestCommittedUSN": str(self.highest), "dsServiceName": f"CN=NTDS Settings,{BASE_DN}"}
            return [entry("", **told), search_done()]
        if request.name.startswith("CN=NTDS Settings"):
            return [entry(request.name, invocationId=self.invocation), search_done()]
        asked = re.search(rb"uSNChanged\x04.(\d+)", request.body, re.DOTALL)
        if asked is None:
            return None
        since = int(asked[1])
        self.searched.append(since)
        changed = [guid for guid, usn in self.changed.items() if usn >= since]
        return [*(entry(f"CN={each},{BASE_DN}", objectGUID=each.bytes_le) for each in changed), search_done()]


@dataclass
class Domain:
    copies: Sequence[Copy]
    relays: Sequence[TCPRelay]
    directory: ActiveDirectory

    async def told(self) -> list[Changes]:
        return list(await self.directory.changes())

    async def entries(self) -> set[str]:
        told = await self.told()
        assert not any(each.is_gap for each in told)
        return {guid for each in told for guid in each.entries}

    async def told_once_it_is_back(self, server: int) -> Changes:
        """The first that this controller tells after it was lost."""
        seen_at = f"ldaps://127.0.0.1:{self.relays[server].port}"
        async with asyncio.timeout(20):
            while True:
                for each in await self.told():
                    if each.seen_at == seen_at:
                        return each
                await asyncio.sleep(0.02)  # it is probed in the background


@pytest.fixture
async def scripted(tmp_path: Path) -> AsyncIterator[Domain]:
    with contextlib.ExitStack() as stack:
        copies = [Copy(invocation=bytes([number]) * 16, highest=number * 1000) for number in (1, 2)]
        servers = [stack.enter_context(ScriptedLDAP(tmp_path, script=each.answer).running()) for each in copies]
        relays = [stack.enter_context(TCPRelay(("127.0.0.1", each.port)).running()) for each in servers]
        urls = [f"ldaps://127.0.0.1:{each.port}" for each in relays]
        directory = ActiveDirectory(settings_for(*urls, ca_file=servers[0].ca_file, timeout="2s"))
        domain = Domain(copies, relays, directory)
        assert [each.is_gap for each in await domain.told()] == [True, True]
        assert await domain.told() == []
        yield domain
        await directory.close()


async def test_a_change_is_told_by_each_controller_as_it_comes_to_know_of_it(scripted: Domain) -> None:
    scripted.copies[1].change(ONE)
    assert await scripted.entries() == {str(ONE)}
    scripted.copies[0].change(ONE)
    assert await scripted.entries() == {str(ONE)}
    assert await scripted.entries() == set()


@pytest.mark.parametrize("lost", ["cut", "hang"])
async def test_what_changes_while_one_is_lost_is_told_by_another_and_by_the_one_that_comes_back(
    scripted: Domain, lost: str
) -> None:
    scripted.copies[0].change(OTHER)
    await scripted.told()
    getattr(scripted.relays[0], lost)()
    scripted.copies[1].change(ONE)
    started_at = time.monotonic()
    assert await scripted.entries() == {str(ONE)}
    assert time.monotonic() - started_at < WITHIN_SECONDS
    scripted.copies[0].change(ONE)  # replicated while nobody could ask it
    scripted.relays[0].restore()
    back = await scripted.told_once_it_is_back(0)
    assert not back.is_gap
    assert back.entries == {str(ONE)}  # nothing of what it told before, nothing missed


async def test_a_controller_that_comes_back_unchanged_tells_nothing(scripted: Domain) -> None:
    scripted.relays[0].cut()
    scripted.copies[1].change(ONE)
    await scripted.told()
    searched = list(scripted.copies[0].searched)
    scripted.relays[0].restore()
    scripted.copies[0].change(OTHER)
    back = await scripted.told_once_it_is_back(0)
    assert back.entries == {str(OTHER)}
    assert scripted.copies[0].searched[len(searched) :] == [1001]


async def test_a_controller_restored_from_a_backup_has_everybody_read_again(scripted: Domain) -> None:
    """Its numbers start again below what was told, under another invocationId (MS-ADTS section 3.1.1.1.9)."""
    scripted.copies[0].invocation = b"\xaa" * 16
    scripted.copies[0].highest = 500
    scripted.copies[0].change(ONE)
    told = await scripted.told()
    assert [each.is_gap for each in told] == [True]


async def test_with_all_lost_nothing_is_told_and_nothing_is_missed(scripted: Domain) -> None:
    for relay in scripted.relays:
        relay.cut()
    with pytest.raises(DirectoryUnavailable):
        await scripted.told()
    scripted.copies[0].change(ONE)
    for relay in scripted.relays:
        relay.restore()
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(DirectoryUnavailable):
                told = await scripted.told()
                if told:
                    break
            await asyncio.sleep(0.02)
    assert [(each.entries, each.is_gap) for each in told] == [(frozenset({str(ONE)}), False)]


@pytest.mark.parametrize(("count", "is_gap"), [(MOST_ENTRIES - 1, False), (MOST_ENTRIES, True)])
async def test_more_changes_than_one_answer_holds_are_a_gap(scripted: Domain, count: int, is_gap: bool) -> None:
    for number in range(count):
        scripted.copies[0].change(UUID(int=1000 + number))
    (told,) = await scripted.told()
    assert told.is_gap is is_gap
    assert len(told.entries) == count


@pytest.fixture
def relays(corp: SambaDC) -> Iterator[tuple[TCPRelay, TCPRelay]]:
    corp.add([person(f"lost-{name}") for name in NAMES], [])
    with (
        TCPRelay((corp.address, 636), host=corp.address).running() as first,
        TCPRelay((corp.address, 636), host=corp.address).running() as second,
    ):
        yield first, second


async def test_a_real_account_that_ends_while_a_controller_is_lost_is_told_and_read_through_another(
    corp: SambaDC, relays: tuple[TCPRelay, TCPRelay]
) -> None:
    servers = [f"ldaps://{each.host}:{each.port}" for each in relays]
    directory = ActiveDirectory(settings_for_domain(corp, servers=servers, timeout="3s"))
    try:
        for name, lost in (("cut", TCPRelay.cut), ("hang", TCPRelay.hang)):
            who = await directory.authenticate(await found(directory, f"lost-{name}"), PASSWORD)
            assert isinstance(who, Principal)
            await directory.changes()
            lost(relays[0])
            admin.disable(corp, f"lost-{name}")
            started_at = time.monotonic()
            told = await directory.changes()
            assert who.guid in frozenset().union(*(each.entries for each in told))
            assert await directory.read_at(who.guid, told[-1].seen_at) is None
            assert time.monotonic() - started_at < WITHIN_SECONDS
            relays[0].restore()
    finally:
        await directory.close()
