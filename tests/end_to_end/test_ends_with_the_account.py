"""What stands in for a second factor follows a real domain: remembered browsers fall, and a pass's session ends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
import pytest_asyncio
from aiohttp import ClientSession, CookieJar, WSMsgType

from tests.end_to_end.house import House, open_house
from tests.support import changes as admin
from tests.support.echo_app import running_app
from tests.support.plain_browser import Page, PlainBrowser
from tests.support.samba import PASSWORD, person
from tests.support.samba_dc import SambaDC
from tests.support.samba_people import DomainGroup

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one Gatepost for all, each test with a person of its own

REMEMBERED, DESK = "Remembered People", "Desk People"
NAMES = ("number", "password", "disabled", "unseen", "group", "deleted", "pass")
WITHIN_SECONDS = 5.0
COOKIE = "gatepost-remembered"
MORE = f"""
[mobile]
then = "send"
[admin]
groups = ["{DESK}"]
[help_desk]
passes = true
[[schemes]]
name = "desk"
factors = ["password"]
groups = ["{DESK}"]
networks = ["127.0.0.0/8"]
[[schemes]]
name = "remembering"
factors = ["password", "sms"]
groups = ["{REMEMBERED}"]
remember = "14d"
[[schemes]]
name = "others"
factors = ["password", "sms"]
"""


def login(name: str) -> str:
    return f"kept-{name}"


def number(name: str) -> str:
    return f"07400 1235{NAMES.index(name):02}"


@dataclass(slots=True, kw_only=True)
class Office:
    house: House
    domain: SambaDC

    def url(self, path: str) -> str:
        return self.house.url("signin", f"/.gatepost/{path}")

    def browser(self) -> PlainBrowser:
        return PlainBrowser(("127.0.0.1", self.house.port))

    async def type_password(self, browser: PlainBrowser, name: str, password: str = PASSWORD) -> Page:
        """As after the browser was closed: it has no session."""
        browser.cookies.get("signin.localhost", {}).pop("gatepost", None)
        page = await browser.get(self.url("sign-in"))
        return await browser.post(self.url("sign-in"), {**page.form, "username": name, "password": password})

    async def remembered(self, name: str) -> PlainBrowser:
        """A browser that its person ticked, and that was let in without a message."""
        browser = self.browser()
        answer = await self.type_password(browser, login(name))
        page = await browser.get(answer.next_url)
        passcode = (await self.house.next_text()).passcode
        answer = await browser.post(self.url("passcode"), {**page.form, "passcode": passcode, "remember": "yes"})
        assert answer.status == 303, answer.text
        assert browser.cookies["signin.localhost"][COOKIE]
        await self.sign_out(browser)
        assert not await self.is_asked(browser, name)
        return browser

    async def sign_out(self, browser: PlainBrowser) -> None:
        page = await browser.get(self.url("sign-out"))
        assert (await browser.post(self.url("sign-out"), page.form)).status == 200

    async def is_asked(self, browser: PlainBrowser, name: str, password: str = PASSWORD) -> bool:
        """Whether the password leads to the passcode page, with a message."""
        answer = await self.type_password(browser, login(name), password)
        assert answer.status == 303, answer.text
        if not answer.next_url.startswith(self.url("passcode")):
            assert self.house.sink.messages == []
            return False
        await self.house.next_text()
        return True

    async def change(self, change: Callable[..., None], *arguments: str) -> None:
        """In force at the domain once it returns."""
        await asyncio.to_thread(change, self.domain, *arguments)

    async def seen(self, event: str, *, reason: str) -> None:
        """Gatepost says it within seconds, and nobody asks it."""
        async with asyncio.timeout(WITHIN_SECONDS):
            while True:
                line = await asyncio.to_thread(self.house.process.wait_for_log, f'"{event}"', WITHIN_SECONDS)
                if f'"reason": "{reason}"' in line:
                    return


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def office(corp: SambaDC, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Office]:
    persons = [person(login(name), mobile=number(name)) for name in NAMES]
    groups = [
        DomainGroup(name=REMEMBERED, members=[login(name) for name in NAMES if name != "pass"]),
        DomainGroup(name=DESK, members=["kept-desk"]),
    ]
    await asyncio.to_thread(corp.add, [*persons, person("kept-desk")], groups)
    folder = tmp_path_factory.mktemp("office")
    async with running_app() as app_port, open_house(folder, corp, app_port=app_port, more=MORE) as house:
        yield Office(house=house, domain=corp)


async def test_another_number_has_the_second_factor_asked_for(office: Office) -> None:
    browser = await office.remembered("number")
    await office.change(admin.modify, login("number"), "replace: mobile\nmobile: 07400 123599")
    answer = await office.type_password(browser, login("number"))
    assert answer.next_url.startswith(office.url("passcode"))
    messages = [await office.house.next_text(), await office.house.next_text()]
    recipients = {each.recipient.partition("@")[0]: each for each in messages}
    assert recipients.keys() == {"447400123500", "447400123599"}, "the old number is told of the new one"
    assert recipients["447400123599"].passcode


async def test_a_new_password_has_it_asked_for(office: Office) -> None:
    browser = await office.remembered("password")
    await office.change(admin.set_password, login("password"), "An other pass-word 1")
    assert await office.is_asked(browser, "password", "An other pass-word 1")


async def test_a_disabled_account_is_seen_and_its_browsers_do_not_come_back_with_it(office: Office) -> None:
    browser = await office.remembered("disabled")
    await office.change(admin.disable, login("disabled"))
    await office.seen("browser.forgotten", reason="account_stopped")
    assert (await office.type_password(browser, login("disabled"))).status == 401
    await office.change(admin.enable, login("disabled"))
    assert await office.is_asked(browser, "disabled")


async def test_a_disable_that_nobody_saw_has_it_asked_for_all_the_same(office: Office) -> None:
    """Without a session nobody watches the account, and it is as before when its person comes back."""
    browser = await office.remembered("unseen")
    await office.sign_out(browser)
    await office.change(admin.disable, login("unseen"))
    await office.change(admin.enable, login("unseen"))
    assert await office.is_asked(browser, "unseen")
    await office.seen("browser.forgotten", reason="account")


async def test_a_group_of_the_scheme_that_is_lost_has_it_asked_for(office: Office) -> None:
    browser = await office.remembered("group")
    await office.change(admin.remove_member, REMEMBERED, login("group"))
    assert await office.is_asked(browser, "group")


async def test_a_deleted_account_has_no_remembered_browsers(office: Office) -> None:
    browser = await office.remembered("deleted")
    await office.change(admin.delete, login("deleted"))
    await office.seen("browser.forgotten", reason="account_stopped")
    assert (await office.type_password(browser, login("deleted"))).status == 401


async def test_the_session_of_a_pass_ends_with_the_account_and_closes_its_sockets(office: Office) -> None:
    desk = office.browser()
    await office.type_password(desk, "kept-desk")
    page = await desk.get(office.url("admin/person"))
    page = await desk.post(office.url("admin/person"), {**page.form, "login": login("pass")})
    fields = {**page.form, "reason": "No phone", "hours": "1", "opens:Canteen": "on"}
    page = await desk.post(office.url("admin/person/give-pass"), fields)
    code = re.search(r'<p class="read"><code>([0-9 ]+)', page.text)
    assert code is not None, page.text
    await office.house.next_text()  # the person is told of it

    browser, canteen = office.browser(), office.house.url("canteen")
    page = await browser.get(canteen)
    page = await browser.get(page.next_url)
    answer = await browser.post(office.url("sign-in"), {**page.form, "username": login("pass"), "password": PASSWORD})
    page = await browser.get(answer.next_url)
    await office.house.next_text()
    page = await browser.post(office.url("passcode"), {**page.form, "new": "pass"})
    page = await browser.get(page.next_url)
    page = await browser.post(office.url("passcode"), {**page.form, "passcode": code[1]})
    page = await browser.get(page.next_url)
    page = await browser.get(page.next_url)
    assert (page.status, page.text) == (200, login("pass"))

    headers = {
        "Host": f"canteen.localhost:{office.house.port}",
        "Origin": canteen.removesuffix("/"),
        "Cookie": f"gatepost={browser.cookies['canteen.localhost']['gatepost']}",
    }
    url = f"http://127.0.0.1:{office.house.port}/socket"
    async with (
        ClientSession(cookie_jar=CookieJar()) as client,
        client.ws_connect(url, headers=headers) as socket,
    ):
        await socket.send_str("hello")
        assert await socket.receive_str(timeout=10) == "hello"
        await office.change(admin.disable, login("pass"))
        message = await socket.receive(timeout=WITHIN_SECONDS)
        assert (message.type, message.data) == (WSMsgType.CLOSE, 4401)
    assert (await browser.get(canteen)).status == 302
    assert (await office.type_password(browser, login("pass"))).status == 401
