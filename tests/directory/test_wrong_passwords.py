"""What controllers count of a person's wrong passwords: the highest holds, and what is not known is not nothing."""

from __future__ import annotations

import time

import pytest

from directory.active_directory.account import instant_or_none
from directory.active_directory.active_directory import ActiveDirectory
from directory.active_directory.messages import Entry
from directory.active_directory.wrong_passwords import LOCKED_SINCE, highest, lockout_policy
from directory.directory import PasswordRefused
from directory.lockout import CountedPasswords, PasswordLimits
from proxy.help_desk.unlocking import StillCounted, judge
from tests.directory.contract import found
from tests.directory.test_lockout_policy import settings
from tests.support.samba import settings_for
from tests.support.samba_dc import SambaDC
from tests.support.samba_people import filetime

NOW, WINDOW = 1_800_000_000.0, 1800.0


def entry(count: int | None, last: float | None = NOW, **more: str) -> Entry:
    values = {"badpwdcount": count, "badpasswordtime": None if last is None else filetime(last), **more}
    attributes = {name: (str(value).encode(),) for name, value in values.items() if value is not None}
    return Entry(dn="CN=alice", attributes=attributes)


@pytest.mark.parametrize(
    ("entries", "counted"),
    [
        ([entry(0)], CountedPasswords(count=0)),
        ([entry(2), entry(3, NOW - 60), entry(0)], CountedPasswords(count=3, forgotten_at=NOW - 60 + WINDOW)),
        ([entry(3, NOW - WINDOW)], CountedPasswords(count=0)),
        ([entry(3, None)], CountedPasswords(count=3)),
        ([entry(None), entry(1)], CountedPasswords(count=1, forgotten_at=NOW + WINDOW)),
        ([None, entry(1)], CountedPasswords(count=1, forgotten_at=NOW + WINDOW)),
        ([entry(None), entry(None)], None),
        ([], None),
    ],
)
def test_the_highest_count_holds(entries: list[Entry | None], counted: CountedPasswords | None) -> None:
    assert highest(entries, window_seconds=WINDOW, now=NOW) == counted


@pytest.mark.parametrize(
    ("counted", "verdict"),
    [
        (CountedPasswords(count=0), (None, 0)),
        (CountedPasswords(count=2, forgotten_at=NOW), (None, 2)),
        (CountedPasswords(count=3, forgotten_at=NOW), (StillCounted(count=3, until=NOW), 3)),
        (CountedPasswords(count=9, forgotten_at=NOW), (StillCounted(count=9, until=NOW), 3)),
        (None, (StillCounted(count=None), 3)),
    ],
)
def test_what_the_directory_counts_stays_counted(
    counted: CountedPasswords | None, verdict: tuple[StillCounted | None, int]
) -> None:
    limits = PasswordLimits(in_all=3, from_unfamiliar=2, window_seconds=WINDOW)
    assert judge(counted, limits) == verdict


def duration(ticks: bytes) -> float | None:
    attributes = {"lockoutthreshold": (b"5",), "lockoutduration": (ticks,)}
    policy = lockout_policy(Entry(dn="DC=corp", attributes=attributes), settings())
    assert policy is not None
    return policy.duration_seconds


def test_an_account_is_locked_for_as_long_as_the_domain_says() -> None:
    assert duration(b"-36000000000") == 3600.0
    assert duration(b"0") is duration(b"-9223372036854775808") is None, "until an administrator unlocks it"
    assert instant_or_none(entry(0, lockouttime=str(filetime(NOW))), LOCKED_SINCE) == NOW
    assert instant_or_none(entry(0, lockouttime="0"), LOCKED_SINCE) is None


async def test_a_real_controller_says_what_it_counts(corp: SambaDC) -> None:
    directory = ActiveDirectory(settings_for(corp))
    account = await found(directory, "guesses")
    before = await directory.counted_passwords(account.guid)
    assert before is not None
    for each in range(2):
        assert isinstance(await directory.authenticate(account, f"wrong {each} {time.time()}"), PasswordRefused)
    after = await directory.counted_passwords(account.guid)
    await directory.close()
    assert after is not None
    assert after.count == before.count + 2
    assert after.forgotten_at == pytest.approx(time.time() + 1800.0, abs=60.0)


async def test_what_a_controller_that_is_away_counts_is_not_known(corp: SambaDC) -> None:
    directory = ActiveDirectory(settings_for(corp, servers=[corp.url, "ldaps://127.0.0.1:1"]))
    account = await found(directory, "guesses")
    assert await directory.counted_passwords(account.guid) is None
    await directory.close()
