"""`email_for_sms`: whom no SMS can reach has the passcode by mail, unless the number was taken away a moment ago."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from config.factors import ChannelKind
from directory.directory import PasswordRefused
from directory.principal import Account, Principal
from proxy.delivery.channel import EMAIL_ONLY
from proxy.sessions.session import Level
from tests.portal.stage import NOW, SIGN_IN_ORIGIN, ScriptedDirectory, Stage, running_portal

CHANNELS = {"kapow": ChannelKind.SMS, "email": ChannelKind.EMAIL}
STEP_UP = f"{SIGN_IN_ORIGIN}/.gatepost/step-up"
SCHEMES = [
    {"name": "inside", "factors": ["password"], "networks": ["203.0.113.0/24"]},
    {"name": "browser", "factors": ["password", "sms"]},
]


class Telling(ScriptedDirectory):
    """Takes every password, and says what stands in `person`."""

    person = Principal(
        guid=ScriptedDirectory.account.guid,
        realm="corp",
        username="scripted",
        display_name="Scripted",
        mail="scripted@corp.example",
        mobiles=(),
    )

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        return self.person


@asynccontextmanager
async def portal(folder: Path, *, allowed: bool = True, then: str = "wait", **person: Any) -> AsyncIterator[Stage]:
    directory = Telling()
    directory.person = replace(directory.person, **person)
    second_factor = {"channels": tuple(CHANNELS), "email_for_sms": allowed}
    changes = {"mobile": {"then": then}, "second_factor": second_factor, "schemes": SCHEMES}
    async with running_portal(folder, scripted=directory, **changes) as stage:
        stage.phone.channels = dict(CHANNELS)
        yield stage


@pytest.mark.parametrize("mobiles", [(), ("see Bob",)])
async def test_whom_no_sms_can_reach_signs_in_by_mail(tmp_path: Path, mobiles: tuple[str, ...]) -> None:
    async with portal(tmp_path, mobiles=mobiles) as stage:
        browser = stage.browser()
        page = await stage.to_passcode(browser, username="scripted@corp")
        assert "We sent an e-mail with a code to" in page.text
        assert (stage.phone.messages[0].number, stage.phone.kinds) == (None, [EMAIL_ONLY])
        assert (await stage.answer(browser, page, stage.passcode)).status == 303
        (session,) = await stage.store.sessions.sessions()
        assert session.level is Level.SIGNED_IN
        assert await stage.store.numbers.known_number(session.principal.guid) is None


@pytest.mark.parametrize(
    ("facts", "status"),
    [({"allowed": False}, 403), ({"mail": None}, 403), ({"mail": "a@b.example, c@d.example"}, 403), ({}, 303)],
)
async def test_only_where_the_operator_says_so_and_there_is_an_address(
    tmp_path: Path, facts: dict[str, Any], status: int
) -> None:
    async with portal(tmp_path, **facts) as stage:
        assert (await stage.password(stage.browser(), "scripted@corp")).status == status
        assert len(stage.phone.messages) == (status == 303)


@pytest.mark.parametrize(("then", "status"), [("wait", 403), ("refuse", 403), ("other_channel", 303), ("send", 303)])
async def test_who_takes_the_number_away_wins_nothing_by_it(tmp_path: Path, then: str, status: int) -> None:
    """A stolen password may be enough to empty the field, where that is delegated."""
    async with portal(tmp_path, then=then, mobile_changed_at=NOW - 60) as stage:
        assert (await stage.password(stage.browser(), "scripted@corp")).status == status
        assert len(stage.phone.messages) == (status == 303)


async def test_taking_it_away_wins_nothing_where_the_directory_does_not_date_it_either(tmp_path: Path) -> None:
    async with portal(tmp_path, is_mobile_change_unread=True) as stage:
        assert (await stage.password(stage.browser(), "scripted@corp")).status == 403
        stage.now += 86_400 + 60
        assert (await stage.password(stage.browser(), "scripted@corp")).status == 303


async def test_a_step_up_asks_for_it_by_mail_too(tmp_path: Path) -> None:
    async with portal(tmp_path) as stage:
        browser = stage.browser(address="203.0.113.5")
        await stage.password(browser, "scripted@corp")
        query = {"scheme": "browser", "return_to": "https://forms.corp.example/", "start": "s" * 43}
        page = await browser.get(f"{STEP_UP}?{urlencode(query)}")
        assert (page.status, "s•••@corp.example" in page.text) == (200, True)
        assert (await browser.post(STEP_UP, page.hidden)).status == 303
        assert stage.phone.kinds == [EMAIL_ONLY]
