"""What people read while the operator has degraded the sign-in: what is different, and until when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.portal.admin import admin_stage, explained, signed_in_admin
from tests.portal.stage import PASSWORD, SIGN_IN_ORIGIN, Stage, running_portal
from tests.portal.test_password_change import running_world
from tests.support.rungs import begun_rung

SIGN_IN = f"{SIGN_IN_ORIGIN}/.gatepost/sign-in"
RUNGS = [
    {"name": "channels", "what": "channels", "channels": ["aql"], "text": "We <are> working on it."},
    {"name": "mail", "what": "mail", "schemes": ["browser"]},
    {"name": "remembered", "what": "remembered"},
    {"name": "closed", "what": "closed"},
]
SAID = {
    "channels": "text messages with codes go by another provider and can look different.",
    "mail": "codes come by e-mail instead of by text message.",
    "remembered": "no codes are sent by text message. Use a browser that is remembered, or another second factor.",
    "closed": "nobody can sign in. People who are signed in already stay signed in.",
}


async def begin(stage: Stage, *names: str, **fields: Any) -> None:
    for name in names:
        assert await stage.store.rungs.put_rung(begun_rung(name, at=stage.now, **fields), seen=None)
    await stage.degrade.look()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), []),
        (("channels",), ["channels"]),
        (("mail", "channels"), ["mail", "channels"]),
        (("remembered", "mail", "channels"), ["remembered"]),
        (("remembered", "closed", "channels"), ["closed"]),
    ],
)
async def test_the_sign_in_page_says_what_counts_until_its_end(
    tmp_path: Path, names: tuple[str, ...], said: list[str]
) -> None:
    async with running_portal(tmp_path, degrade=RUNGS) as stage:
        await begin(stage, *names, seconds=600)
        page = (await stage.browser().get(SIGN_IN)).text
        assert [name for name in ("closed", "remembered", "mail", "channels") if SAID[name] in page] == said
        assert ("We &lt;are&gt; working on it." in page) is ("channels" in said)
        if said:
            assert '<p>Until <time datetime="2027-01-15T08:10:00Z" data-clock="minutes">08:10 UTC</time>, ' in page
        stage.now += 600
        after = (await stage.browser().get(SIGN_IN)).text
        assert not any(sentence in after for sentence in SAID.values())


async def test_the_passcode_page_says_it_too_and_other_pages_do_not(tmp_path: Path) -> None:
    async with running_portal(tmp_path, degrade=RUNGS) as stage:
        await begin(stage, "channels")
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        assert SAID["channels"] in page.text
        await stage.answer(browser, page, stage.passcode)
        assert SAID["channels"] not in (await browser.get(f"{SIGN_IN_ORIGIN}/")).text


@pytest.mark.parametrize(("schemes", "is_said"), [(["browser"], True), (["other"], False)])
async def test_who_waits_for_a_text_message_does_not_read_that_it_comes_by_mail(
    tmp_path: Path, schemes: list[str], is_said: bool
) -> None:
    both = [{"name": "other", "factors": ["password", "sms"], "groups": ["X"]}]
    both.append({"name": "browser", "factors": ["password", "sms"]})
    rungs = [{"name": "mail", "what": "mail", "schemes": schemes}]
    async with running_portal(tmp_path, schemes=both, degrade=rungs) as stage:
        browser = stage.browser()
        await stage.to_passcode(browser)
        await begin(stage, "mail")
        page = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/passcode")
        assert page.status == 200
        assert (SAID["mail"] in page.text) is is_said


async def test_who_cannot_get_in_reads_why_and_when_to_come_again(tmp_path: Path) -> None:
    async with running_portal(tmp_path, degrade=RUNGS) as stage:
        await begin(stage, "remembered", seconds=600)
        refused = await stage.password(stage.browser())
        assert refused.status == 403
        assert "No codes are sent by text message just now." in refused.text
        assert stage.phone.messages == []
        await begin(stage, "closed", seconds=600)
        right, wrong = [await stage.password(stage.browser(), password=each) for each in (PASSWORD, "wrong")]
        for page in (right, wrong):
            assert page.status == 403
            assert "Sign-in is closed" in page.text
            assert "password was right" not in page.text


async def test_who_chooses_a_new_password_to_get_in_reads_that_nobody_does(tmp_path: Path) -> None:
    async with running_world(tmp_path, {"degrade": RUNGS}) as world:
        browser = world.stage.browser()
        page = await world.must_change(browser)
        await begin(world.stage, "closed", seconds=600)
        refused = await world.change(browser, page)
        assert refused.status == 403
        assert "Sign-in is closed" in refused.text
        assert world.corp.changes == []


async def test_the_help_desk_reads_it_of_a_person(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, degrade=RUNGS) as stage:
        admin = await signed_in_admin(stage)
        await begin(stage, "remembered", seconds=600)
        page = await explained(admin, "alice")
        assert page.status == 200
        assert "no codes are sent by text message just now" in page.text
        assert "&#34;remembered&#34; is in force for a while, until" in page.text
