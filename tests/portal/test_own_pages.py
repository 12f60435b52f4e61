"""A session by a scheme for certain apps opens those apps, and not the pages about the person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from proxy.portal.csrf import Form, csrf_token
from proxy.secrets.keys import Purpose
from proxy.sessions.session import Session
from tests.portal.stage import SIGN_IN_ORIGIN, START, WIKI, Browser, Stage, running_portal
from tests.portal.test_password_change import CORP, NAME, NEW, OLD, ChangingDirectory

ME, PASSWORD = f"{SIGN_IN_ORIGIN}/.gatepost/me", f"{SIGN_IN_ORIGIN}/.gatepost/password"
QUICK: dict[str, Any] = {"name": "quick", "factors": ["password"], "apps": ["Wiki"]}
OFFICE: dict[str, Any] = {"name": "office", "factors": ["password"], "networks": ["192.0.2.0/24"]}
BROWSER: dict[str, Any] = {"name": "browser", "factors": ["password", "sms"]}
STEP_UP = "/.gatepost/step-up?scheme=browser"


@asynccontextmanager
async def quickly_signed_in(folder: Path, *schemes: dict[str, Any]) -> AsyncIterator[tuple[Stage, Browser]]:
    """Somebody who came from the wiki with a password alone."""
    corp = ChangingDirectory()
    directories = [{"type": "local", "name": "local", "file": str(folder / "users.toml")}, CORP]
    async with running_portal(folder, scripted=corp, directories=directories, schemes=list(schemes)) as stage:
        browser = stage.browser()
        landed = await stage.password(browser, NAME, OLD, return_to=f"{WIKI}/page", start=START)
        assert landed.location.startswith(f"{WIKI}/.gatepost/ticket?"), landed.text
        yield stage, browser


async def sessions(stage: Stage) -> list[Session]:
    return list(await stage.store.sessions.sessions())


def proof(stage: Stage, browser: Browser, form: Form, session_id: str) -> dict[str, str]:
    own = browser.cookies["signin.corp.example"]["__Host-gatepost-browser"]
    key = stage.keys.derive(Purpose.CSRF)
    return {"csrf_token": csrf_token(key, form=form, browser=own, session_id=session_id)}


@pytest.mark.parametrize("page", [ME, PASSWORD])
async def test_the_pages_about_the_person_ask_for_what_a_sign_in_from_no_app_asks_for(
    tmp_path: Path, page: str
) -> None:
    async with quickly_signed_in(tmp_path, QUICK, BROWSER) as (stage, browser):
        assert (await browser.get(page)).location == STEP_UP
        step_up = await browser.get(SIGN_IN_ORIGIN + STEP_UP)
        pressed = await browser.post(SIGN_IN_ORIGIN + "/.gatepost/step-up", step_up.hidden)
        await stage.answer(browser, await browser.get(SIGN_IN_ORIGIN + pressed.location), stage.passcode)
        assert (await browser.get(page)).status == 200


async def test_a_form_that_was_made_up_changes_nothing(tmp_path: Path) -> None:
    async with quickly_signed_in(tmp_path, QUICK, BROWSER) as (stage, browser):
        (session,) = await sessions(stage)
        asked = {"current": OLD, "new": NEW, "again": NEW, **proof(stage, browser, Form.PASSWORD, session.session_id)}
        assert (await browser.post(PASSWORD, asked)).location == STEP_UP
        assert isinstance(stage.scripted, ChangingDirectory)
        assert stage.scripted.changes == []
        asked = {"all": "yes", **proof(stage, browser, Form.ME, session.session_id)}
        assert (await browser.post(ME, asked)).location == STEP_UP
        assert await sessions(stage) == [session]


@pytest.mark.parametrize("schemes", [(QUICK, OFFICE, BROWSER), (QUICK,)])
async def test_they_are_open_where_a_password_is_enough_or_nobody_signs_in_from_no_app(
    tmp_path: Path, schemes: tuple[dict[str, Any], ...]
) -> None:
    async with quickly_signed_in(tmp_path, *schemes) as (_, browser):
        for page in (ME, PASSWORD):
            assert (await browser.get(page)).status == 200
