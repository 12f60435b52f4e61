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

from proxy.demo.samba_dc import samba_problem
from tests.support.browser import chromium
from tests.support.gatepost import ROOT, free_port


@asynccontextmanager
async def running_demo(*arguments: str) -> AsyncIterator[str]:
    """What it printed, once it is there."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy", "demo", "--port", str(free_port()), *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=ROOT,
    )
    assert process.stdout is not None
    printed = ""
    try:
        async with asyncio.timeout(60):
            while "Ctrl-C" not in printed:
                line = await process.stdout.readline()
                assert line, printed
                printed += line.decode()
        yield printed
    finally:
        if process.returncode is None:
            process.terminate()
        assert await process.wait() == 0


@pytest.mark.parametrize("arguments", [(), ("--ad",)], ids=["local", "ad"])
async def test_a_visitor_signs_in_with_what_the_demo_prints(arguments: tuple[str, ...]) -> None:
    problem = samba_problem() if arguments else None
    if problem is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(problem)
    async with running_demo(*arguments) as printed, chromium() as browser:
        app, payroll, phone = re.findall(r"http://\S+", printed)[:3]
        username, password = re.search(r"^ +(bob) +(\S+)$", printed, re.MULTILINE).groups()  # type: ignore[union-attr]
        context = await browser.new_context()
        page, phone_page = await context.new_page(), await context.new_page()
        await phone_page.goto(phone)
        await page.goto(app)
        await page.get_by_label("User name").fill(username)
        await page.get_by_label("Password").fill(password)
        await page.get_by_role("button", name="Continue").click()
        await expect(phone_page.locator("body")).to_contain_text("is your Wiki sign-in code")
        passcode = re.search(r"([0-9]{6}) is your", await phone_page.inner_text("body"))
        assert passcode is not None
        await page.locator("input[name=passcode]").fill(passcode[1])
        await expect(page.locator("h1")).to_contain_text("Bob Example")
        refused = await page.goto(payroll)
        assert refused is not None
        assert refused.status == 403
