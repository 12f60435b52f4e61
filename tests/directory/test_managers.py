"""Who stands above a person: pure, in a file, and in a real domain, where nobody may write their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import ldap3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.problems import ConfigurationError
from config.settings import LocalDirectorySettings
from directory.active_directory.active_directory import ActiveDirectory
from directory.local_users import LocalDirectory
from directory.managers import MOST_MANAGERS, ManagedDirectory, ManagerLine, line_above
from directory.principal import Account
from tests.directory.contract import found
from tests.portal.stage import HASH
from tests.support.samba import PASSWORD, person, settings_for
from tests.support.samba_dc import SambaDC

BELOW, BOSS, CHIEF = "m-below", "m-boss", "m-chief"


def loops(guid: str, **managers: str) -> bool:
    return ManagerLine(guids=line_above(guid, managers.get)).has_loop(guid)


def test_a_line_that_ends_has_no_loop() -> None:
    assert line_above("a", {"a": "b", "b": "c"}.get) == ("b", "c")
    assert not loops("a", a="b", b="c")
    assert not loops("a")


def test_a_loop_is_one_wherever_it_closes() -> None:
    assert loops("a", a="a")
    assert loops("a", a="b", b="a")
    assert loops("a", a="b", b="b")
    assert loops("a", a="b", b="c", c="d", d="b")


def test_a_line_that_is_not_followed_to_its_end_counts_as_one() -> None:
    line = {str(each): str(each + 1) for each in range(100)}
    assert len(line_above("0", line.get)) == MOST_MANAGERS
    assert loops("0", **line)
    assert not loops(str(101 - MOST_MANAGERS), **line)


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("abcdef")), st.sampled_from("abcdef"))
def test_following_a_line_ends(managers: dict[str, str], guid: str) -> None:
    line = line_above(guid, managers.get)
    seen, at = {guid}, guid
    while (above := managers.get(at)) is not None and above not in seen:
        seen.add(above)
        at = above
    assert ManagerLine(guids=line).has_loop(guid) == (above is not None)


def local(folder: Path, *users: str) -> LocalDirectory:
    file = folder / "users.toml"
    file.write_text("".join(f'[[users]]\npassword_hash = "{HASH}"\nusername = {each}\n' for each in users))
    return LocalDirectory(LocalDirectorySettings(type="local", name="local", file=file), groups=())


async def test_a_file_names_them_too(tmp_path: Path) -> None:
    directory = local(
        tmp_path, '"ann"\nmanager = "BOB"', '"bob"\nmanager = "cid"', '"cid"\ndisabled = true', '"dan"\nmanager = "cid"'
    )
    ann, bob, cid = [(await found(directory, name)).guid for name in ("ann", "bob", "cid")]
    line = await directory.managers(ann)
    assert line.guids == (bob, cid)
    assert line.manager == await directory.read(bob)
    assert await directory.managers(cid) == ManagerLine()
    assert await directory.managers((await found(directory, "dan")).guid) == ManagerLine(guids=(cid,))
    assert await directory.managers("somebody else") == ManagerLine()
    await directory.close()


def test_a_file_that_names_a_manager_who_is_not_in_it_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r'"ann".*manager: is no user of this file'):
        local(tmp_path, '"ann"\nmanager = "bob"')


@pytest.fixture(scope="module")
def managed(corp: SambaDC) -> SambaDC:
    corp.add([person(name) for name in (BELOW, BOSS, CHIEF)])
    return corp


@pytest.fixture
async def directory(managed: SambaDC) -> AsyncIterator[ActiveDirectory]:
    directory = ActiveDirectory(settings_for(managed))
    for name in (BELOW, BOSS, CHIEF):
        name_manager(managed, name, "")
    yield directory
    await directory.close()


def name_manager(dc: SambaDC, name: str, manager: str) -> None:
    """At once; an empty `manager` removes it."""
    value = f"manager: {manager if '=' in manager else dc.dn(manager)}\n" if manager else ""
    dc.modify(f"dn: {dc.dn(name)}\nchangetype: modify\nreplace: manager\n{value}")


def set_state(dc: SambaDC, name: str, account_control: int) -> None:
    change = f"replace: userAccountControl\nuserAccountControl: {account_control}\n"
    dc.modify(f"dn: {dc.dn(name)}\nchangetype: modify\n{change}")


async def accounts(directory: ActiveDirectory) -> list[Account]:
    return [await found(directory, name) for name in (BELOW, BOSS, CHIEF)]


async def test_a_domain_names_them_as_of_that_moment(directory: ActiveDirectory, managed: SambaDC) -> None:
    assert isinstance(directory, ManagedDirectory)
    below, boss, chief = await accounts(directory)
    assert await directory.managers(below.guid) == ManagerLine()
    name_manager(managed, BELOW, BOSS)
    line = await directory.managers(below.guid)
    assert (line.guids, line.manager) == ((boss.guid,), await directory.read(boss.guid))
    assert line.manager is not None
    name_manager(managed, BOSS, CHIEF)
    assert (await directory.managers(below.guid)).guids == (boss.guid, chief.guid)
    name_manager(managed, BELOW, CHIEF)
    assert (await directory.managers(below.guid)).guids == (chief.guid,)


async def test_a_disabled_manager_is_named_and_of_no_use(directory: ActiveDirectory, managed: SambaDC) -> None:
    below, boss, _ = await accounts(directory)
    name_manager(managed, BELOW, BOSS)
    set_state(managed, BOSS, 514)
    try:
        assert await directory.managers(below.guid) == ManagerLine(guids=(boss.guid,))
    finally:
        set_state(managed, BOSS, 512)


async def test_loops_of_a_domain_are_seen(directory: ActiveDirectory, managed: SambaDC) -> None:
    below, boss, chief = await accounts(directory)
    name_manager(managed, BELOW, BELOW)
    assert (await directory.managers(below.guid)).has_loop(below.guid)
    name_manager(managed, BELOW, BOSS)
    name_manager(managed, BOSS, CHIEF)
    name_manager(managed, CHIEF, BOSS)
    line = await directory.managers(below.guid)
    assert line.guids == (boss.guid, chief.guid, boss.guid)
    assert line.has_loop(below.guid)


async def test_what_is_no_person_manages_nobody(directory: ActiveDirectory, managed: SambaDC) -> None:
    below, _, _ = await accounts(directory)
    name_manager(managed, BELOW, managed.dn("Wiki Users"))
    assert await directory.managers(below.guid) == ManagerLine()


async def test_nobody_writes_their_own_manager_although_they_write_their_own_mobile(
    directory: ActiveDirectory, managed: SambaDC
) -> None:
    """`manager` is in Public-Information, which the schema's default rights let a person read only; `mobile` is in
    Personal-Information, which they may write."""
    below, boss, _ = await accounts(directory)
    server = ldap3.Server(managed.address, port=636, use_ssl=True, get_info=ldap3.NONE)
    as_below = ldap3.Connection(server, user=below.locator, password=PASSWORD)
    try:
        assert as_below.bind()
        assert not as_below.modify(below.locator, {"manager": [(ldap3.MODIFY_REPLACE, [boss.locator])]})
        assert as_below.result["description"] == "insufficientAccessRights"
        assert as_below.modify(below.locator, {"mobile": [(ldap3.MODIFY_REPLACE, ["07400 123456"])]})
    finally:
        as_below.unbind()
    assert await directory.managers(below.guid) == ManagerLine()


async def test_the_schema_puts_it_where_the_documents_say(managed: SambaDC) -> None:
    server = ldap3.Server(managed.address, port=636, use_ssl=True, get_info=ldap3.NONE)
    as_below = ldap3.Connection(server, user=managed.dn(BELOW), password=PASSWORD)
    public_information = bytes.fromhex("54018de4f8bcd111870200c04fb96050")
    try:
        assert as_below.bind()
        schema = f"CN=Schema,CN=Configuration,{managed.base_dn}"
        as_below.search(schema, "(lDAPDisplayName=manager)", attributes=["attributeSecurityGUID"])
        (entry,) = as_below.response
        assert entry["raw_attributes"]["attributeSecurityGUID"] == [public_information]
    finally:
        as_below.unbind()
