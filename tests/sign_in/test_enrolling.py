"""Who may add a second factor, what proves enough for it, and what happens to enrolments without anybody asking."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import structlog

from config.factors import Factor
from config.settings import SchemeSettings
from directory.directory import AccountState, RefusalReason
from directory.errors import DirectoryUnavailable
from directory.realms import Realms
from proxy.factors.enrolment import open_enrolment, resealed, seal_enrolment
from proxy.factors.proof import Proof
from proxy.secrets.keys import KeyRing, Keys, MasterKey, names_of
from proxy.sign_in.enrolling import factors_to_add, may_change_factors, own_factors, proof_for_adding
from proxy.sign_in.enrolment_upkeep import EnrolmentUpkeep
from tests.store.contract.remembered import remembered
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW, principal, session

OLD, NEW = b"o" * 32, b"n" * 32
DAY = 86_400.0


def schemes(*factors: list[Any]) -> list[SchemeSettings]:
    return [SchemeSettings(name=str(number), factors=each) for number, each in enumerate(factors)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "proof"),
    [
        ([["password", "sms"]], {Factor.SMS}),
        (
            [["password"], ["password", ["totp", "sms", "recovery_code"]]],
            {Factor.TOTP, Factor.SMS, Factor.RECOVERY_CODE},
        ),
        # A mail for the canteen must not lead to an app that opens payroll.
        ([["password", "email"], ["password", ["totp", "sms"]]], {Factor.TOTP, Factor.SMS}),
        ([["password", ["sms", "email"]], ["password", "totp"]], {Factor.SMS, Factor.TOTP}),
        ([["password", ["totp", "sms", "email"]]], {Factor.TOTP, Factor.SMS, Factor.EMAIL}),
        ([["password", "email"]], {Factor.EMAIL}),
    ],
)
def test_what_proves_enough_to_add_a_factor(asked: list[list[Any]], proof: set[Factor]) -> None:
    found = proof_for_adding(schemes(*asked))
    assert found is not None
    assert set(found.factors[0]) == proof
    assert found.fresh == 600
    assert not found.name.isprintable(), "or a scheme in the configuration could have this name"


def test_a_password_alone_proves_too_little() -> None:
    assert proof_for_adding(schemes(["password"], ["kerberos"])) is None


def test_what_no_scheme_asks_for_is_not_offered() -> None:
    assert factors_to_add(schemes(["password", "sms"])) == ()
    assert factors_to_add(schemes(["password", ["sms", "recovery_code"]], ["password", "totp"])) == (
        Factor.RECOVERY_CODE,
        Factor.TOTP,
    )


def test_recovery_codes_are_one_set() -> None:
    keys, anna = Keys(OLD), principal()
    codes = [seal_enrolment(keys, anna, Factor.RECOVERY_CODE, b"x", name=str(n), now=NOW) for n in range(3)]
    app = seal_enrolment(keys, anna, Factor.TOTP, b"x", name="phone", now=NOW)
    found = own_factors([*codes, app])
    assert [(each.factor, each.left, len(each.ids)) for each in found] == [
        (Factor.TOTP, None, 1),
        (Factor.RECOVERY_CODE, 3, 3),
    ]


def test_what_is_sealed_is_one_persons_and_one_enrolments() -> None:
    keys = Keys(OLD)
    mine = seal_enrolment(keys, principal(), Factor.TOTP, b"the secret", name="phone", now=NOW)
    theirs = seal_enrolment(keys, principal(guid="another"), Factor.TOTP, b"theirs", name="phone", now=NOW)
    assert open_enrolment(keys, mine) == b"the secret"
    for changed in (
        {"sealed": theirs.sealed},
        {"guid": theirs.guid},
        {"realm": "another"},
        {"enrolment_id": theirs.enrolment_id},
        {"sealed": mine.sealed[:-1]},
    ):
        assert open_enrolment(keys, replace(mine, **changed)) is None  # type: ignore[arg-type]
    assert b"the secret" not in mine.sealed
    assert "secret" not in repr(mine)


async def test_after_a_rotation_everything_is_sealed_again_and_the_old_key_may_go() -> None:
    old, new = MasterKey(bits=OLD), MasterKey(bits=NEW, use_after=NOW)
    both = Keys(KeyRing(keys=(old, new), names=names_of(OLD)), clock=lambda: NOW + DAY)
    store = MemoryStore()
    anna = principal()
    mine = seal_enrolment(Keys(OLD), anna, Factor.TOTP, b"the secret", name="phone", now=NOW - DAY)
    await store.enrolments.put_enrolments([mine])
    assert resealed(Keys(OLD), mine) is None
    await EnrolmentUpkeep(
        store=store.enrolments,
        browsers=store.browsers,
        credentials=store.credentials,
        clock=lambda: NOW,
        realms=Realms([Directory(anna.guid)]),
        keys=both,
        log=structlog.get_logger(),
    ).look()
    (found,) = await store.enrolments.enrolments(anna.guid)
    assert found.sealed != mine.sealed
    assert open_enrolment(Keys(NEW), found) == b"the secret"


class Directory:
    """A realm that knows some persons, in whatever state they are."""

    realm = "corp"

    def __init__(self, *known: str, is_away: bool = False) -> None:
        self.known = known
        self.is_away = is_away

    async def state(self, guid: str) -> object | None:
        if self.is_away:
            raise DirectoryUnavailable("corp", "away")
        return object() if guid in self.known else None


async def upkept(directory: Directory, *guids: str, realm: str = "corp") -> list[str]:
    """Who still has enrolments after a look."""
    store, keys = MemoryStore(), Keys(OLD)
    for guid in guids:
        mine = seal_enrolment(keys, principal(guid=guid, realm=realm), Factor.TOTP, b"x", name="phone", now=NOW)
        await store.enrolments.put_enrolments([mine])
    upkeep = EnrolmentUpkeep(
        store=store.enrolments,
        browsers=store.browsers,
        credentials=store.credentials,
        clock=lambda: NOW,
        realms=Realms([directory]),  # type: ignore[list-item]
        keys=keys,
        log=structlog.get_logger(),
    )
    await upkeep.look()
    return sorted(await store.enrolments.guids_with_enrolments())


async def test_enrolments_of_a_deleted_account_go_and_those_of_others_stay() -> None:
    assert await upkept(Directory("a", "b"), "a", "b", "deleted") == ["a", "b"]
    assert await upkept(Directory(), "deleted") == []


async def test_what_goes_with_a_deleted_account_is_of_its_realm_alone() -> None:
    store, keys = MemoryStore(), Keys(OLD)
    for realm in ("corp", "hostile"):
        anna = principal(guid="a", realm=realm)
        app = seal_enrolment(keys, anna, Factor.TOTP, b"x", name=realm, now=NOW)
        await store.enrolments.put_enrolments([app])
    hostile = Directory()
    hostile.realm = "hostile"
    realms = Realms([Directory("a"), hostile])  # type: ignore[list-item]
    await EnrolmentUpkeep(
        store=store.enrolments,
        browsers=store.browsers,
        credentials=store.credentials,
        clock=lambda: NOW,
        realms=realms,
        keys=keys,
        log=structlog.get_logger(),
    ).look()
    assert [each.name for each in await store.enrolments.enrolments("a")] == ["corp"]


class Describing(Directory):
    """A realm whose accounts have these refusals."""

    def __init__(self, refusals: dict[str, tuple[RefusalReason, ...]], *, is_away: bool = False) -> None:
        super().__init__(is_away=is_away)
        self.refusals = refusals

    async def state(self, guid: str) -> AccountState | None:
        await super().state(guid)
        if guid not in self.refusals:
            return None
        return AccountState(principal=principal(guid=guid), refusals=self.refusals[guid], told_by="dc1")


REFUSALS: dict[str, tuple[RefusalReason, ...]] = {
    "off": (RefusalReason.LOCKED, RefusalReason.DISABLED),
    "expired": (RefusalReason.ACCOUNT_EXPIRED,),
    "locked": (RefusalReason.LOCKED, RefusalReason.LOGON_HOURS, RefusalReason.PASSWORD_EXPIRED),
    "well": (),
}


@pytest.mark.parametrize("is_away", [False, True])
async def test_browsers_of_a_stopped_account_are_forgotten(is_away: bool) -> None:
    store = MemoryStore()
    for guid in (*REFUSALS, "unknown"):
        await store.browsers.put_browser(remembered(guid, guid), digest=b"1", most=9)
    elsewhere = replace(remembered("elsewhere", "off"), realm="hostile")
    await store.browsers.put_browser(elsewhere, digest=b"1", most=9)
    realms = Realms([Describing(REFUSALS, is_away=is_away)])  # type: ignore[list-item]
    await EnrolmentUpkeep(
        store=store.enrolments,
        browsers=store.browsers,
        credentials=store.credentials,
        clock=lambda: NOW,
        realms=realms,
        keys=Keys(OLD),
        log=structlog.get_logger(),
    ).look()
    left = {each.name for guid in (*REFUSALS, "unknown") for each in await store.browsers.browsers(guid)}
    stopped = set() if is_away else {"off", "expired", "unknown"}
    assert left == {*REFUSALS, "unknown", "elsewhere"} - stopped


async def test_nothing_goes_where_the_directory_cannot_say() -> None:
    assert await upkept(Directory(is_away=True), "a", "b") == ["a", "b"]
    assert await upkept(Directory("a"), "a", "b", realm="no longer configured") == ["a", "b"]


async def test_a_directory_that_misses_most_people_at_once_is_not_believed() -> None:
    assert await upkept(Directory("a"), "a", "b", "c", "d", "e", "f") == ["a", "b", "c", "d", "e", "f"]


@pytest.mark.parametrize(
    ("proven", "is_half", "is_allowed"),
    [
        ((Proof(Factor.PASSWORD, NOW), Proof(Factor.SMS, NOW)), False, True),
        ((Proof(Factor.PASSWORD, NOW), Proof(Factor.SMS, NOW - 599)), False, True),
        ((Proof(Factor.PASSWORD, NOW), Proof(Factor.SMS, NOW - 600)), False, False),
        ((Proof(Factor.PASSWORD, NOW), Proof(Factor.EMAIL, NOW)), False, False),
        ((Proof(Factor.PASSWORD, NOW), Proof(Factor.REMEMBERED, NOW)), False, False),
        ((Proof(Factor.PASSWORD, NOW),), True, False),
    ],
)
def test_only_a_fresh_second_factor_of_a_whole_session_may_add(
    proven: tuple[Proof, ...], is_half: bool, is_allowed: bool
) -> None:
    """A browser that is remembered proves nothing here, nor does a mail that opens less."""
    asked = schemes(["password", ["sms", "totp"]], ["password", "email"])
    own = session(factors=((Factor.PASSWORD,), (Factor.SMS, Factor.TOTP)), proven=proven, is_half=is_half)
    assert may_change_factors(asked, own, now=NOW) is is_allowed
