"""An address of up to 8,000 bytes, as it was sent, is still there after the sign-in; a longer one leads to its app."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
import pytest_asyncio

from proxy.http.reserved import MAX_RETURN_TARGET_BYTES
from tests.end_to_end.home import Home, open_home
from tests.portal.stage import PASSWORD
from tests.support.browser import chromium
from tests.support.raw_http import Message, raw_client

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Client:
    """A browser's way through redirects and forms, byte by byte: what it asks for is sent as it is."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.cookies: dict[str, dict[str, str]] = {}
        self.url = ""

    async def ask(self, url: str, fields: dict[str, str] | None = None) -> Message:
        """Follow every redirect."""
        while True:
            self.url = url
            parts = urlsplit(url)
            host = parts.hostname or ""
            target = url.partition(parts.netloc)[2] or "/"
            jar = self.cookies.setdefault(host, {})
            lines = [f"Host: {parts.netloc}", "Accept: text/html", "Sec-Fetch-Mode: navigate"]
            if jar:
                lines.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in jar.items()))
            body = b""
            if fields is not None:
                body = urlencode(fields).encode()
                lines += [f"Origin: http://{parts.netloc}", "Content-Type: application/x-www-form-urlencoded"]
                lines.append(f"Content-Length: {len(body)}")
            method = "GET" if fields is None else "POST"
            raw = f"{method} {target} HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n"
            async with raw_client(("127.0.0.1", self.home.port)) as client:
                answer: Message = await client.ask(raw.encode() + body, method.encode())
            for cookie in answer.all("Set-Cookie"):
                name, _, value = cookie.partition(b";")[0].decode().partition("=")
                jar[name] = value
            location = answer.get("Location")
            if location is None:
                return answer
            url, fields = urljoin(url, location.decode()), None

    async def submit(self, page: Message, **typed: str) -> Message:
        found = re.findall(rb'<input type="hidden" name="([^"]+)" value="([^"]*)">', page.body)
        hidden = {name.decode(): html.unescape(value.decode()) for name, value in found}
        return await self.ask(self.url, {**hidden, **typed})

    async def sign_in(self, page: Message) -> Message:
        page = await self.submit(page, username="alice", password="wrong")
        page = await self.submit(page, username="alice", password=PASSWORD)
        page = await self.submit(page, passcode="000000")
        return await self.submit(page, passcode=await self.home.passcode())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Home]:
    limits = {"passwords_per_address": 1000, "sends_per_number": 1000, "sends_per_person": 1000}
    async with open_home(tmp_path_factory.mktemp("home"), throttle=limits) as home:
        yield home


def target_of(size: int, sign: str) -> str:
    return ("/page?q=" + sign * size)[:size]


@pytest.mark.parametrize("sign", ["x", "&", "%41", "/"])
@pytest.mark.parametrize("size", [4084, 4097, MAX_RETURN_TARGET_BYTES])
async def test_it_holds_from_end_to_end(home: Home, size: int, sign: str) -> None:
    client = Client(home)
    url = home.url("wiki", target_of(size, sign))
    page = await client.ask(url)
    assert page.status == 200
    assert b"too long" not in page.body
    answer = await client.sign_in(page)
    assert (answer.status, client.url) == (200, url)
    assert b"for alice" in answer.body


@pytest.mark.parametrize("size", [MAX_RETURN_TARGET_BYTES + 1, 16_384])
async def test_a_longer_one_leads_to_its_app_with_a_word(home: Home, size: int) -> None:
    client = Client(home)
    page = await client.ask(home.url("wiki", target_of(size, "x")))
    assert b"After you sign in you will be on the first page of Wiki" in page.body
    answer = await client.sign_in(page)
    assert (answer.status, client.url) == (200, home.url("wiki", "/"))
    # Who is signed in already sees no form: the word is a page of its own.
    page = await client.ask(home.url("canteen", target_of(size, "x")))
    assert b"You can go to the first page of Canteen" in page.body
    link = re.search(rb'<a class="button" href="([^"]+)"', page.body)
    assert link is not None
    answer = await client.ask(urljoin(client.url, html.unescape(link[1].decode())))
    assert (answer.status, client.url) == (200, home.url("canteen", "/"))
    url = home.url("canteen", target_of(size, "x"))
    assert (await client.ask(url)).status == 200
    assert client.url == url


async def test_it_survives_with_its_fragment_where_no_script_runs(home: Home) -> None:
    """In a real browser, by a form of every page and by a button in the place of a link."""
    async with chromium() as browser:
        page = await (await browser.new_context(java_script_enabled=False)).new_page()
        url = home.url("wiki", target_of(MAX_RETURN_TARGET_BYTES, "&")) + "#/orders/42?open=yes"
        await page.goto(url)
        await home.type_password(page)
        await page.locator("#passcode").wait_for()
        passcode = await home.passcode()
        await page.click("button[name=onward]")
        await page.locator("#password").wait_for()
        await page.click("button[name=onward]")
        await page.fill("#passcode", "000000")
        await page.keyboard.press("Enter")
        await page.locator("#error").wait_for()
        await page.fill("#passcode", passcode)
        await page.keyboard.press("Enter")
        await page.locator("text=for alice").wait_for()
        assert page.url == url
