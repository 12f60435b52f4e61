"""With a pass nobody changes a password, nor is it asked for one that is about to expire."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.factors import Factor
from directory.directory import RefusalReason
from proxy.factors.passes.given_pass import code_digest
from proxy.portal.app_keys import PASSWORD_CHANGE
from proxy.secrets.keys import Purpose
from proxy.sessions.session import Level
from tests.portal.stage import SIGN_IN_ORIGIN, Browser
from tests.portal.test_password_change import NAME, OLD, PAGE, World, running_world
from tests.support.people import given_pass

CODE = "1" * 20
CHANGES = {"help_desk": {"passes": True}}


async def by_pass(world: World) -> Browser:
    guid = world.corp.account.guid
    digest = code_digest(world.stage.keys.derive(Purpose.PASSES), guid=guid, code=CODE)
    await world.stage.store.passes.put_pass(given_pass(guid=guid, digest=digest))
    browser = world.stage.browser()
    page = await world.stage.to_passcode(browser, username=NAME, password=OLD)
    answer = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**page.hidden, "new": "pass"})
    page = await browser.get(SIGN_IN_ORIGIN + answer.location)
    await world.stage.answer(browser, page, CODE)
    return browser


async def test_no_password_is_changed(tmp_path: Path) -> None:
    async with running_world(tmp_path, CHANGES) as world:
        own = world.stage.browser()
        await world.sign_in(own)
        form = await own.get(PAGE)
        assert form.status == 200
        browser = await by_pass(world)
        page = await browser.get(PAGE)
        assert page.status == 403
        assert "Not with a pass" in page.text
        (session,) = [
            each for each in await world.stage.store.sessions.sessions() if Factor.PASS in each.proven_factors
        ]
        changes = world.stage.portal[PASSWORD_CHANGE]
        assert changes.changer_of(session) is None
        with pytest.raises(ValueError, match="pass"):
            await changes.change(None, session, world.corp, old=OLD, new="x")  # type: ignore[arg-type]
        assert world.corp.changes == []


async def test_one_that_must_be_changed_stops_at_its_page(tmp_path: Path) -> None:
    async with running_world(tmp_path, CHANGES) as world:
        world.corp.stopped = RefusalReason.MUST_CHANGE
        browser = await by_pass(world)
        page = await browser.get(PAGE)
        assert page.status == 403
        (session,) = await world.stage.store.sessions.sessions()
        assert session.level is Level.MUST_CHANGE_PASSWORD
        assert (await browser.get(f"{SIGN_IN_ORIGIN}/")).status == 303
