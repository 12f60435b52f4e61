"""`gatepost demo`, used as its visitor would: only what it prints is known."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import expect

from tests.support.browser import chromium
from tests.support.gatepost import ROOT, free_port
from tests.support.samba_dc import samba_problem


@asynccontextmanager
async def running_demo(*module: str) -> AsyncIterator[str]:
    """What it printed, once it is there."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *module, "--port", str(free_port())),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
    )
    assert process.stdout is not None
    printed = ""
    try:
        async with asyncio.timeout(240):
            while "Ctrl-C" not in printed:
                line = await process.stdout.readline()
                assert line, printed
                printed += line.decode()
        yield printed
    finally:
        if process.returncode is None:
            process.terminate()
        assert await process.wait() == 0


@pytest.mark.parametrize("module", [("proxy", "demo"), ("tests.support.ad_demo",)], ids=["local", "ad"])
async def test_a_visitor_signs_in_with_what_the_demo_prints(module: tuple[str, ...]) -> None:
    problem = samba_problem() if "demo" not in module else None
    if problem is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(problem)
    async with running_demo(*module) as printed, chromium() as browser:
        app, payroll, admin, phone = re.findall(r"http://\S+", printed)[:4]
        username, password = re.search(r"^ +(bob) +(\S+)$", printed, re.MULTILINE).groups()  # type: ignore[union-attr]
        context = await browser.new_context()
        page, phone_page = await context.new_page(), await context.new_page()
        await phone_page.goto(phone)
        await page.goto(app)
        await page.get_by_label("User name").fill(username)
        await page.get_by_role("textbox", name="Password").fill(password)
        await page.get_by_role("button", name="Continue").click()
        await expect(phone_page.locator("body")).to_contain_text("is your Wiki sign-in code")
        passcode = re.search(r"([0-9]{6}) is your", await phone_page.inner_text("body"))
        assert passcode is not None
        await page.locator("input[name=passcode]").fill(passcode[1])
        await expect(page.locator("h1")).to_contain_text("Bob Example")
        for closed in (payroll, admin):
            refused = await page.goto(closed)
            assert refused is not None
            assert refused.status == 403

        await context.clear_cookies()
        await page.goto(admin)
        await page.get_by_label("User name").fill("alice")
        await page.get_by_role("textbox", name="Password").fill(password)
        await page.get_by_role("button", name="Continue").click()
        await page.locator("input[name=passcode]").wait_for()
        texts = phone_page.get_by_text(re.compile("is your .* sign-in code"))
        await expect(texts).to_have_count(2)
        passcodes = {re.match(r"[0-9]{6}", text.strip()) for text in await texts.all_inner_texts()}
        (new,) = {each[0] for each in passcodes if each is not None} - {passcode[1]}
        await page.locator("input[name=passcode]").fill(new)
        await page.get_by_role("link", name="Why can't they sign in?").click()
        await page.get_by_label("User name").fill("bob")
        await page.get_by_role("button", name="Explain").click()
        await expect(page.locator("h1")).to_have_text(re.compile(r"bob.* can sign in now"))
