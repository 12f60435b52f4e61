"""Everybody's groups, read at once, are those that a sign-in is told one by one."""

from __future__ import annotations

import time
from pathlib import Path

from argon2 import PasswordHasher

from config.settings import LocalDirectorySettings
from directory.active_directory.active_directory import ActiveDirectory
from directory.directory import RefusalReason
from directory.local_users import LocalDirectory
from directory.population import population
from tests.support.samba import settings_for
from tests.support.samba_dc import SambaDC

NAMES = ("Wiki Users", "Wiki Editors", "Payroll Users", "Everybody's List", "Domain Users", "Users", "No Such Group")


async def test_groups_of_a_real_domain_are_those_of_a_sign_in_nested_and_primary_ones_too(corp: SambaDC) -> None:
    settings = settings_for(corp)
    # A security group in a distribution group that is in a third one: the line ends there.
    corp.modify(
        f"dn: CN=Beyond the list,{corp.base_dn}\nchangetype: add\nobjectClass: group\nsAMAccountName: Beyond\n"
        f"member: CN=Everybody's List,CN=Users,{corp.base_dn}\n\n"
    )
    try:
        names = frozenset((*NAMES, "Beyond"))
        found = population(settings, names, without=["Wiki Editors"], now=time.time())
        directory = ActiveDirectory(settings, groups=names)
        try:
            told = {guid: await directory.state(guid) for guid in found.persons}
        finally:
            await directory.close()
    finally:
        corp.modify(f"dn: CN=Beyond the list,{corp.base_dn}\nchangetype: delete\n\n")
    assert {guid: each.principal.groups for guid, each in found.persons.items()} == {
        guid: state.principal.groups for guid, state in told.items() if state is not None
    }
    by_name = {each.principal.username: each for each in found.persons.values()}
    assert by_name["alice"].principal.groups >= {"Wiki Users", "Wiki Editors", "Domain Users", "Users"}
    assert by_name["alice"].groups_without == by_name["alice"].principal.groups - {"Wiki Users", "Wiki Editors"}
    assert by_name["erin"].groups_without >= {"Wiki Users"}
    assert by_name["disabled"].refusals == (RefusalReason.DISABLED,)
    assert by_name["expired"].refusals == (RefusalReason.ACCOUNT_EXPIRED,)
    assert by_name["bob"].principal.mobiles == ("07400 654321",)
    assert set(found.group_problems) == {"No Such Group", "Everybody's List"}


async def test_people_of_a_file_are_read_as_their_directory_has_them(tmp_path: Path) -> None:
    hashed = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1).hash("x")
    file = tmp_path / "users.toml"
    file.write_text(
        f'[[users]]\nusername = "ann"\npassword_hash = "{hashed}"\ngroups = ["wiki users", "Staff"]\n'
        f'[[users]]\nusername = "ben"\npassword_hash = "{hashed}"\ndisabled = true\n'
    )
    settings = LocalDirectorySettings(type="local", name="local", file=file)
    found = population(settings, ["Wiki Users", "Nobody's"], without=["STAFF"], now=0.0)
    directory = LocalDirectory(settings, groups=["Wiki Users", "Nobody's"])
    for guid, each in found.persons.items():
        state = await directory.state(guid)
        assert state is not None
        assert (state.principal, state.refusals) == (each.principal, each.refusals)
    await directory.close()
    assert found.group_problems == {"Nobody's": "nobody is in it"}
    gone = population(settings, ["Wiki Users"], without=["WIKI users"], now=0.0)
    assert [each.groups_without for each in gone.persons.values()] == [frozenset(), frozenset()]
