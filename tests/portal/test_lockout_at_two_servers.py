"""Two domain controllers that each count wrong passwords: guesses between sign-ins reach no threshold at either."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from directory.active_directory.active_directory import ActiveDirectory
from directory.directory import CheckResult, PasswordRefused
from directory.lockout import LockoutPolicy
from directory.login_name import LoginName
from directory.principal import Account, Principal
from tests.portal.stage import Stage, running_portal
from tests.support.scripted_ldap import (
    ALICE_DN,
    BIND,
    Request,
    ScriptedLDAP,
    bind_answer,
    settings_for,
    usual,
)

HOME = "198.51.100.7"
THRESHOLD = 5


class Counting:
    """Keeps `badPwdCount` of alice at one server."""

    def __init__(self) -> None:
        self.count = self.most = 0

    def __call__(self, request: Request) -> list[bytes] | None:
        if request.kind != BIND or request.name != ALICE_DN:
            return usual(request)
        if self.count >= THRESHOLD:
            return [bind_answer(49, "80090308: comment: AcceptSecurityContext error, data 775, v1")]
        self.count = 0 if request.password == b"right" else self.count + 1
        self.most = max(self.most, self.count)
        return usual(request)


class AnyOf:
    """One realm, asked at the server that the test says: as two nodes do that are each near another one."""

    def __init__(self, *directories: ActiveDirectory) -> None:
        self.directories = directories
        self.at = 0
        self.realm = directories[0].realm

    @property
    def _chosen(self) -> ActiveDirectory:
        return self.directories[self.at]

    def serves(self, login_name: LoginName) -> bool:
        return self._chosen.serves(login_name)

    def lockout_policy(self) -> LockoutPolicy | None:
        return self._chosen.lockout_policy()

    async def find(self, login_name: LoginName) -> Account | None:
        return await self._chosen.find(login_name)

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        return await self._chosen.authenticate(account, password)

    async def read(self, guid: str) -> Principal | None:
        return await self._chosen.read(guid)

    async def check(self) -> list[CheckResult]:
        return await self._chosen.check()

    async def close(self) -> None:
        for each in self.directories:
            await each.close()


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[ScriptedLDAP, ScriptedLDAP]]:
    with ScriptedLDAP(tmp_path, Counting()).running() as first, ScriptedLDAP(tmp_path, Counting()).running() as second:
        yield first, second


@pytest.fixture
async def stage(tmp_path: Path, servers: tuple[ScriptedLDAP, ScriptedLDAP]) -> AsyncIterator[Stage]:
    realm = AnyOf(
        *(
            ActiveDirectory(settings_for(each.url, ca_file=each.ca_file, lockout_threshold=THRESHOLD))
            for each in servers
        )
    )
    limits = {"passwords_per_person": 50, "passwords_per_address": 1000, "sends_per_person": 50}
    async with running_portal(tmp_path, scripted=realm, throttle=limits) as stage:  # type: ignore[arg-type]
        yield stage


async def password(stage: Stage, at: int, password: str) -> int:
    assert isinstance(stage.scripted, AnyOf)
    stage.scripted.at = at
    return (await stage.password(stage.browser(address=HOME), "alice@corp.example", password)).status


async def test_a_sign_in_at_one_server_wins_no_guesses_at_the_other(
    stage: Stage, servers: tuple[ScriptedLDAP, ScriptedLDAP]
) -> None:
    assert isinstance(stage.scripted, AnyOf)
    page = await stage.sign_in(stage.browser(address=HOME), username="alice@corp.example", password="right")
    assert page.status == 303
    for each in range(4):
        stage.now += 60.0
        for tried in range(2):
            await password(stage, 0, f"guess {each} {tried}")
        await password(stage, 1, "right")
    counts = [each.script for each in servers]
    assert all(isinstance(each, Counting) and each.most < THRESHOLD for each in counts)
    # After the window all is as it was.
    stage.now += 1900.0
    assert await password(stage, 1, "right") == 303


async def test_a_sign_in_at_the_server_that_counted_clears_there_and_here(
    stage: Stage, servers: tuple[ScriptedLDAP, ScriptedLDAP]
) -> None:
    page = await stage.sign_in(stage.browser(address=HOME), username="alice@corp.example", password="right")
    assert page.status == 303
    for each in range(3):
        stage.now += 60.0
        for tried in range(2):
            assert await password(stage, 0, f"guess {each} {tried}") == 401
        assert await password(stage, 0, "right") == 303
    guesses = [each for each in servers[0].binds(ALICE_DN) if each.password != b"right"]
    assert len(guesses) == 6
