"""What every directory must do, as one suite: subclass `DirectoryContract` and give it a `world` fixture."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from uuid import UUID

import pytest

from directory.directory import Directory, PasswordRefused, RefusalReason
from directory.login_name import LoginName, parse_login_name
from directory.principal import Account, Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryWorld:
    """A directory with the persons that the suite needs. Logins are texts as typed."""

    directory: Directory
    login: str
    """Somebody who may sign in."""
    password: str
    spellings: tuple[str, ...]
    """Other ways to write that person's login: other case, with the realm's domain or suffix, accents and so on."""
    username: str
    display_name: str
    mail: str | None
    mobiles: tuple[str, ...]
    groups: frozenset[str]
    """Exactly the configured groups that the person is in."""
    wrong_password: str
    unknown_login: str
    foreign_login: str
    """A login whose qualifier belongs to no realm of this directory."""
    disabled_login: str
    disabled_password: str


def parsed(typed: str) -> LoginName:
    login_name = parse_login_name(typed)
    assert login_name is not None, f"not a login name: {typed!r}"
    return login_name


async def found(directory: Directory, typed: str) -> Account:
    account = await directory.find(parsed(typed))
    assert account is not None, f"nobody is called {typed!r}"
    return account


class DirectoryContract:
    """The tests. A subclass is named ``Test...`` and defines the fixture ``world``, a `DirectoryWorld`."""

    async def test_an_account_is_found_by_its_login(self, world: DirectoryWorld) -> None:
        account = await found(world.directory, world.login)
        assert account.realm == world.directory.realm
        assert account.username == world.username
        assert account.guid == str(UUID(account.guid)), "a guid is written in its canonical lower-case form"

    async def test_every_spelling_of_a_login_is_the_same_account(self, world: DirectoryWorld) -> None:
        account = await found(world.directory, world.login)
        for spelling in world.spellings:
            assert await found(world.directory, spelling) == account, spelling

    async def test_the_guid_stays_the_same(self, world: DirectoryWorld) -> None:
        first, again = await found(world.directory, world.login), await found(world.directory, world.login)
        assert first.guid == again.guid
        principal = await world.directory.authenticate(first, world.password)
        assert isinstance(principal, Principal)
        assert principal.guid == first.guid

    async def test_two_persons_have_two_guids(self, world: DirectoryWorld) -> None:
        one, other = await found(world.directory, world.login), await found(world.directory, world.disabled_login)
        assert one.guid != other.guid

    async def test_nobody_is_found_by_an_unknown_login(self, world: DirectoryWorld) -> None:
        assert await world.directory.find(parsed(world.unknown_login)) is None

    @pytest.mark.parametrize("typed", ["*", "a*", ")(objectClass=*", "(", "\u0130", "x" * 256, '"', "a,b=c", "."])
    async def test_a_login_of_odd_characters_finds_nobody_and_raises_nothing(
        self, world: DirectoryWorld, typed: str
    ) -> None:
        assert await world.directory.find(parsed(typed)) is None

    async def test_a_wildcard_finds_nobody(self, world: DirectoryWorld) -> None:
        assert await world.directory.find(LoginName(name=world.username[:1] + "*")) is None

    async def test_a_qualified_login_is_served_by_its_realm_and_by_no_other(self, world: DirectoryWorld) -> None:
        assert not world.directory.serves(parsed(world.foreign_login))
        for spelling in world.spellings:
            login_name = parsed(spelling)
            if login_name.domain is not None or login_name.suffix is not None:
                assert world.directory.serves(login_name), spelling

    async def test_the_right_password_yields_the_person(self, world: DirectoryWorld) -> None:
        principal = await world.directory.authenticate(await found(world.directory, world.login), world.password)
        assert isinstance(principal, Principal)
        assert principal.realm == world.directory.realm
        assert principal.username == world.username
        assert principal.display_name == world.display_name
        assert principal.mail == world.mail
        assert principal.mobiles == world.mobiles
        assert principal.groups == world.groups

    async def test_a_wrong_password_is_refused(self, world: DirectoryWorld) -> None:
        outcome = await world.directory.authenticate(await found(world.directory, world.login), world.wrong_password)
        assert outcome == PasswordRefused(RefusalReason.WRONG_PASSWORD)

    @pytest.mark.parametrize("change", [str.swapcase, lambda text: text + " ", lambda text: text[:-1]])
    async def test_a_password_nearly_right_is_refused(self, world: DirectoryWorld, change) -> None:  # type: ignore[no-untyped-def]
        account = await found(world.directory, world.login)
        outcome = await world.directory.authenticate(account, change(world.password))
        assert outcome == PasswordRefused(RefusalReason.WRONG_PASSWORD)

    @pytest.mark.parametrize("password", ["", "\0", "right\0", "x" * 1025, "\u20ac" * 342, "\ud800"])
    async def test_a_password_that_cannot_be_one_is_refused(self, world: DirectoryWorld, password: str) -> None:
        account = await found(world.directory, world.login)
        text = password.replace("right", world.password)
        outcome = await world.directory.authenticate(account, text)
        assert outcome == PasswordRefused(RefusalReason.UNUSABLE_PASSWORD)

    async def test_an_empty_password_opens_nothing_for_an_unknown_person_either(self, world: DirectoryWorld) -> None:
        assert isinstance(await world.directory.authenticate(None, ""), PasswordRefused)

    async def test_an_unknown_person_is_refused_whatever_the_password(self, world: DirectoryWorld) -> None:
        for password in (world.password, world.wrong_password):
            outcome = await world.directory.authenticate(None, password)
            assert outcome == PasswordRefused(RefusalReason.UNKNOWN)

    async def test_a_disabled_person_with_the_right_password_is_refused_as_disabled(
        self, world: DirectoryWorld
    ) -> None:
        account = await found(world.directory, world.disabled_login)
        outcome = await world.directory.authenticate(account, world.disabled_password)
        assert outcome == PasswordRefused(RefusalReason.DISABLED)

    async def test_a_disabled_person_is_not_told_apart_without_the_password(self, world: DirectoryWorld) -> None:
        account = await found(world.directory, world.disabled_login)
        outcome = await world.directory.authenticate(account, world.wrong_password)
        assert isinstance(outcome, PasswordRefused)
        assert not outcome.reason.password_proven

    async def test_the_person_is_read_again_by_guid(self, world: DirectoryWorld) -> None:
        account = await found(world.directory, world.login)
        assert await world.directory.read(account.guid) == await world.directory.authenticate(account, world.password)

    async def test_a_disabled_or_absent_person_is_not_read(self, world: DirectoryWorld) -> None:
        disabled = await found(world.directory, world.disabled_login)
        assert await world.directory.read(disabled.guid) is None
        assert await world.directory.read("00000000-0000-4000-8000-000000000000") is None

    async def test_persons_signing_in_at_the_same_time_are_not_mixed_up(self, world: DirectoryWorld) -> None:
        account = await found(world.directory, world.login)
        disabled = await found(world.directory, world.disabled_login)
        outcomes = await asyncio.gather(
            world.directory.authenticate(account, world.password),
            world.directory.authenticate(disabled, world.disabled_password),
            world.directory.authenticate(None, world.password),
            world.directory.authenticate(account, world.wrong_password),
        )
        assert isinstance(outcomes[0], Principal)
        assert outcomes[0].guid == account.guid
        assert outcomes[1:] == [
            PasswordRefused(RefusalReason.DISABLED),
            PasswordRefused(RefusalReason.UNKNOWN),
            PasswordRefused(RefusalReason.WRONG_PASSWORD),
        ]

    async def test_the_check_finds_everything_in_order(self, world: DirectoryWorld) -> None:
        results = await world.directory.check()
        assert results
        assert all(result.ok for result in results), results

    async def test_nothing_personal_shows_in_a_repr(self, world: DirectoryWorld) -> None:
        account = await found(world.directory, world.login)
        principal = await world.directory.authenticate(account, world.password)
        for text in (repr(account), repr(principal), repr(world.directory)):
            assert world.password not in text
            for mobile in world.mobiles:
                assert mobile not in text
