"""Single sign-on as it is used: a ticket of a real domain, curl and Chromium, an SMS, and the app."""

from __future__ import annotations

import asyncio
import html
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, async_playwright, expect

from tests.end_to_end.house import House, open_house
from tests.support.browser import ARGUMENTS, CHROMIUM
from tests.support.kerberos import Workstation, export_keytab
from tests.support.samba import ALICE_PASSWORD
from tests.support.samba_dc import SambaDC

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMES = """
[[schemes]]
name = "inside"
factors = ["kerberos", "sms"]
[[schemes]]
name = "browser"
factors = ["password", "sms"]
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory, corp: SambaDC) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("house")
    keytab = export_keytab(corp, folder / "http.keytab", "HTTP/signin.localhost")
    environ = {"GATEPOST_DIRECTORIES__0__KERBEROS_KEYTAB": str(keytab)}
    async with open_house(folder, corp, more=SCHEMES, environ=environ) as house:
        yield house


@pytest.fixture
def workstation(tmp_path: Path, corp: SambaDC, monkeypatch: pytest.MonkeyPatch) -> Workstation:
    workstation = Workstation(tmp_path / "workstation", corp)
    for name in ("KRB5_CONFIG", "KRB5CCNAME"):  # for the browser
        monkeypatch.setenv(name, workstation.environ[name])
    workstation.sign_in("alice", ALICE_PASSWORD)
    return workstation


async def curl(house: House, workstation: Workstation, url: str, *more: str, headers: bool = True) -> str:
    """The last answer, and the heads of all of them; cookies are kept in between."""
    jar = str(workstation.folder / "cookies")
    hosts = [f"{name}.localhost:{house.port}:127.0.0.1" for name in ("signin", "wiki")]
    process = await asyncio.create_subprocess_exec(
        *("curl", "--silent", "--show-error", "--max-time", "20", "--location-trusted", "--cookie", jar),
        *("--cookie-jar", jar, "--header", "Accept: text/html", "--negotiate", "--user", ":"),
        *(part for host in hosts for part in ("--resolve", host)),
        *(("--include",) if headers else ()),
        *more,
        url,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=workstation.environ,
    )
    answer, complaint = await process.communicate()
    assert process.returncode == 0, complaint.decode()
    return answer.decode()


@asynccontextmanager
async def domain_joined(profile: Path, *, java_script_enabled: bool = True) -> AsyncIterator[BrowserContext]:
    """Chromium with a profile on disk: in private windows it answers no question for a ticket by itself."""
    if CHROMIUM is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Chromium is not installed: apt-get install chromium")
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            args=[*ARGUMENTS, "--auth-server-allowlist=signin.localhost"],
            java_script_enabled=java_script_enabled,
        )
        try:
            yield context
        finally:
            await context.close()


def hidden(page: str) -> dict[str, str]:
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in found}


async def test_curl_gets_to_the_app_with_a_ticket_and_a_passcode(house: House, workstation: Workstation) -> None:
    page = await curl(house, workstation, house.url("wiki", "/?page=a"))
    assert re.search(r"^WWW-Authenticate: Negotiate [A-Za-z0-9+/=]{20,}\r$", page, re.MULTILINE), "mutual"
    text = await house.next_text()
    assert text.recipient == "447400123456@kapow.co.uk"
    fields = urlencode({**hidden(page), "passcode": text.passcode})
    app = await curl(house, workstation, house.url("signin", "/.gatepost/passcode"), "--data", fields)
    assert re.search(r"<dt>Remote-User</dt><dd>(<code>)?alice<", app)
    assert "/?page=a" in app
    assert "<dt>Authorization</dt>" not in app, "the ticket is Gatepost's"
    log = "".join(house.process.log)
    assert "sign_in.succeeded" in log
    assert "YII" not in log, "what tokens begin with"


async def test_curl_without_a_ticket_gets_the_form(house: House, workstation: Workstation) -> None:
    (workstation.folder / "tickets").unlink()
    page = await curl(house, workstation, house.url("wiki", "/"))
    assert 'name="password"' in page
    assert "Location: /.gatepost/passcode" not in page


async def test_chromium_signs_in_with_a_ticket(house: House, workstation: Workstation) -> None:
    async with domain_joined(workstation.folder / "profile") as browser:
        page = await browser.new_page()
        # Asked for the first time in a profile's life, it leaves its sandbox to load the Kerberos library: the form
        # is there meanwhile, and from the second time on the ticket comes.
        await page.goto(house.url("wiki", "/?page=a"))
        await expect(page.get_by_role("textbox", name="Password")).to_be_visible()
        await page.goto(house.url("wiki", "/?page=a"))
        await house.type_passcode(page, (await house.next_text()).passcode)
        await expect(page).to_have_url(house.url("wiki", "/?page=a"))


@pytest.mark.parametrize("script", [True, False], ids=["with JavaScript", "without JavaScript"])
async def test_chromium_without_a_ticket_is_shown_the_form_and_signs_in(
    house: House, workstation: Workstation, script: bool
) -> None:
    (workstation.folder / "tickets").unlink()
    async with domain_joined(workstation.folder / "profile", java_script_enabled=script) as browser:
        page = await browser.new_page()
        await house.sign_in(page, "alice", ALICE_PASSWORD, path="/?page=a")
        if not script:
            await page.keyboard.press("Enter")
        await expect(page).to_have_url(house.url("wiki", "/?page=a"))
