"""Two real domains, two forests: the way a name is written chooses one of them, and nothing is tried at the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.settings import LocalDirectorySettings
from directory.active_directory.active_directory import ActiveDirectory
from directory.directory import CheckResult, PasswordRefused, RefusalReason
from directory.local_users import LocalDirectory
from directory.principal import Principal
from directory.realms import Realms, settle_groups
from tests.directory.contract import found, parsed
from tests.support.samba import ALICE_PASSWORD, CONFIGURED_GROUPS, PASSWORD, settings_for
from tests.support.samba_dc import SambaDC
from tests.support.scripted_ldap import ALICE_DN, HangUp, Request, ScriptedLDAP
from tests.support.scripted_ldap import settings_for as scripted_settings

GROUPS = CONFIGURED_GROUPS | {"OTHER\\Domain Users", "Wiki Usres"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forests:
    realms: Realms
    corp: ActiveDirectory
    other: ActiveDirectory


@pytest.fixture
async def forests(corp: SambaDC, other_domain: SambaDC) -> AsyncIterator[Forests]:
    first = ActiveDirectory(settings_for(corp), GROUPS)
    second = ActiveDirectory(settings_for(other_domain), GROUPS)
    realms = Realms([first, second], default="other")
    await realms.prepare()
    yield Forests(realms=realms, corp=first, other=second)
    await realms.close()


@pytest.mark.parametrize(
    ("typed", "realm"),
    [
        ("alice", "other"),
        ("CORP\\alice", "corp"),
        ("corp.example\\alice", "corp"),
        ("alice@corp.example", "corp"),
        ("alice@CORP.EXAMPLE", "corp"),
        ("erin.smith@people.example", "corp"),
        ("other\\alice", "other"),
        ("alice@other.example", "other"),
        ("alice@example", None),
        ("THIRD\\alice", None),
        ("alice@third.example", None),
    ],
)
async def test_the_way_a_name_is_written_chooses_the_domain(forests: Forests, typed: str, realm: str | None) -> None:
    chosen = forests.realms.choose(parsed(typed))
    assert (chosen and chosen.realm) == realm


async def test_the_same_name_in_two_domains_is_two_persons(forests: Forests) -> None:
    for typed, password, mobile in (
        ("CORP\\alice", ALICE_PASSWORD, "07400 123456"),
        ("OTHER\\alice", PASSWORD, "07400 999999"),
        ("alice", PASSWORD, "07400 999999"),
    ):
        chosen = forests.realms.choose(parsed(typed))
        assert chosen is not None
        principal = await chosen.authenticate(await found(chosen, typed), password)
        assert isinstance(principal, Principal)
        assert (principal.realm, principal.mobiles) == (chosen.realm, (mobile,))


async def test_one_domains_password_opens_nothing_in_the_other(forests: Forests) -> None:
    account = await found(forests.corp, "CORP\\alice")
    wrong = PasswordRefused(RefusalReason.WRONG_PASSWORD)
    assert await forests.corp.authenticate(account, PASSWORD) == wrong
    assert isinstance(await forests.other.authenticate(account, ALICE_PASSWORD), PasswordRefused)


async def test_a_group_is_looked_for_in_the_domain_that_it_names(forests: Forests) -> None:
    alice = await forests.other.authenticate(await found(forests.other, "OTHER\\alice"), PASSWORD)
    assert isinstance(alice, Principal)
    assert alice.groups == {"OTHER\\Domain Users"}
    bob = await forests.corp.authenticate(await found(forests.corp, "CORP\\bob"), PASSWORD)
    assert isinstance(bob, Principal)
    assert bob.groups == {"Payroll Users"}, "Domain Users of another domain are other people"


async def test_a_group_that_one_realm_has_is_in_order_and_a_typing_error_is_not(forests: Forests) -> None:
    failed = [result for result in await forests.realms.check() if not result.ok]
    assert {result.group for result in failed} == {"Wiki Usres"}


def test_only_a_group_that_is_found_somewhere_is_settled() -> None:
    results = [
        CheckResult(subject="a", ok=True, detail="found", group="A"),
        CheckResult(subject="b", ok=False, detail="no such group", group="A"),
        CheckResult(subject="c", ok=False, detail="no such group", group="B"),
        CheckResult(subject="d", ok=False, detail="refused"),
    ]
    assert [result.ok for result in settle_groups(results)] == [True, True, False, False]


def scripted(server: ScriptedLDAP, name: str, **changes: object) -> ActiveDirectory:
    domain = {"name": name, "domain": f"{name}.example", "netbios_name": name.upper(), **changes}
    return ActiveDirectory(scripted_settings(server.url, ca_file=server.ca_file, **domain))


async def test_a_suffix_of_two_domains_of_one_forest_chooses_neither(tmp_path: Path) -> None:
    """AD does not say whose it is, so the operator has to."""
    with ScriptedLDAP(tmp_path).running() as server:
        for told, expected in ((None, None), (("people.example",), "one")):
            one = scripted(server, "one", upn_suffixes=told)
            two = scripted(server, "two", upn_suffixes=() if told else None)
            realms = Realms([one, two])
            await realms.prepare()
            chosen = realms.choose(parsed("alice@people.example"))
            assert (chosen and chosen.realm) == expected
            await realms.close()
        assert not server.binds(ALICE_DN)


async def test_a_configured_suffix_counts_before_the_domain_was_reached(tmp_path: Path) -> None:
    with ScriptedLDAP(tmp_path).running() as server:
        directory = scripted(server, "one", upn_suffixes=("people.example",))
        assert directory.serves(parsed("alice@people.example"))
        assert not server.requests
        await directory.close()


async def test_preparing_goes_on_until_the_domain_is_there(tmp_path: Path) -> None:
    (tmp_path / "users.toml").write_text("")
    server = ScriptedLDAP(tmp_path)

    def script(request: Request) -> None:
        if len(server.requests) <= 1:
            raise HangUp

    server.script = script
    with server.running():
        directory = scripted(server, "one")
        local = LocalDirectory(LocalDirectorySettings(type="local", name="l", file=tmp_path / "users.toml"), groups=())
        realms = Realms([local, directory], prepare_again_seconds=0.05)
        await realms.prepare()
        assert directory.serves(parsed("alice@people.example"))
        await realms.close()


async def test_the_default_realm_is_one_of_them(tmp_path: Path) -> None:
    (tmp_path / "users.toml").write_text("")
    local = LocalDirectory(LocalDirectorySettings(type="local", name="l", file=tmp_path / "users.toml"), groups=())
    with pytest.raises(ValueError, match="none of the directories"):
        Realms([local], default="m")
    await local.close()
