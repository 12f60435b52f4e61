"""Changing an expired or living password on a real domain, as a service account with no rights over anybody."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from directory.active_directory.active_directory import ActiveDirectory
from directory.active_directory.messages import LDAPResult
from directory.active_directory.password_modify import (
    RequestedChange,
    UnknownAnswer,
    change_refusal,
    kinds_of_characters,
    unicode_pwd,
)
from directory.change_outcomes import (
    ChangeRefusal,
    PasswordChanged,
    PasswordChanger,
    PasswordChangeRefused,
    PasswordRules,
)
from directory.directory import PasswordRefused, RefusalReason
from directory.errors import DirectoryUnavailable, OutcomeUnknown
from directory.local_users import LocalDirectory
from directory.login_name import parse_login_name
from directory.principal import Account, Principal
from tests.directory.test_scripted_domain_controllers import directory_at
from tests.support.samba import CONFIGURED_GROUPS, PASSWORD, settings_for
from tests.support.samba_dc import SambaDC
from tests.support.scripted_ldap import ALICE_DN, GUID_TEXT, Hang, HangUp, Request, ScriptedLDAP, result

NEW = 'Nächstes ª²ﬁ א "Pass" wörd 🔑 ＡＢ'
"""Anything that could be changed on the way: compatibility characters, both directions, quotes, beyond the BMP."""


@pytest.fixture
async def directory(corp: SambaDC) -> AsyncIterator[ActiveDirectory]:
    directory = ActiveDirectory(settings_for(corp), CONFIGURED_GROUPS)
    yield directory
    await directory.close()


async def found(directory: ActiveDirectory, name: str) -> Account:
    login_name = parse_login_name(name)
    assert login_name is not None
    account = await directory.find(login_name)
    assert account is not None
    return account


@pytest.mark.parametrize(
    ("name", "reason"),
    [("change-must", RefusalReason.MUST_CHANGE), ("change-expired", RefusalReason.PASSWORD_EXPIRED)],
)
async def test_a_person_who_cannot_bind_any_more_changes_the_password(
    directory: ActiveDirectory, name: str, reason: RefusalReason
) -> None:
    account = await found(directory, name)
    refused = await directory.authenticate(account, PASSWORD)
    assert isinstance(refused, PasswordRefused)
    assert refused.reason is reason
    assert refused.principal is not None
    assert (refused.principal.guid, refused.principal.mobiles) == (account.guid, ("07400 123456",))
    changed = await directory.change_password(account.guid, PASSWORD, NEW)
    assert isinstance(changed, PasswordChanged)
    assert isinstance(changed.principal, Principal)
    assert changed.principal.guid == account.guid
    signed_in = await directory.authenticate(account, NEW)
    assert isinstance(signed_in, Principal), signed_in


async def test_a_wrong_password_of_such_a_person_tells_nothing_of_them(directory: ActiveDirectory) -> None:
    refused = await directory.authenticate(await found(directory, "must-change"), "not that one")
    assert isinstance(refused, PasswordRefused)
    assert (refused.reason, refused.principal) == (RefusalReason.WRONG_PASSWORD, None)


async def test_no_other_refusal_hands_out_the_person(directory: ActiveDirectory) -> None:
    for name in ("disabled", "expired", "locked", "night-shift", "elsewhere", "disabled-must-change"):
        refused = await directory.authenticate(await found(directory, name), PASSWORD)
        assert isinstance(refused, PasswordRefused), name
        if refused.reason is not RefusalReason.MUST_CHANGE:
            assert refused.principal is None, name


async def test_the_rules_of_the_domain_are_read(directory: ActiveDirectory) -> None:
    rules = await directory.password_rules()
    assert rules == PasswordRules(min_length=7, history=24, needs_variety=False, min_age_seconds=0.0)


async def test_what_the_domain_refuses_is_told_apart_and_changes_nothing(directory: ActiveDirectory) -> None:
    account = await found(directory, "change-refused")

    async def refusal(old: str, new: str) -> ChangeRefusal:
        outcome = await directory.change_password(account.guid, old, new)
        assert isinstance(outcome, PasswordChangeRefused)
        return outcome.reason

    assert await refusal(PASSWORD, "short") is ChangeRefusal.TOO_SHORT
    assert await refusal(PASSWORD, PASSWORD) is ChangeRefusal.USED_BEFORE
    assert await refusal("not that one", "long enough for it") is ChangeRefusal.WRONG_PASSWORD
    for unusable in ("", "nul\0", "x" * 1025, "\ud800"):
        assert await refusal(PASSWORD, unusable) is ChangeRefusal.UNUSABLE_PASSWORD
        assert await refusal(unusable, "long enough for it") is ChangeRefusal.UNUSABLE_PASSWORD
    assert isinstance(await directory.authenticate(account, PASSWORD), Principal)


@pytest.fixture
def _strict(corp: SambaDC) -> Iterator[None]:
    """The domain with complexity and a minimum age for one test."""
    _policy(corp, properties=1, min_age=-864_000_000_000)
    yield
    _policy(corp, properties=0, min_age=0)


def _policy(corp: SambaDC, *, properties: int, min_age: int) -> None:
    head = corp.dn("x").partition(",CN=Users,")[2]
    corp.modify(
        f"dn: {head}\nchangetype: modify\nreplace: pwdProperties\npwdProperties: {properties}\n-\n"
        f"replace: minPwdAge\nminPwdAge: {min_age}\n-\n\n"
    )


@pytest.mark.usefixtures("_strict")
async def test_complexity_and_minimum_age_are_told_apart(directory: ActiveDirectory) -> None:
    rules = await directory.password_rules()
    assert rules is not None
    assert (rules.needs_variety, rules.min_age_seconds) == (True, 86_400.0)
    young, must_change = await found(directory, "change-refused"), await found(directory, "must-change")
    refused = await directory.change_password(young.guid, PASSWORD, "Long-enough-for-it-2")
    assert refused == PasswordChangeRefused(ChangeRefusal.TOO_YOUNG)
    refused = await directory.change_password(must_change.guid, PASSWORD, "onlyletters")
    assert refused == PasswordChangeRefused(ChangeRefusal.TOO_SIMPLE)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("disabled", ChangeRefusal.NOT_USABLE),  # AD itself would change it
        ("expired", ChangeRefusal.NOT_USABLE),
        ("locked", ChangeRefusal.LOCKED),
    ],
)
async def test_an_account_that_cannot_be_used_gets_no_new_password(
    directory: ActiveDirectory, name: str, reason: ChangeRefusal
) -> None:
    account = await found(directory, name)
    outcome = await directory.change_password(account.guid, PASSWORD, "long enough for it")
    assert outcome == PasswordChangeRefused(reason)
    gone = await directory.change_password("00000000-0000-4000-8000-000000000000", PASSWORD, "long enough for it")
    assert gone == PasswordChangeRefused(ChangeRefusal.NOT_USABLE)


async def test_when_the_password_expires_is_read_with_the_person(corp: SambaDC, directory: ActiveDirectory) -> None:
    principal = await directory.authenticate(await found(directory, "bob"), PASSWORD)
    assert isinstance(principal, Principal)
    assert principal.password_expires_at is not None
    unwarned = ActiveDirectory(settings_for(corp, warn_before_expiry=0.0), CONFIGURED_GROUPS)
    try:
        principal = await unwarned.authenticate(await found(unwarned, "bob"), PASSWORD)
    finally:
        await unwarned.close()
    assert isinstance(principal, Principal)
    assert principal.password_expires_at is None


async def test_a_directory_says_whether_it_can_change_passwords(directory: ActiveDirectory) -> None:
    assert isinstance(directory, PasswordChanger)
    assert not issubclass(LocalDirectory, PasswordChanger)


def test_a_password_is_quoted_and_stays_as_it_was_typed() -> None:
    assert unicode_pwd('a"ª') == b'"\0a\0"\0\xaa\0"\0'


RULES = PasswordRules(min_length=8, history=24, needs_variety=True, min_age_seconds=0.0)


def asked(**facts: Any) -> RequestedChange:
    return RequestedChange(**{"length": 20, "kinds": 4, "age_seconds": None, **facts})


MICROSOFT = "{}: AtrErr: DSID-03191083, #1:\n\t0: {}: DSID-03191083, problem 1005 (CONSTRAINT_ATT_TYPE), data 0"


@pytest.mark.parametrize(
    ("code", "error", "length", "reason"),
    [
        (19, "00000056", 20, ChangeRefusal.WRONG_PASSWORD),
        (19, "0000052D", 20, ChangeRefusal.AGAINST_POLICY),
        (53, "0000052D", 20, ChangeRefusal.AGAINST_POLICY),
        (19, "0000052D", 7, ChangeRefusal.TOO_SHORT),
        (19, "00000775", 20, ChangeRefusal.LOCKED),
        (50, "00000005", 20, ChangeRefusal.NOT_ALLOWED),
        (19, "00000005", 20, ChangeRefusal.NOT_ALLOWED),
    ],
)
def test_microsofts_answers_are_understood(code: int, error: str, length: int, reason: ChangeRefusal) -> None:
    outcome = LDAPResult(code=code, diagnostic=MICROSOFT.format(error, error))
    assert change_refusal(outcome, asked=asked(length=length), rules=RULES) is reason


@pytest.mark.parametrize(
    ("facts", "rule", "reason"),
    [
        ({"age_seconds": 3600.0}, {"min_age_seconds": 86_400.0}, ChangeRefusal.TOO_YOUNG),
        ({"age_seconds": 86_400.0}, {"min_age_seconds": 86_400.0}, ChangeRefusal.AGAINST_POLICY),
        ({"age_seconds": None}, {"min_age_seconds": 86_400.0}, ChangeRefusal.AGAINST_POLICY),
        ({"kinds": 2}, {}, ChangeRefusal.TOO_SIMPLE),
        ({"kinds": 2}, {"needs_variety": False}, ChangeRefusal.AGAINST_POLICY),
        ({"length": 3, "kinds": 1, "age_seconds": 1.0}, {"min_age_seconds": 86_400.0}, ChangeRefusal.TOO_SHORT),
    ],
)
def test_what_microsofts_answer_leaves_open_is_told_by_the_domains_rules(
    facts: dict[str, Any], rule: dict[str, Any], reason: ChangeRefusal
) -> None:
    outcome = LDAPResult(code=19, diagnostic=MICROSOFT.format("0000052D", "0000052D"))
    assert change_refusal(outcome, asked=asked(**facts), rules=replace(RULES, **rule)) is reason


@pytest.mark.parametrize(
    ("password", "kinds"), [("abc", 1), ("abcABC", 2), ("aB3", 3), ("aB3!", 4), ("aB3! さ", 5), ("äÖ", 2), ("   ", 1)]
)
def test_the_kinds_of_characters_are_those_of_the_policy(password: str, kinds: int) -> None:
    assert kinds_of_characters(password) == kinds


@pytest.mark.parametrize(("code", "text"), [(1, "000004DC: not bound"), (19, "no code"), (51, ""), (32, "00000056:")])
def test_an_answer_that_says_nothing_is_no_answer(code: int, text: str) -> None:
    with pytest.raises(UnknownAnswer):
        change_refusal(LDAPResult(code=code, diagnostic=text), asked=asked(), rules=RULES)


def test_only_success_is_success() -> None:
    assert change_refusal(LDAPResult(code=0), asked=asked(length=1), rules=RULES) is None


MODIFY, MODIFY_ANSWER = 0x66, 0x67


def modifies(server: ScriptedLDAP) -> list[Request]:
    return [each for each in server.requests if each.kind == MODIFY]


def answering(code: int, diagnostic: str = "", referral: str | None = None):  # type: ignore[no-untyped-def]
    def script(request: Request) -> list[bytes] | None:
        return [result(MODIFY_ANSWER, code, diagnostic, referral)] if request.kind == MODIFY else None

    return script


async def test_a_change_deletes_the_old_value_and_adds_the_new_one_inside_tls(tmp_path: Path) -> None:
    server = ScriptedLDAP(tmp_path, script=answering(0))
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            changed = await directory.change_password(GUID_TEXT, "old", "right")
    assert isinstance(changed, PasswordChanged)
    assert changed.principal is not None
    [request] = modifies(server)
    assert request.in_tls
    add, delete, replace = (b"\x0a\x01" + bytes([kind]) for kind in (0, 1, 2))
    assert request.body.index(delete) < request.body.index(unicode_pwd("old"))
    assert request.body.index(unicode_pwd("old")) < request.body.index(add) < request.body.index(unicode_pwd("right"))
    assert replace not in request.body  # that would be a reset


async def test_a_server_that_writes_nothing_is_passed_over_and_its_referral_not_followed(tmp_path: Path) -> None:
    reader = ScriptedLDAP(tmp_path, script=answering(10, "", "ldap://127.0.0.1:1/"))
    writer = ScriptedLDAP(tmp_path, script=answering(0))
    with reader.running(), writer.running():
        async with directory_at(reader, writer, ca_file=reader.ca_file) as directory:
            assert isinstance(await directory.change_password(GUID_TEXT, "old", "right"), PasswordChanged)
    assert (len(modifies(reader)), len(modifies(writer))) == (1, 1)
    assert (len(reader.binds(ALICE_DN)), len(writer.binds(ALICE_DN))) == (0, 1)  # tried out where it was changed


async def test_where_no_server_writes_nothing_is_changed(tmp_path: Path) -> None:
    reader = ScriptedLDAP(tmp_path, script=answering(10, "", "ldap://127.0.0.1:1/"))
    with reader.running():
        async with directory_at(reader, ca_file=reader.ca_file) as directory:
            with pytest.raises(DirectoryUnavailable):
                await directory.change_password(GUID_TEXT, "old", "right")


@pytest.mark.parametrize("how", [Hang, HangUp, None])
async def test_a_change_without_a_usable_answer_is_not_sent_again(tmp_path: Path, how: type[Exception] | None) -> None:
    def script(request: Request) -> list[bytes] | None:
        if request.kind != MODIFY:
            return None
        if how is not None:
            raise how
        return [result(MODIFY_ANSWER, 51)]

    old, new = (f"the {age} one" for age in ("old", "new"))
    server, second = ScriptedLDAP(tmp_path, script=script), ScriptedLDAP(tmp_path, script=answering(0))
    with server.running(), second.running():
        async with directory_at(server, second, ca_file=server.ca_file) as directory:
            with pytest.raises(OutcomeUnknown) as caught:
                await directory.change_password(GUID_TEXT, old, new)
    assert (len(modifies(server)), len(modifies(second))) == (1, 0)
    told = "".join(traceback.format_exception(caught.value))
    assert old not in told
    assert new not in told


async def test_a_wrong_old_password_is_tried_on_one_server_once(tmp_path: Path) -> None:
    server = ScriptedLDAP(tmp_path, script=answering(19, "00000056: AtrErr: DSID-03191083"))
    second = ScriptedLDAP(tmp_path, script=answering(0))
    with server.running(), second.running():
        async with directory_at(server, second, ca_file=server.ca_file) as directory:
            outcome = await directory.change_password(GUID_TEXT, "wrong", "right")
    assert outcome == PasswordChangeRefused(ChangeRefusal.WRONG_PASSWORD)
    assert (len(modifies(server)), len(modifies(second))) == (1, 0)
    assert not server.binds(ALICE_DN)


async def test_a_new_password_that_does_not_open_the_account_signs_nobody_in(tmp_path: Path) -> None:
    server = ScriptedLDAP(tmp_path, script=answering(0))
    with server.running():
        async with directory_at(server, ca_file=server.ca_file) as directory:
            assert await directory.change_password(GUID_TEXT, "old", "not right") == PasswordChanged(None)
