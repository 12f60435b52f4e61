"""A refusal by the gateway finds the person who waits, the log, and the list of failures."""

from __future__ import annotations

import asyncio
import re
from email import message_from_bytes
from html import unescape
from http.cookies import SimpleCookie
from pathlib import Path

import aiohttp
import aiosmtplib

from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.end_to_end.home import PASSWORD, Home, open_home
from tests.support.bounces import SENDER, kapow_refusal
from tests.support.eventually import eventually
from tests.support.gatepost import free_port
from tests.support.smtp_sink import smtp_sink


class Browser:
    """Forms and cookies, no more."""

    def __init__(self, home: Home, session: aiohttp.ClientSession) -> None:
        self._home = home
        self._session = session
        self._cookies: SimpleCookie = SimpleCookie()

    async def read(self, path: str, fields: dict[str, str] | None = None) -> str:
        """The page that a GET, or a POST of `fields`, leads to."""
        sent = "; ".join(f"{name}={morsel.value}" for name, morsel in self._cookies.items())
        async with self._session.request(
            "GET" if fields is None else "POST",
            f"http://127.0.0.1:{self._home.port}{path}",
            data=fields,
            headers={"Host": f"signin.localhost:{self._home.port}", "Cookie": sent},
            allow_redirects=False,
        ) as response:
            for line in response.headers.getall("Set-Cookie", []):
                self._cookies.load(line)
            if response.status in (302, 303):
                place = response.headers["Location"]
                return await self.read(place[place.index("/.gatepost") :])
            return await response.text()


async def test_a_refused_passcode_is_told_to_all_whom_it_concerns(tmp_path: Path) -> None:
    inbox = free_port()
    bounces = {"inbox": "smtp", "listen": f"127.0.0.1:{inbox}"}
    async with open_home(tmp_path, bounces=bounces) as home, aiohttp.ClientSession() as session:
        async with session.get(f"http://127.0.0.1:{home.admin_port}/readyz") as response:
            assert "bounces" in (await response.json())["checks"]
        browser = Browser(home, session)
        page = await browser.read("/.gatepost/sign-in")
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token is not None
        fields = {"username": "alice", "password": PASSWORD, "csrf_token": token[1]}
        page = await browser.read("/.gatepost/sign-in", fields)
        assert 'id="passcode"' in page
        received = message_from_bytes((await home.sink.next_message()).content)
        passcode = str(received["Subject"])[:6]
        message_id = str(received["Message-ID"]).strip("<>").partition("@")[0]

        refusal = kapow_refusal(f"No credit: {received['Subject']}", message_id=message_id)
        await _bring(inbox, refusal)
        await eventually(lambda: "passcode.bounced" in home.log_text)
        shown = unescape(await browser.read("/.gatepost/passcode"))
        assert "The SMS provider refuses our messages at the moment. Your phone is not at fault" in shown

        store = SQLiteStore(tmp_path / "state.db")
        (failure,) = await store.deliveries.failures(since=0.0)
        await store.close()
        assert failure.username == "alice"
        assert passcode not in home.log_text
        assert passcode not in repr(failure)


async def test_a_relay_that_refuses_us_costs_nobody_their_passcode_and_no_number_is_blamed(
    tmp_path: Path,
) -> None:
    async with smtp_sink() as first, smtp_sink() as second:
        relays = [
            {"host": "127.0.0.1", "port": each.port, "security": "none", "from": SENDER} for each in (first, second)
        ]
        first.rcpt = f"550 5.1.0 <{SENDER}>: Sender address rejected: User unknown in virtual mailbox table"
        async with open_home(tmp_path, smtp=relays) as home, aiohttp.ClientSession() as session:
            browser = Browser(home, session)
            for name in ("alice", "bob"):
                page = await browser.read("/.gatepost/sign-in")
                token = re.search(r'name="csrf_token" value="([^"]+)"', page)
                assert token is not None
                fields = {"username": name, "password": PASSWORD, "csrf_token": token[1]}
                assert 'id="passcode"' in await browser.read("/.gatepost/sign-in", fields)
                assert (await second.next_message()).sender == SENDER
                browser = Browser(home, session)
            assert home.log_text.count("relay.misconfigured") == 1
            async with session.get(f"http://127.0.0.1:{home.admin_port}/metrics") as response:
                alarm = f'gatepost_delivery_misconfigured{{relay="127.0.0.1:{first.port}"}} 1.0'
                assert alarm in await response.text()
        store = SQLiteStore(tmp_path / "state.db")
        assert await store.deliveries.failures(since=0.0) == ()  # what `gatepost bounces` lists
        await store.close()


async def _bring(port: int, content: bytes) -> None:
    async with asyncio.timeout(10):
        while True:  # who holds the lease listens, a moment after the start
            try:
                async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port) as client:
                    await client.sendmail("support@kapow.co.uk", [SENDER], content)
                return
            except aiosmtplib.SMTPConnectError:
                await asyncio.sleep(0.02)
