"""Who gets in through a real domain, by which name, and what the others are told."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import ldap3
import pytest

from directory.active_directory.active_directory import ActiveDirectory
from directory.directory import PasswordRefused, RefusalReason
from directory.login_name import LoginName, parse_login_name
from directory.principal import Account, Principal
from tests.directory.contract import found, parsed
from tests.support.samba import ALICE_PASSWORD, CONFIGURED_GROUPS, PASSWORD, settings_for
from tests.support.samba_dc import SambaDC
from tests.support.samba_people import filetime


@pytest.fixture
async def directory(corp: SambaDC) -> AsyncIterator[ActiveDirectory]:
    directory = ActiveDirectory(settings_for(corp), CONFIGURED_GROUPS)
    yield directory
    await directory.close()


@pytest.fixture(scope="module")
def protected(corp: SambaDC) -> None:
    """What cannot be said when a person is made: the account controls of two, and a group that was there before."""
    for name, controls in (("smartcard", 0x200 | 0x40000), ("disabled-must-change", 0x200 | 0x2)):
        corp.modify(
            f"dn: {corp.dn(name)}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: {controls}\n"
        )
    group = f"CN=Protected Users,CN=Users,{corp.base_dn}"
    corp.modify(f"dn: {group}\nchangetype: modify\nadd: member\nmember: {corp.dn('protected')}\n")


async def signed_in(directory: ActiveDirectory, typed: str, password: str = PASSWORD) -> Principal:
    outcome = await directory.authenticate(await found(directory, typed), password)
    assert isinstance(outcome, Principal), outcome
    return outcome


@pytest.mark.parametrize("typed", ["erin", "CORP\\erin", "erin@corp.example", "erin.smith@people.example"])
async def test_an_explicit_and_the_implicit_upn_are_one_person(directory: ActiveDirectory, typed: str) -> None:
    await directory.prepare()
    assert directory.serves(parsed(typed)) or parsed(typed) == LoginName(name="erin")
    assert (await signed_in(directory, typed)).username == "erin"


@pytest.mark.parametrize("typed", ["erin@people.example", "erin.smith", "CORP\\erin.smith", "erin.smith@corp.example"])
async def test_one_form_of_a_name_is_not_taken_for_another(directory: ActiveDirectory, typed: str) -> None:
    assert await directory.find(parsed(typed)) is None


async def test_a_person_without_a_upn_signs_in_with_the_implicit_one(directory: ActiveDirectory) -> None:
    assert (await signed_in(directory, "no-upn@corp.example")).username == "no-upn"


@pytest.mark.parametrize("typed", ["OTHER\\alice", "alice@other.example", "alice@example", "alice@CORP"])
async def test_another_domains_name_finds_nobody(directory: ActiveDirectory, typed: str) -> None:
    assert not directory.serves(parsed(typed))
    assert await directory.find(parsed(typed)) is None


@pytest.mark.parametrize("typed", ["josé", "JOSÉ", "さくら", "ｗｉｄｅ", "odd#(name)&co", "CORP\\odd#(name)&co"])
async def test_names_of_any_script_and_sign_sign_in(directory: ActiveDirectory, typed: str) -> None:
    principal = await signed_in(directory, typed)
    assert principal.username.casefold() == typed.removeprefix("CORP\\").casefold()


@pytest.mark.parametrize(
    "name",
    [
        "*",
        "al*",
        "alice)(|(objectClass=*",
        "alice)(sAMAccountName=*",
        "\\61lice",
        "alice\0",
        "alice ",
        " alice",
        "alice\\",
        "\ud800",
        "x" * 300,
    ],
)
async def test_no_name_reaches_beyond_its_place_in_the_filter(directory: ActiveDirectory, name: str) -> None:
    assert await directory.find(LoginName(name=name)) is None
    assert await directory.find(LoginName(name=name, suffix="corp.example")) is None


@pytest.mark.parametrize("typed", ["WIKI USERS", "dc1$", "krbtgt\0", "Administrators"])
async def test_groups_and_computers_are_no_persons(directory: ActiveDirectory, typed: str) -> None:
    assert await directory.find(LoginName(name=typed)) is None


@pytest.mark.parametrize(
    ("login", "right", "wrong"),
    [
        ("disabled", RefusalReason.DISABLED, RefusalReason.WRONG_PASSWORD),
        ("expired", RefusalReason.ACCOUNT_EXPIRED, RefusalReason.WRONG_PASSWORD),
        ("must-change", RefusalReason.MUST_CHANGE, RefusalReason.WRONG_PASSWORD),
        ("old-password", RefusalReason.PASSWORD_EXPIRED, RefusalReason.WRONG_PASSWORD),
        ("night-shift", RefusalReason.LOGON_HOURS, RefusalReason.WRONG_PASSWORD),
        ("elsewhere", RefusalReason.WORKSTATION, RefusalReason.WRONG_PASSWORD),
        ("locked", RefusalReason.LOCKED, RefusalReason.LOCKED),
        ("protected", RefusalReason.RESTRICTED, RefusalReason.RESTRICTED),
        ("smartcard", RefusalReason.WRONG_PASSWORD, RefusalReason.WRONG_PASSWORD),
        ("disabled-and-expired", RefusalReason.DISABLED, RefusalReason.WRONG_PASSWORD),
        ("disabled-must-change", RefusalReason.DISABLED, RefusalReason.WRONG_PASSWORD),
    ],
)
async def test_the_sub_code_says_why(
    directory: ActiveDirectory, login: str, right: RefusalReason, wrong: RefusalReason, protected: None
) -> None:
    account = await found(directory, login)
    assert await directory.authenticate(account, PASSWORD) == PasswordRefused(right)
    assert await directory.authenticate(account, "not that one") == PasswordRefused(wrong)


@pytest.mark.parametrize("login", ["disabled", "expired", "locked"])
async def test_an_account_that_cannot_sign_in_is_not_read(directory: ActiveDirectory, login: str) -> None:
    assert await directory.read((await found(directory, login)).guid) is None


async def test_what_an_admin_changes_is_read_at_once(directory: ActiveDirectory, corp: SambaDC) -> None:
    account = await found(directory, "changing")
    dn = corp.dn("changing")

    def change(attribute: str, value: object) -> None:
        corp.modify(f"dn: {dn}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n")

    assert await directory.read(account.guid) is not None
    change("userAccountControl", 514)
    assert await directory.read(account.guid) is None
    change("userAccountControl", 512)
    change("accountExpires", filetime(time.time() + 3600))
    assert await directory.read(account.guid) is not None
    change("accountExpires", filetime(time.time() - 1))
    assert await directory.read(account.guid) is None
    change("accountExpires", 0)
    corp.modify(f"dn: {corp.dn('Payroll Users')}\nchangetype: modify\nadd: member\nmember: {dn}\n")
    read = await directory.read(account.guid)
    assert read is not None
    assert read.groups == {"Payroll Users"}
    corp.modify(f"dn: {corp.dn('Payroll Users')}\nchangetype: modify\ndelete: member\nmember: {dn}\n")
    read = await directory.read(account.guid)
    assert read is not None
    assert read.groups == frozenset()


async def test_a_mobile_that_a_person_wrote_themselves_is_what_is_read(
    directory: ActiveDirectory, corp: SambaDC
) -> None:
    """AD lets everybody write their own `mobile` (Personal-Information): this is why a change has to be noticed."""
    account = await found(directory, "bob")
    server = ldap3.Server(corp.address, port=636, use_ssl=True, get_info=ldap3.NONE)
    as_bob = ldap3.Connection(server, user=account.locator, password=PASSWORD)
    try:
        assert as_bob.bind()
        for number in ("07400 000000", "07400 654321"):
            assert as_bob.modify(account.locator, {"mobile": [(ldap3.MODIFY_REPLACE, [number])]}), as_bob.result
            assert (await signed_in(directory, "bob")).mobiles == (number,)
    finally:
        as_bob.unbind()


async def test_numbers_come_as_typed_in_the_order_of_the_attributes(corp: SambaDC) -> None:
    directory = ActiveDirectory(settings_for(corp, mobile_attributes=("displayName", "pager", "mobile")))
    assert (await signed_in(directory, "bad-mobile")).mobiles == ("Bad-Mobile", "see Bob")
    assert (await signed_in(directory, "no-mobile")).mobiles == ("No-Mobile",)
    await directory.close()


async def test_another_dn_than_the_accounts_own_opens_nothing(directory: ActiveDirectory) -> None:
    """Somebody was renamed between the search and the bind: the password proven is not that person's."""
    alice, bob = await found(directory, "alice"), await found(directory, "bob")
    swapped = Account(guid=alice.guid, realm=alice.realm, username=alice.username, locator=bob.locator)
    assert await directory.authenticate(swapped, PASSWORD) == PasswordRefused(RefusalReason.UNKNOWN)


@pytest.mark.parametrize("locator", ["CORP\\alice", "alice@corp.example", "", "corp.example/Users/alice"])
async def test_an_account_is_only_opened_by_its_dn(directory: ActiveDirectory, locator: str) -> None:
    """AD takes many names in a bind (MS-ADTS section 5.1.1.1.1); what they name was not searched for."""
    alice = await found(directory, "alice")
    elsewhere = Account(guid=alice.guid, realm=alice.realm, username=alice.username, locator=locator)
    assert isinstance(await directory.authenticate(elsewhere, ALICE_PASSWORD), PasswordRefused)


async def test_an_account_of_another_realm_is_refused(directory: ActiveDirectory) -> None:
    alice = await found(directory, "alice")
    other = Account(guid=alice.guid, realm="other", username=alice.username, locator=alice.locator)
    assert await directory.authenticate(other, ALICE_PASSWORD) == PasswordRefused(RefusalReason.UNKNOWN)


async def test_a_narrower_base_leaves_the_others_out(corp: SambaDC, directory: ActiveDirectory) -> None:
    alice = await found(directory, "alice")
    narrow = ActiveDirectory(settings_for(corp, base_dn=f"ou=domain controllers,{corp.base_dn}"))
    assert await narrow.find(parsed("alice")) is None
    assert await narrow.read(alice.guid) is None
    assert isinstance(await narrow.authenticate(alice, ALICE_PASSWORD), PasswordRefused)
    await narrow.close()


async def test_two_domains_keep_to_themselves(corp: SambaDC, other_domain: SambaDC) -> None:
    mine = ActiveDirectory(settings_for(corp), CONFIGURED_GROUPS)
    theirs = ActiveDirectory(settings_for(other_domain), CONFIGURED_GROUPS)
    one, other = await found(mine, "alice"), await found(theirs, "alice")
    assert one.guid != other.guid
    assert (await signed_in(theirs, "OTHER\\alice")).display_name == "Alice of the other domain"
    assert await theirs.find(parsed("CORP\\alice")) is None
    assert isinstance(await theirs.authenticate(other, ALICE_PASSWORD), PasswordRefused)
    assert isinstance(await theirs.authenticate(one, ALICE_PASSWORD), PasswordRefused)
    assert await theirs.read(one.guid) is None
    # Groups that only another domain has are reported, and nobody is in them.
    assert {result.group for result in await theirs.check() if not result.ok} == set(CONFIGURED_GROUPS)
    await mine.close()
    await theirs.close()


async def test_guesses_are_counted_once_each(directory: ActiveDirectory, corp: SambaDC) -> None:
    account = await found(directory, "guesses")
    for _ in range(3):
        await directory.authenticate(account, "not that one")

    def bad_password_count() -> bytes:
        server = ldap3.Server(corp.address, port=636, use_ssl=True, get_info=ldap3.NONE)
        name = f"Administrator@{corp.domain}"
        with ldap3.Connection(server, user=name, password=corp.administrator_password) as connection:
            connection.search(account.locator, "(objectClass=*)", ldap3.BASE, attributes=["badPwdCount"])
            count: bytes = connection.response[0]["raw_attributes"]["badPwdCount"][0]
            return count

    assert await asyncio.to_thread(bad_password_count) == b"3"


async def test_nothing_is_sent_for_a_password_that_cannot_be_one(corp: SambaDC) -> None:
    """No server at all, and still an answer: an empty password would open the account of an older AD."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ldaps://127.0.0.1:{silent.getsockname()[1]}"
        directory = ActiveDirectory(settings_for(corp, servers=(url,)))
        account = Account(guid="0", realm="corp", username="alice", locator="CN=alice")
        for password in ("", "\0", "a\0", "\ud800", "x" * 1025):
            for each in (account, None):
                outcome = await directory.authenticate(each, password)
                assert outcome == PasswordRefused(RefusalReason.UNUSABLE_PASSWORD)
        silent.settimeout(0)
        with pytest.raises(BlockingIOError):
            silent.accept()
        await directory.close()


def test_parse_login_name_leaves_the_signs_of_filters_alone() -> None:
    assert parse_login_name("odd#(name)&co") == LoginName(name="odd#(name)&co")
