"""Clearing somebody's counts lets them in: nothing that Gatepost itself counts against them stands after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from directory.directory import AccountState, PasswordRefused
from directory.lockout import PasswordLimits
from directory.mobile import E164
from directory.principal import Account, Principal
from proxy.throttle.limits import Limit
from tests.portal.admin import UNLOCK, admin_stage, explained, said, signed_in_admin
from tests.portal.stage import PASSWORD, Page, ScriptedDirectory, Stage
from tests.portal.test_admin_person import headline
from tests.portal.test_told_pause import NEW_PLACE, told, tries
from tests.support.people import principal

NUMBER = E164("+447400123456")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path) as stage:
        yield stage


async def cleared(stage: Stage, login: str, **asked: str) -> tuple[Page, Page]:
    """The explanation before the button was pressed, and the one that answers it."""
    browser = await signed_in_admin(stage)
    before = await explained(browser, login, **asked)
    return before, await browser.post(UNLOCK, before.hidden)


async def test_a_number_that_was_sent_too_much_is_sent_to_again(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, throttle={"sends_per_number": 1}) as stage:
        await stage.to_passcode(stage.browser())
        assert (await stage.password(stage.browser())).status == 429
        before, after = await cleared(stage, "alice")
        assert "too many codes were sent to their number" in headline(before)[1]
        assert headline(after) == ("green", "Alice <Liddell> (alice) can sign in now")
        await stage.sign_in(stage.browser())


async def test_a_mail_address_that_was_sent_too_much_is_sent_to_again(tmp_path: Path) -> None:
    schemes = [
        {"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins"]},
        {"name": "browser", "factors": ["password", "email"]},
    ]
    async with admin_stage(tmp_path, throttle={"sends_per_number": 1}, schemes=schemes) as stage:
        users = tmp_path / "users.toml"
        users.write_text(users.read_text().replace('mobile = "07400 123456"', 'mail = "alice@corp.example"'))
        await stage.to_passcode(stage.browser())
        assert (await stage.password(stage.browser())).status == 429
        before, after = await cleared(stage, "alice")
        assert "too many codes were sent to their number or mail address" in headline(before)[1]
        assert headline(after)[0] == "green"
        await stage.to_passcode(stage.browser())


async def test_the_right_password_opens_where_wrong_ones_had_begun_a_pause(stage: Stage) -> None:
    browser = stage.browser(address=NEW_PLACE)
    pages = await tries(stage, browser, "alice", ["one", "two", "three", PASSWORD])
    assert told(pages[-1])
    before, after = await cleared(stage, "alice")
    assert headline(before)[0] == "amber"
    assert headline(after)[0] == "green"
    again = await tries(stage, browser, "alice", ["four", "five"])
    assert not any(map(told, again)), "the pause that was told is over, too"
    assert (await stage.password(browser, "alice", PASSWORD)).status == 303


_NOT_MET_HERE = (Limit.SENDS_PER_DAY, Limit.CREDENTIALS_PER_ADDRESS)
"""The codes of the day are everybody's, and no sign-in meets the credentials of programs."""


@pytest.mark.parametrize("limit", [each for each in Limit if each not in _NOT_MET_HERE])
async def test_each_count_of_a_person_is_cleared(stage: Stage, limit: Limit) -> None:
    before, _ = await cleared(stage, "alice")
    guid, throttle, now = before.hidden["guid"], stage.throttle, stage.now
    limits = PasswordLimits(in_all=4, from_unfamiliar=3, window_seconds=1800.0)

    async def standing() -> int:
        found = await throttle.standings(
            person=guid, limits=limits, number=NUMBER, address=NEW_PLACE, typed="name:local:alice", now=now
        )
        return next(each.count for each in found if each.limit is limit)

    await throttle.reserve_address(NEW_PLACE, now=now)
    await throttle.reserve_password(person=guid, address=NEW_PLACE, limits=limits, now=now)
    start = await throttle.fresh_starts(guid)
    await throttle.told_pauses.refused(typed="name:local:alice", start=start, password=b"x", limits=limits, now=now)
    await throttle.reserve_passcode(person=guid, now=now)
    await throttle.reserve_send(person=guid, number=NUMBER, address=NEW_PLACE, now=now)
    assert await standing() == 1
    await cleared(stage, "alice", address=NEW_PLACE)
    assert await standing() == 0
    assert said(stage, "admin.unlocked")[-1]["address_too"] is True


async def test_wrong_credentials_from_an_address_are_cleared_with_it(stage: Stage) -> None:
    while await stage.throttle.reserve_credential(NEW_PLACE, now=stage.now) is None:
        pass
    await cleared(stage, "alice", address=NEW_PLACE)
    assert await stage.throttle.reserve_credential(NEW_PLACE, now=stage.now) is None


async def test_an_address_is_cleared_only_where_it_was_asked_about(stage: Stage) -> None:
    await stage.throttle.reserve_address(NEW_PLACE, now=stage.now)
    before, _ = await cleared(stage, "alice")
    limits = PasswordLimits(in_all=4, from_unfamiliar=3, window_seconds=1800.0)
    found = await stage.throttle.standings(
        person=before.hidden["guid"], limits=limits, number=None, address=NEW_PLACE, now=stage.now
    )
    assert next(each.count for each in found if each.limit is Limit.PASSWORDS_PER_ADDRESS) == 1
    assert said(stage, "admin.unlocked")[-1]["address_too"] is False


class Lagging(ScriptedDirectory):
    """One server had not heard of a new password yet."""

    knows = False

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        if account is not None and password == PASSWORD and self.knows:
            self.binds += 1
            return principal(guid=self.account.guid, realm="corp", username="scripted")
        return await super().authenticate(account, password)

    async def state(self, guid: str) -> AccountState | None:
        found = principal(guid=guid, realm="corp", username="scripted")
        return AccountState(principal=found, refusals=(), told_by="dc1")


async def test_a_right_password_that_was_called_wrong_is_asked_for_again(tmp_path: Path) -> None:
    directory = Lagging()
    async with admin_stage(tmp_path, scripted=directory) as stage:
        browser = stage.browser(address=NEW_PLACE)
        await stage.password(browser, "scripted@corp", PASSWORD)
        directory.knows = True
        assert (await stage.password(browser, "scripted@corp", PASSWORD)).status == 401
        assert stage.log[-1]["reason"] == "same_wrong_password_again"
        await cleared(stage, "scripted@corp")
        assert (await stage.password(browser, "scripted@corp", PASSWORD)).status == 303
