"""Groups of a real domain: nested, primary, by name, DN and SID, and those that can admit nobody."""

from __future__ import annotations

import time

import pytest

from directory.active_directory.account import sid_bytes, sid_text
from directory.active_directory.active_directory import ActiveDirectory
from directory.active_directory.groups import MAX_ALL_GROUPS, ConfiguredGroups
from directory.principal import Principal
from tests.directory.contract import found
from tests.support.samba import ALICE_PASSWORD, PASSWORD, settings_for
from tests.support.samba_dc import SambaDC
from tests.support.samba_people import DomainGroup, DomainPerson


async def groups_of(corp: SambaDC, *names: str, all_groups: bool = False) -> tuple[Principal, dict[str, str]]:
    """Alice with these groups configured, and what the check finds wrong with them."""
    directory = ActiveDirectory(settings_for(corp), frozenset(names), all_groups)
    try:
        principal = await directory.authenticate(await found(directory, "alice"), ALICE_PASSWORD)
        assert isinstance(principal, Principal)
        checked = await directory.check()
    finally:
        await directory.close()
    return principal, {each.subject.rpartition(" group ")[2]: each.detail for each in checked if not each.ok}


async def test_membership_through_another_group_counts(corp: SambaDC) -> None:
    principal, problems = await groups_of(corp, "Wiki Users", "Wiki Editors", "Payroll Users")
    assert principal.groups == {"Wiki Users", "Wiki Editors"}
    assert not problems


async def test_the_primary_group_counts(corp: SambaDC) -> None:
    principal, _ = await groups_of(corp, "Domain Users")
    assert principal.groups == {"Domain Users"}


async def test_a_group_is_named_as_the_configuration_writes_it(corp: SambaDC) -> None:
    spellings = ("wiki users", "CORP\\Wiki Users", corp.dn("Wiki Users"), corp.dn("wiki users").lower())
    principal, problems = await groups_of(corp, *spellings)
    assert principal.groups == set(spellings)
    assert not problems


async def test_a_group_is_known_by_its_sid(corp: SambaDC) -> None:
    builtin_users = sid_text(bytes.fromhex("01020000000000052000000021020000"))
    principal, problems = await groups_of(corp, builtin_users, "S-1-5-32-544")
    assert principal.groups == {"S-1-5-32-545"}
    assert not problems


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("No Such Group", "no such group"),
        ("OTHER\\Wiki Users", "no such group"),
        ("Wiki*", "no such group"),
        ("*)(objectClass=*", "no such group"),
        ("alice", "no such group"),
        ("CN=Nowhere,DC=corp,DC=example", "no such group"),
        ("CN=Wiki Users,DC=else,DC=where", "no such group"),
        ("not a = DN", "no such group"),
        ("S-1-5-21-1-2-3-4", "no such group"),
        (" Wiki Users", "no such group"),
        ("Everybody's List", "distribution group"),
    ],
)
async def test_a_group_that_cannot_be_used_admits_nobody_and_is_reported(
    corp: SambaDC, name: str, problem: str
) -> None:
    principal, problems = await groups_of(corp, name, "Wiki Users")
    assert principal.groups == {"Wiki Users"}
    assert problem in problems[name]


async def test_an_ambiguous_group_admits_nobody_and_is_reported(corp: SambaDC) -> None:
    corp.modify(f"dn: OU=Twins,{corp.base_dn}\nchangetype: add\nobjectClass: organizationalUnit\n")
    for number in (1, 2):
        corp.modify(
            f"dn: CN=Namesakes,{f'OU=Twins,{corp.base_dn}' if number == 1 else f'CN=Users,{corp.base_dn}'}\n"
            f"changetype: add\nobjectClass: group\nsAMAccountName: namesakes-{number}\nmember: {corp.dn('alice')}\n"
        )
    principal, problems = await groups_of(corp, "Namesakes", "namesakes-1")
    assert principal.groups == {"namesakes-1"}
    assert "more than one" in problems["Namesakes"]
    for container in ("OU=Twins", "CN=Users"):
        corp.modify(f"dn: CN=Namesakes,{container},{corp.base_dn}\nchangetype: delete\n")


async def test_all_groups_are_named_on_request(corp: SambaDC) -> None:
    principal, _ = await groups_of(corp, all_groups=True)
    assert {"Domain Users", "Users", "Wiki Editors", "Wiki Users"} <= set(principal.all_groups)
    assert "Payroll Users" not in principal.all_groups
    principal, _ = await groups_of(corp, "Wiki Users")
    assert principal.all_groups == ()


async def test_a_person_in_five_hundred_groups_signs_in_as_quickly(corp: SambaDC) -> None:
    """Most of what it costs is the domain controller's; here it must not grow with the product of both numbers."""
    joiner = DomainPerson(username="joiner", password=PASSWORD)
    groups = [DomainGroup(name=f"Club {number}", members=["joiner"]) for number in range(500)]
    groups.append(DomainGroup(name="All Clubs", members=["Club 499"]))
    corp.add([joiner], groups)
    wanted = frozenset({"All Clubs", "Domain Users", *(f"Club {number}" for number in range(0, 500, 10)), "Wiki Users"})
    directory = ActiveDirectory(settings_for(corp), wanted, True)
    account = await found(directory, "joiner")
    principal = await directory.authenticate(account, PASSWORD)
    assert isinstance(principal, Principal)
    assert principal.groups == wanted - {"Wiki Users"}
    assert len(principal.all_groups) == MAX_ALL_GROUPS
    await directory.close()
    directory = ActiveDirectory(settings_for(corp), wanted)
    await directory.prepare()
    await directory.read(account.guid)
    started_at, cpu_before = time.monotonic(), time.process_time()
    for _ in range(10):
        assert await directory.read(account.guid) is not None
    assert (time.process_time() - cpu_before) / 10 < 0.02
    assert (time.monotonic() - started_at) / 10 < 0.3
    await directory.close()


async def test_a_sid_of_another_domain_counts_without_being_found(corp: SambaDC) -> None:
    """A universal group of the forest: its SID is in tokenGroups, and it is in no search of this domain."""
    principal, problems = await groups_of(corp, "S-1-5-21-1-2-3-4")
    assert principal.groups == frozenset()
    assert "no such group" in problems["S-1-5-21-1-2-3-4"]
    foreign = sid_bytes("S-1-5-21-1-2-3-4")
    resolved = ConfiguredGroups(names_by_sid={foreign: frozenset({"S-1-5-21-1-2-3-4"})}, problems={})
    assert resolved.of(frozenset({foreign})) == {"S-1-5-21-1-2-3-4"}
