"""When something behind Gatepost is missing or a client is odd: a clear page, the right status, a log line."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import expect

from tests.end_to_end.house import House, open_house
from tests.support.browser import chromium
from tests.support.gatepost import free_port
from tests.support.samba import ALICE_PASSWORD
from tests.support.samba_dc import SambaDC

pytestmark = pytest.mark.asyncio(loop_scope="module")

AWAY = """
[[apps]]
name = "Away"
host = "away.localhost"
upstream = "http://127.0.0.1:{port}"
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def standing(tmp_path_factory: pytest.TempPathFactory, corp: SambaDC) -> AsyncIterator[House]:
    """One for all tests in which the domain is there."""
    async with open_house(tmp_path_factory.mktemp("house"), corp, more=AWAY.format(port=free_port())) as house:
        yield house


async def answer(house: House, host: str, target: str = "/", *fields: str) -> tuple[int, str, str]:
    """Status, head and body of one raw request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", *fields, "Connection: close", "", ""]
    writer.write("\r\n".join(lines).encode("latin-1"))
    async with asyncio.timeout(20):
        received = (await reader.read()).decode()
    writer.close()
    head, _, body = received.partition("\r\n\r\n")
    return int(head.split()[1]), head, body


def ready(house: House) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{house.admin_port}/readyz", timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


async def test_a_domain_that_is_away_is_told_on_the_page_and_to_the_operator(tmp_path: Path, corp: SambaDC) -> None:
    url = f"ldaps://127.0.0.1:{free_port()}"
    async with open_house(tmp_path, corp, url=url) as house, chromium() as browser:
        page = await browser.new_page()
        await page.goto(house.url("wiki"))
        async with page.expect_response(lambda response: response.request.method == "POST") as posted:
            await house.type_password(page, "alice", ALICE_PASSWORD)
        response = await posted.value
        assert response.status == 503
        assert int((await response.all_headers())["retry-after"]) > 0
        await expect(page.locator("h1")).to_have_text("Sign-in is unavailable")
        incident = await page.locator("code").inner_text()
        await asyncio.to_thread(house.process.wait_for_log, incident)
        status, told = await asyncio.to_thread(ready, house)
        assert status == 503
        assert "corp" in json.dumps(told)
        assert "alice" not in json.dumps(told)


async def test_an_app_that_is_away_is_a_502_for_those_who_may_open_it(standing: House) -> None:
    house = standing
    async with chromium() as browser:
        page = await browser.new_page()
        await house.sign_in(page, "alice", ALICE_PASSWORD, app="away")
        await expect(page.locator("h1")).to_have_text("Away: The app cannot be reached")
        incident = await page.locator("code").inner_text()
        await asyncio.to_thread(house.process.wait_for_log, incident)


async def test_odd_clients_get_clear_answers(standing: House) -> None:
    status, _, body = await answer(standing, f"nowhere.localhost:{standing.port}", "/", "Accept: text/html")
    assert status == 421
    assert "Unknown address" in body
    for cookie in ("gatepost=short", "gatepost=" + "a" * 43, "gatepost=\xff\xfe", "gatepost", "=" * 4000):
        status, head, _ = await answer(standing, "wiki.localhost", "/", "Accept: text/html", f"Cookie: {cookie}")
        assert status == 302, cookie
        assert "/.gatepost/sign-in?" in head
    status, _, body = await answer(standing, "wiki.localhost", "/api", "Accept: application/json")
    assert status == 401
    assert json.loads(body)["error"] == "not_signed_in"


@pytest.mark.parametrize("path", ["/.gatepost/nothing", "/.gatepost/ticket?ticket=x"])
async def test_reserved_paths_never_reach_an_app(standing: House, path: str) -> None:
    status, _, body = await answer(standing, "wiki.localhost", path, "Accept: text/html")
    assert status in (303, 404)
    assert "protected app" not in body
