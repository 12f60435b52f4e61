"""No sequence of guesses through Gatepost locks an account of a real domain, and the right person still gets in."""

from __future__ import annotations

import asyncio
import re
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from directory.active_directory.active_directory import ActiveDirectory
from directory.directory import PasswordRefused
from directory.principal import Account, Principal
from proxy.help_desk.unlocking import StillCounted, unlock
from proxy.sign_in.attempt import PersonLocks
from tests.directory.contract import found
from tests.portal.stage import NOW, SIGN_IN_ORIGIN, Stage, running_portal
from tests.support.samba import LOCKOUT_THRESHOLD, PASSWORD, person, settings_for
from tests.support.samba_dc import SambaDC
from tests.support.samba_people import State, lockout_ldif

HOME = "198.51.100.7"
PERSONS = (
    *(
        person(f"{name}-{threshold}")
        for name in ("guessed", "slow", "mixed", "unsure", "hurried")
        for threshold in (5, 10)
    ),
    *(person(f"{name}-{threshold}") for name in ("cleared", "kept") for threshold in (5, 10)),
    person("graced"),
    person("reset-5"),
    person("reset-10"),
    person("stale-5", state=State.MUST_CHANGE),
    person("stale-10", state=State.MUST_CHANGE),
)
LIMITS = {5: 3, 10: 8}
"""By threshold: what is sent of one person's wrong passwords, at the most."""
FROM_ELSEWHERE = {5: 2, 10: 6}


@pytest.fixture(scope="module")
def strict(corp: SambaDC) -> Iterator[SambaDC]:
    """The domain of all tests, which locks accounts as each test here wants it."""
    corp.add(PERSONS)
    yield corp
    corp.modify(lockout_ldif(corp.base_dn, LOCKOUT_THRESHOLD))


@pytest.fixture(scope="module", params=[5, 10])
def threshold(request: pytest.FixtureRequest, strict: SambaDC) -> int:
    """Set once for all tests with the same one."""
    chosen: int = request.param
    strict.modify(lockout_ldif(strict.base_dn, chosen))
    return chosen


@asynccontextmanager
async def portal(folder: Path, dc: SambaDC, **changes: object) -> AsyncIterator[Stage]:
    directory = ActiveDirectory(settings_for(dc, **changes))
    throttle = {"passwords_per_person": 50}  # the domain's policy decides
    async with running_portal(folder, scripted=directory, throttle=throttle) as stage:  # type: ignore[arg-type]
        yield stage


def state_of(dc: SambaDC, username: str) -> tuple[int, int]:
    """`badPwdCount` and `lockoutTime`, read past Gatepost and LDAP."""
    command = ["ldbsearch", "-H", str(dc.folder / "private" / "sam.ldb"), f"(sAMAccountName={username})"]
    found = subprocess.run([*command, "badPwdCount", "lockoutTime"], capture_output=True, text=True, check=True).stdout
    values = dict(re.findall(r"^(badPwdCount|lockoutTime): ([0-9]+)$", found, flags=re.MULTILINE))
    return int(values.get("badPwdCount", 0)), int(values.get("lockoutTime", 0))


async def guess(stage: Stage, dc: SambaDC, username: str, password: str, address: str) -> int:
    browser = stage.browser(address=address)
    return (await stage.password(browser, f"{username}@{dc.domain}", password)).status


async def signs_in(stage: Stage, dc: SambaDC, username: str, address: str = HOME) -> bool:
    landing = await stage.sign_in(stage.browser(address=address), username=f"{username}@{dc.domain}", password=PASSWORD)
    return landing.status == 303


async def test_parallel_guesses_from_everywhere_lock_nobody_and_the_person_gets_in(
    strict: SambaDC, threshold: int, tmp_path: Path
) -> None:
    username = f"guessed-{threshold}"
    async with portal(tmp_path, strict) as stage:
        assert await signs_in(stage, strict, username)
        guesses = (guess(stage, strict, username, f"guess {n}", f"203.0.113.{n}") for n in range(40))
        assert set(await asyncio.gather(*guesses)) == {401}
        assert state_of(strict, username) == (FROM_ELSEWHERE[threshold], 0)
        # The right password from elsewhere looks like a wrong one now; at home it opens.
        assert await guess(stage, strict, username, PASSWORD, "203.0.113.99") == 401
        assert await signs_in(stage, strict, username)
        assert state_of(strict, username) == (0, 0)


async def test_guesses_at_home_and_elsewhere_together_lock_nobody(
    strict: SambaDC, threshold: int, tmp_path: Path
) -> None:
    username = f"mixed-{threshold}"
    async with portal(tmp_path, strict) as stage:
        assert await signs_in(stage, strict, username)
        for each in range(15):
            assert await guess(stage, strict, username, f"elsewhere {each}", f"203.0.113.{each}") == 401
            assert await guess(stage, strict, username, f"home {each}", HOME) == 401
        assert state_of(strict, username) == (LIMITS[threshold], 0)


async def test_slow_guesses_add_up_as_they_do_in_the_domain(strict: SambaDC, threshold: int, tmp_path: Path) -> None:
    """AD forgets only after a whole window without a wrong password, so a window from the first one is too short."""
    username = f"slow-{threshold}"
    async with portal(tmp_path, strict) as stage:
        for each in range(15):
            assert await guess(stage, strict, username, f"guess {each}", f"203.0.113.{each}") == 401
            if each < FROM_ELSEWHERE[threshold]:
                stage.now += 1700.0  # the domain's window and Gatepost's are 30 minutes
        assert stage.now > NOW + 3000
        assert state_of(strict, username) == (FROM_ELSEWHERE[threshold], 0)


async def test_the_same_wrong_password_costs_one_attempt(strict: SambaDC, threshold: int, tmp_path: Path) -> None:
    username = f"reset-{threshold}"
    async with portal(tmp_path, strict) as stage:
        for each in range(12):
            assert await guess(stage, strict, username, "an old one kept by a phone", f"203.0.113.{each}") == 401
        assert state_of(strict, username) == (1, 0)
        assert stage.log[-1]["reason"] == "same_wrong_password_again"
        assert await signs_in(stage, strict, username, "203.0.113.50")


async def test_a_right_password_that_opens_nothing_yet_wins_no_guesses(
    strict: SambaDC, threshold: int, tmp_path: Path
) -> None:
    username = f"stale-{threshold}"
    async with portal(tmp_path, strict) as stage:
        for each in range(12):
            await guess(stage, strict, username, f"guess {each}", f"203.0.113.{each}")
            await guess(stage, strict, username, PASSWORD, f"203.0.113.{each}")
        count, locked = state_of(strict, username)
        assert locked == 0
        assert count <= LIMITS[threshold]


class SlowForGuesses(ActiveDirectory):
    """Guesses wait on their way to the domain until `is_fast`."""

    def __init__(self, dc: SambaDC) -> None:
        super().__init__(settings_for(dc))
        self.is_fast, self.arrived = asyncio.Event(), asyncio.Semaphore(0)

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        if password.startswith("guess"):
            self.arrived.release()
            await self.is_fast.wait()
        return await super().authenticate(account, password)


async def test_guesses_of_other_processes_under_way_beside_the_right_password_lock_nobody(
    strict: SambaDC, threshold: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the domain judges after the right password restarts the count there; so it must not be forgotten here."""
    monkeypatch.setattr(PersonLocks, "of", lambda self, person: asyncio.Lock())  # each browser has a process of its own
    username, directory = f"hurried-{threshold}", SlowForGuesses(strict)
    throttle = {"passwords_per_person": 50}
    async with running_portal(tmp_path, scripted=directory, throttle=throttle) as stage:  # type: ignore[arg-type]
        assert await signs_in(stage, strict, username)
        guesses = [
            asyncio.create_task(guess(stage, strict, username, f"guess {n}", f"203.0.113.{n}")) for n in range(20)
        ]
        for _ in range(FROM_ELSEWHERE[threshold]):
            await directory.arrived.acquire()
        assert await signs_in(stage, strict, username)
        directory.is_fast.set()
        await asyncio.gather(*guesses)
        for each in range(12):
            await guess(stage, strict, username, f"later {each}", f"203.0.113.{each}")
            await guess(stage, strict, username, f"later at home {each}", HOME)
        assert state_of(strict, username) == (LIMITS[threshold], 0)


async def test_the_operators_number_goes_before_the_domains(strict: SambaDC, threshold: int, tmp_path: Path) -> None:
    username = f"unsure-{threshold}"
    async with portal(tmp_path, strict, lockout_threshold=4) as stage:
        for each in range(10):
            await guess(stage, strict, username, f"guess {each}", f"203.0.113.{each}")
        assert state_of(strict, username) == (1, 0)


async def test_a_password_changed_here_is_wrong_at_once_although_the_domain_takes_it_for_another_hour(
    strict: SambaDC, tmp_path: Path
) -> None:
    name, new, page = f"graced@{strict.domain}", "An other pass-word 1", f"{SIGN_IN_ORIGIN}/.gatepost/password"
    async with portal(tmp_path, strict) as stage:
        browser = stage.browser(address=HOME)
        await stage.sign_in(browser, username=name, password=PASSWORD)
        form = await browser.get(page)
        changed = await browser.post(page, {**form.hidden, "current": PASSWORD, "new": new, "again": new})
        assert changed.status == 303
        directory = ActiveDirectory(settings_for(strict))
        taken = await directory.authenticate(await found(directory, "graced"), PASSWORD)
        await directory.close()
        assert isinstance(taken, Principal)
        assert await guess(stage, strict, "graced", PASSWORD, HOME) == 401
        assert state_of(strict, "graced") == (0, 0)
        landing = await stage.sign_in(stage.browser(address=HOME), username=name, password=new)
        assert landing.status == 303


async def clear(stage: Stage, username: str) -> StillCounted | None:
    """As the button of the help desk does."""
    directory = stage.scripted
    assert isinstance(directory, ActiveDirectory)
    account = await found(directory, username)
    state = await directory.state(account.guid)
    assert state is not None
    return await unlock(
        stage.throttle,
        directory,
        state.principal,
        mobile=stage.settings.mobile,
        now=stage.now,
    )


async def test_a_clearing_lets_the_person_in_and_leaves_no_more_guesses_than_the_domain_allows(
    strict: SambaDC, threshold: int, tmp_path: Path
) -> None:
    username = f"cleared-{threshold}"
    async with portal(tmp_path, strict) as stage:
        for _ in range(2):
            for each in range(20):
                assert await guess(stage, strict, username, f"guess {each} {_}", f"203.0.113.{each}") == 401
            assert state_of(strict, username)[1] == 0
            await clear(stage, username)
        assert state_of(strict, username) == (LIMITS[threshold], 0)


async def test_wrong_passwords_stay_counted_as_long_as_the_domain_counts_them(
    strict: SambaDC, threshold: int, tmp_path: Path
) -> None:
    username = f"kept-{threshold}"
    async with portal(tmp_path, strict) as stage:
        assert await signs_in(stage, strict, username)
        for each in range(20):
            await guess(stage, strict, username, f"home {each}", HOME)
        kept = await clear(stage, username)
        assert kept is not None
        assert kept.count == LIMITS[threshold]
        assert kept.until == pytest.approx(time.time() + 1800.0, abs=120.0)
        assert await guess(stage, strict, username, PASSWORD, "203.0.113.99") == 401
        reset = f"dn: {strict.dn(username)}\nchangetype: modify\nreplace: lockoutTime\nlockoutTime: 0\n"
        await asyncio.to_thread(strict.modify, reset)  # as an administrator does, which restarts the count
        assert state_of(strict, username) == (0, 0)
        assert await clear(stage, username) is None
        assert await signs_in(stage, strict, username, "203.0.113.99")
