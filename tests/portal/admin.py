"""A portal with admin pages, and people who come to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from directory.login_name import parse_login_name
from proxy.portal.csrf import Form, csrf_token
from tests.portal.stage import SIGN_IN_ORIGIN, Browser, Page, Stage, running_portal

GROUPS = ["Gatepost Admins"]
ADMIN = f"{SIGN_IN_ORIGIN}/.gatepost/admin/"
PERSON, UNDELIVERED, MOBILES = f"{ADMIN}person", f"{ADMIN}undelivered", f"{ADMIN}mobiles"
END, UNLOCK, CSV = f"{PERSON}/end-sessions", f"{PERSON}/unlock", f"{MOBILES}.csv"
CONFIRM, FACTOR = f"{PERSON}/confirm-number", f"{PERSON}/remove-factor"
GIVE = f"{PERSON}/give-pass"
PASSES = f"{ADMIN}passes"
SESSIONS, THROTTLED, SENDS, SERVERS = (f"{ADMIN}{name}" for name in ("sessions", "throttled", "sends", "servers"))
PAGES = (ADMIN, PERSON, UNDELIVERED, MOBILES, CSV, SESSIONS, THROTTLED, SENDS, SERVERS)
ACTIONS = (PERSON, END, UNLOCK, CONFIRM, FACTOR, MOBILES, f"{SESSIONS}/end", f"{THROTTLED}/release")


@asynccontextmanager
async def admin_stage(folder: Path, *, admin: dict[str, Any] | None = None, **changes: Any) -> AsyncIterator[Stage]:
    async with running_portal(folder, admin={"groups": GROUPS, **(admin or {})}, **changes) as stage:
        yield stage


async def signed_in_admin(stage: Stage, **facts: str) -> Browser:
    browser = stage.browser(**facts)
    answer = await stage.password(browser, "admin")
    assert answer.location == "/", answer.text
    return browser


async def explained(browser: Browser, login: str, **fields: str) -> Page:
    form = await browser.get(PERSON)
    return await browser.post(PERSON, {**form.hidden, "login": login, **fields})


async def token_of(stage: Stage, browser: Browser) -> dict[str, str]:
    """What a form of this browser's session would carry, whether or not the pages are shown to it."""
    cookie = browser.session_cookie()
    session = None
    if cookie is not None:
        session = await stage.sessions.find(cookie.encode(), "signin.corp.example", stage.now)
    own = browser.cookies["signin.corp.example"]["__Host-gatepost-browser"]
    session_id = session.session_id if session is not None else ""
    return {"csrf_token": csrf_token(stage.portal_key, form=Form.ADMIN, browser=own, session_id=session_id)}


def said(stage: Stage, event: str) -> list[dict[str, Any]]:
    """The facts of each audit line of this event."""
    return [call.kwargs for call in stage.logger.calls if call.kwargs.get("event") == event]


async def guid_of_admin(stage: Stage) -> str:
    name = parse_login_name("admin")
    directory = stage.realms.choose(name)
    account = await directory.find(name) if directory is not None else None
    assert account is not None
    return account.guid


@asynccontextmanager
async def waiting(
    place: Callable[[], AbstractAsyncContextManager[None]], *, at_once: int, others: int
) -> AsyncIterator[None]:
    """Inside the block, all places are taken and so many others wait for one."""

    async def wait() -> None:
        async with place():
            pass

    async with AsyncExitStack() as held:
        for _ in range(at_once):
            await held.enter_async_context(place())
        tasks = [asyncio.create_task(wait()) for _ in range(others)]
        await asyncio.sleep(0)  # each of them runs up to its wait
        try:
            yield
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
