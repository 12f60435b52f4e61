"""A pass at a Gatepost with two workers: proven in a step-up, and ended with everything that it opened."""

from __future__ import annotations

import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path

from argon2 import PasswordHasher

from tests.processes.house import WorkersHouse
from tests.processes.signed_in import PASSWORD, SIGN_IN, WITHIN_SECONDS, Signed, open_sockets
from tests.support.echo_app import running_app
from tests.support.plain_browser import PlainBrowser

APP, PAYROLL = "http://intranet.localhost:8080", "http://payroll.localhost:8080"
MORE = """
[admin]
groups = ["Desk"]
[help_desk]
passes = true
[[schemes]]
name = "here"
factors = ["password"]
groups = ["Desk"]
networks = ["127.0.0.0/8"]
[[schemes]]
name = "strong"
factors = ["password", "sms"]
[[apps]]
name = "Intranet"
host = "intranet.localhost"
upstream = "{upstream}"
[[apps]]
name = "Payroll"
host = "payroll.localhost"
upstream = "{upstream}"
"""
USERS = """
[[users]]
username = "alice"
password_hash = "{hash}"
[[users]]
username = "admin"
password_hash = "{hash}"
groups = ["Desk"]
"""


async def signed_in_by_password(browser: PlainBrowser, url: str, login: str) -> str:
    """Where it leads."""
    page = await browser.get(url)
    page = await browser.get(page.next_url)
    fields = {**page.form, "username": login, "password": PASSWORD}
    return (await browser.post(f"{SIGN_IN}/.gatepost/sign-in", fields)).next_url


async def test_it_opens_its_app_and_ends_with_its_sockets_at_every_worker(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        upstream = f"http://127.0.0.1:{await stack.enter_async_context(running_app())}"
        house = WorkersHouse(tmp_path, upstream, more=MORE.format(upstream=upstream))
        hashed = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
        (tmp_path / "users.toml").write_text(USERS.format(hash=hashed))
        stack.push_async_callback(asyncio.to_thread, lambda: house.process.__exit__())
        await asyncio.to_thread(house.start)

        admin, person = PlainBrowser(house.address), f"{SIGN_IN}/.gatepost/admin/person"
        assert await signed_in_by_password(admin, person, "admin") == person
        page = await admin.get(person)
        page = await admin.post(person, {**page.form, "login": "alice"})
        fields = {**page.form, "reason": "No phone", "hours": "1", "opens:Intranet": "on"}
        page = await admin.post(f"{person}/give-pass", fields)
        code = re.search(r'<p class="read"><code>([0-9 ]+)', page.text)
        assert code is not None, page.text

        alice = PlainBrowser(house.address)
        page = await alice.get(await signed_in_by_password(alice, f"{APP}/", "alice"))
        page = await alice.post(f"{SIGN_IN}/.gatepost/passcode", {**page.form, "passcode": code[1]})
        page = await alice.get(page.next_url)
        assert page.next_url == f"{APP}/", page.text

        signed = Signed(house=house, browser=alice)
        async with asyncio.timeout(WITHIN_SECONDS):
            while await signed.by_worker("gatepost_live_sessions") != [2, 2]:
                assert await signed.statuses() == {200}
                await asyncio.gather(*(admin.copy().get(person) for _ in range(16)))
        page = await alice.get(f"{PAYROLL}/")
        while page.status in (302, 303):
            page = await alice.get(page.next_url)
        assert page.status == 403
        assert "It opens only Intranet." in page.text

        sockets = await open_sockets(signed, stack)
        closing = [asyncio.create_task(each.receive(timeout=60)) for each in sockets]
        passes = f"{SIGN_IN}/.gatepost/admin/passes"
        page = await admin.get(passes)
        pass_id = re.search(r'name="end" value="([^"]+)"', page.text)
        assert pass_id is not None
        page = await admin.post(passes, {**page.form, "end": pass_id[1]})
        assert "and with it one session" in page.text
        assert await signed.statuses() == {302}
        await asyncio.gather(*closing)
        assert {each.close_code for each in sockets} == {4401}
