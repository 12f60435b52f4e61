"""Two domain controllers of one real domain, each with a copy and counts of its own, which replicate when told to."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from config.settings import ActiveDirectorySettings
from directory.active_directory.active_directory import ActiveDirectory
from directory.change_outcomes import PasswordChanged
from directory.directory import Changes, PasswordRefused, RefusalReason
from directory.principal import Principal
from tests.directory.contract import found
from tests.portal.stage import Stage, running_portal
from tests.support import changes as admin
from tests.support.samba import PASSWORD, SERVICE_PASSWORD, SERVICE_USER, person, settings_for
from tests.support.samba_dc import SambaDC
from tests.support.tcp_relay import TCPRelay
from tests.support.two_controllers import TwoControllers, two_controllers

HOME = "198.51.100.7"
THRESHOLD = 5
NEW = "An other pass-word 1"
PERSONS = (
    person(SERVICE_USER, password=SERVICE_PASSWORD, display_name="Gatepost", mobile=None),
    *(
        person(name)
        for name in ("lost", "guessed", "changes", "replaced", "disabled-there", "deleted-there", "locked-there")
    ),
)


@pytest.fixture(scope="module")
def two() -> Iterator[TwoControllers]:
    with two_controllers(
        domain="corp.example", netbios_name="CORP", persons=PERSONS, lockout_threshold=THRESHOLD
    ) as both:
        yield both


def settings_at(two: TwoControllers, *servers: str, **changes: object) -> ActiveDirectorySettings:
    return settings_for(two.first, servers=servers, ca_file=two.ca_file, **changes)


@asynccontextmanager
async def directory_at(two: TwoControllers, *servers: str) -> AsyncIterator[ActiveDirectory]:
    directory = ActiveDirectory(settings_at(two, *servers, timeout="3s"))
    try:
        yield directory
    finally:
        await directory.close()


def count_at(dc: SambaDC, two: TwoControllers, username: str) -> tuple[int, int]:
    """`badPwdCount` and `lockoutTime` of one controller's copy."""
    (copy,) = (each for each in two.both if each is dc)
    text = copy.said_of(f"(sAMAccountName={username})", "badPwdCount", "lockoutTime")
    values = dict(re.findall(r"^(badPwdCount|lockoutTime): ([0-9]+)$", text, flags=re.MULTILINE))
    return int(values.get("badPwdCount", 0)), int(values.get("lockoutTime", 0))


@pytest.mark.parametrize("lost", ["cut", "hang"])
async def test_sign_ins_go_on_at_the_other_controller(two: TwoControllers, lost: str) -> None:
    with (
        TCPRelay((two.first.address, 636), host=two.first.address).running() as way,
        TCPRelay((two.second.address, 636), host=two.second.address).running() as other,
    ):
        urls = [f"ldaps://{each.host}:{each.port}" for each in (way, other)]
        async with directory_at(two, *urls) as directory:
            account = await found(directory, "lost")
            heard: set[str] = set()
            for left, gone in ((other, way), (way, other)):
                getattr(gone, lost)()
                signed_in = await directory.authenticate(account, PASSWORD)
                assert isinstance(signed_in, Principal)
                assert signed_in.told_by == f"ldaps://{left.host}:{left.port} at {left.host}"
                gone.restore()
                # It is probed in the background. When it is asked for the first time, it tells of a gap.
                async with asyncio.timeout(20):
                    while f"ldaps://{gone.host}:{gone.port}" not in heard:
                        heard |= {each.seen_at for each in await directory.changes()}


@asynccontextmanager
async def two_nodes(folder: Path, two: TwoControllers) -> AsyncIterator[tuple[Stage, Stage]]:
    """Each asks the controller that is near it; they share a store."""
    limits = {"passwords_per_person": 50, "passwords_per_address": 1000, "sends_per_person": 50}
    async with AsyncExitStack() as stack:
        stages = []
        for dc in two.both:
            near = ActiveDirectory(settings_at(two, dc.url))
            portal = running_portal(folder, scripted=near, throttle=limits)  # type: ignore[arg-type]
            stages.append(await stack.enter_async_context(portal))
        yield stages[0], stages[1]


async def test_guesses_at_both_controllers_lock_nobody(two: TwoControllers, tmp_path: Path) -> None:
    name = f"guessed@{two.first.domain}"
    async with two_nodes(tmp_path, two) as nodes:
        for node in nodes:
            landing = await node.sign_in(node.browser(address=HOME), username=name, password=PASSWORD)
            assert landing.status == 303
        guesses = [
            nodes[number % 2].password(nodes[number % 2].browser(address=address), name, f"guess {number} {address}")
            for number in range(20)
            for address in (HOME, f"203.0.113.{number}")
        ]
        assert {page.status for page in await asyncio.gather(*guesses)} == {401}
        counts = [count_at(dc, two, "guessed") for dc in two.both]
        assert sum(count for count, _ in counts) == THRESHOLD - 2
        assert all(locked == 0 for _, locked in counts)
        # A sign-in at one clears nothing at the other, and so wins no guesses there.
        for node in nodes:
            node.now += 1900.0
        for turn in range(4):
            for node in nodes:
                for tried in range(2):
                    await node.password(node.browser(address=HOME), name, f"later {turn} {tried} {id(node)}")
            await nodes[turn % 2].password(nodes[turn % 2].browser(address=HOME), name, PASSWORD)
        for source, to in (two.both, two.both[::-1]):
            two.replicate(source, to)
        for dc in two.both:
            count, locked = count_at(dc, two, "guessed")
            assert (count < THRESHOLD, locked) == (True, 0)


async def test_a_password_changed_at_one_is_taken_by_the_other_once_that_knows(two: TwoControllers) -> None:
    async with directory_at(two, two.first.url) as here, directory_at(two, two.second.url) as there:
        account = await found(here, "changes")
        changed = await here.change_password(account.guid, PASSWORD, NEW)
        assert isinstance(changed, PasswordChanged)
        assert changed.principal is not None
        assert await there.authenticate(account, NEW) == PasswordRefused(RefusalReason.WRONG_PASSWORD)
        before = await there.read(account.guid)
        two.replicate(two.first, two.second)
        after = await there.authenticate(account, NEW)
        assert isinstance(after, Principal)
        assert before is not None
        assert after.password_set_at == changed.principal.password_set_at != before.password_set_at


async def test_a_password_that_was_replaced_at_one_opens_nothing_at_the_other_that_still_takes_it(
    two: TwoControllers, tmp_path: Path
) -> None:
    name = f"replaced@{two.first.domain}"
    async with two_nodes(tmp_path, two) as (here, there):
        browser = here.browser(address=HOME)
        await here.sign_in(browser, username=name, password=PASSWORD)
        page = "https://signin.corp.example/.gatepost/password"
        form = await browser.get(page)
        answer = await browser.post(page, {**form.hidden, "current": PASSWORD, "new": NEW, "again": NEW})
        assert answer.status == 303
        async with directory_at(two, two.second.url) as directory:
            assert isinstance(await directory.authenticate(await found(directory, "replaced"), PASSWORD), Principal)
        assert (await there.password(there.browser(address=HOME), name, PASSWORD)).status == 401
        two.replicate(two.first, two.second)
        assert (await there.password(there.browser(address=HOME), name, PASSWORD)).status == 401
        assert (await there.password(there.browser(address=HOME), name, NEW)).status == 303


def is_told(changes: Changes, guid: str) -> bool:
    """A deletion is not told, but that something happened is."""
    return guid in changes.entries or changes.is_partial


CHANGES = {"disabled-there": admin.disable, "deleted-there": admin.delete, "locked-there": admin.lock}


@pytest.mark.parametrize("username", CHANGES)
async def test_the_watch_tells_what_was_changed_at_the_other_controller(two: TwoControllers, username: str) -> None:
    async with directory_at(two, two.first.url, two.second.url) as both, directory_at(two, two.first.url) as first:
        account = await found(both, username)
        for directory in (both, first):
            await directory.changes()
        CHANGES[username](two.second, username)
        told = [each for each in await both.changes() if is_told(each, account.guid)]
        assert [each.seen_at for each in told] == [f"{two.second.url}:636"]
        assert await both.read_at(account.guid, told[0].seen_at) is None
        # Who asks the first one alone hears of it with the replication.
        assert not any(is_told(each, account.guid) for each in await first.changes())
        assert await first.read(account.guid) is not None
        two.replicate(two.second, two.first)
        assert any(is_told(each, account.guid) for each in await first.changes())
        assert await first.read(account.guid) is None
