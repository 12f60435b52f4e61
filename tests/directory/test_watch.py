"""What a real domain tells of changes, and what it does not tell of."""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from directory.active_directory.active_directory import ActiveDirectory
from directory.active_directory.usn_watch import MOST_LOOKED_AT
from directory.directory import Changes, WatchedDirectory
from directory.principal import Principal
from tests.directory.contract import found
from tests.support import changes as admin
from tests.support.samba import PASSWORD, person, settings_for
from tests.support.samba_dc import SambaDC
from tests.support.samba_people import DomainGroup

GROUPS = frozenset({"Watched Users"})
NAMES = ("disable", "expire", "lock", "delete", "password", "group", "mobile", "primary")


@pytest.fixture(scope="module")
def domain(corp: SambaDC) -> SambaDC:
    corp.add(
        [person(f"seen-{name}") for name in NAMES],
        [
            DomainGroup(name="Watched Inner", members=["seen-group"]),
            DomainGroup(name="Watched Middle", members=["Watched Inner"]),
            DomainGroup(name="Watched Users", members=["Watched Middle"]),
            DomainGroup(name="Not Watched", members=["seen-group"]),
        ],
    )
    return corp


@pytest.fixture
async def directory(domain: SambaDC) -> AsyncIterator[ActiveDirectory]:
    directory = ActiveDirectory(settings_for(domain), GROUPS)
    assert isinstance(directory, WatchedDirectory)
    yield directory
    await directory.close()


async def principal_of(directory: ActiveDirectory, name: str) -> Principal:
    principal = await directory.authenticate(await found(directory, name), PASSWORD)
    assert isinstance(principal, Principal)
    return principal


async def told_of(directory: ActiveDirectory) -> Changes | None:
    told = await directory.changes()
    assert len(told) <= 1
    return told[0] if told else None


async def test_the_first_look_tells_that_everybody_has_to_be_read(directory: ActiveDirectory) -> None:
    told = await told_of(directory)
    assert told is not None
    assert told.is_gap
    assert told.groups == GROUPS


async def test_a_domain_where_nothing_happens_tells_nothing(directory: ActiveDirectory) -> None:
    await directory.changes()
    assert await directory.changes() == []


@pytest.mark.parametrize("what", ["disable", "expire", "lock"])
async def test_an_account_that_ends_is_told_and_then_read_as_nobody(
    directory: ActiveDirectory, domain: SambaDC, what: str
) -> None:
    before = await principal_of(directory, f"seen-{what}")
    await directory.changes()
    getattr(admin, what)(domain, f"seen-{what}")
    told = await told_of(directory)
    assert told is not None
    assert not told.is_gap
    assert before.guid in told.entries
    assert await directory.read_at(before.guid, told.seen_at) is None


async def test_a_changed_password_and_a_changed_number_are_told(directory: ActiveDirectory, domain: SambaDC) -> None:
    passwords, mobiles = [await principal_of(directory, f"seen-{name}") for name in ("password", "mobile")]
    await directory.changes()
    admin.set_password(domain, "seen-password", "An other pass-word 1")
    admin.modify(domain, "seen-mobile", "replace: mobile\nmobile: 07400 111111")
    told = await told_of(directory)
    assert told is not None
    assert told.entries >= {passwords.guid, mobiles.guid}
    after = await directory.read_at(passwords.guid, told.seen_at)
    assert after is not None
    assert passwords.password_set_at is not None
    assert after.password_set_at is not None
    assert after.password_set_at > passwords.password_set_at
    after = await directory.read_at(mobiles.guid, told.seen_at)
    assert after is not None
    assert after.mobiles == ("07400 111111",)


async def test_a_deleted_person_is_not_told_but_that_something_happened_is_and_they_are_doubtful(
    directory: ActiveDirectory, domain: SambaDC
) -> None:
    gone, there = [await principal_of(directory, f"seen-{name}") for name in ("delete", "primary")]
    assert await directory.doubtful([gone.guid, there.guid]) == frozenset()
    await directory.changes()
    admin.modify(domain, "seen-primary", "replace: description\ndescription: b")
    told = await told_of(directory)
    assert told is not None
    assert not told.is_partial
    admin.delete(domain, "seen-delete")
    told = await told_of(directory)
    assert told is not None
    assert gone.guid not in told.entries
    assert told.is_partial
    assert await directory.doubtful([gone.guid, there.guid]) == {gone.guid}
    assert await directory.read_at(gone.guid, "") is None


async def test_an_account_that_expires_by_itself_is_doubtful(domain: SambaDC) -> None:
    now = 0.0
    directory = ActiveDirectory(settings_for(domain), GROUPS, clock=lambda: now)
    try:
        admin.expire(domain, "seen-primary")
        account = await found(directory, "seen-primary")
        assert account is not None
        assert await directory.doubtful([account.guid]) == frozenset()
        now = 9e9
        assert await directory.doubtful([account.guid]) == {account.guid}
    finally:
        admin.modify(domain, "seen-primary", "replace: accountExpires\naccountExpires: 0")
        await directory.close()


@pytest.mark.parametrize("group", ["Watched Users", "Watched Middle", "Watched Inner"])
async def test_a_change_anywhere_inside_a_configured_group_is_told_as_that_groups(
    directory: ActiveDirectory, domain: SambaDC, group: str
) -> None:
    await directory.changes()
    admin.add_member(domain, group, "seen-primary")
    told = await told_of(directory)
    assert told is not None
    assert told.groups == GROUPS
    admin.remove_member(domain, group, "seen-primary")
    told = await told_of(directory)
    assert told is not None
    assert told.groups == GROUPS


async def test_a_group_that_nobody_asks_for_is_not_told(directory: ActiveDirectory, domain: SambaDC) -> None:
    await directory.changes()
    admin.remove_member(domain, "Not Watched", "seen-group")
    told = await told_of(directory)
    assert told is not None
    assert told.groups == frozenset()


async def test_a_group_taken_out_deep_inside_and_one_that_is_deleted_are_told(
    directory: ActiveDirectory, domain: SambaDC
) -> None:
    who = await principal_of(directory, "seen-group")
    assert who.groups == GROUPS
    await directory.changes()
    admin.remove_member(domain, "Watched Users", "Watched Middle")
    told = await told_of(directory)
    assert told is not None
    assert told.groups == GROUPS
    after = await directory.read_at(who.guid, told.seen_at)
    assert after is not None
    assert after.groups == frozenset()
    admin.add_member(domain, "Watched Users", "Watched Middle")
    await directory.changes()
    admin.delete(domain, "Watched Middle")
    told = await told_of(directory)
    assert told is not None
    assert told.groups == GROUPS
    after = await directory.read_at(who.guid, told.seen_at)
    assert after is not None
    assert after.groups == frozenset()


async def test_a_guid_that_nobody_has_is_doubtful(directory: ActiveDirectory) -> None:
    guid = str(uuid4())
    assert await directory.doubtful([guid]) == {guid}


async def test_more_persons_than_fit_one_search_are_looked_at(directory: ActiveDirectory) -> None:
    there = [(await found(directory, name)) for name in ("alice", "bob", "erin")]
    guids = [each.guid for each in there if each is not None]
    nobody = [str(uuid4()) for _ in range(MOST_LOOKED_AT - 1)]
    assert len(guids) == 3
    assert await directory.doubtful([*nobody, *guids]) == set(nobody)
