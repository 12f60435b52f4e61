"""A vouch in a real domain: who may is read there at each step, and what was opened ends with the account."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.end_to_end.house import House, open_house
from tests.support import changes as admin
from tests.support.echo_app import running_app
from tests.support.plain_browser import NoAnswer, Page, PlainBrowser
from tests.support.samba import PASSWORD, person
from tests.support.samba_dc import SambaDC
from tests.support.vouching import answer_to, no_phone, words_on

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one Gatepost for all

ASKS, BOSS, CHIEF = "v-asks", "v-boss", "v-chief"
NUMBERS = {ASKS: "07400 123570", BOSS: "07400 123571", CHIEF: "07400 123572"}
MORE = """
[admin]
groups = ["Nobody At All"]
[help_desk]
vouching = true
[throttle]
sends_per_person = 100
sends_per_number = 100
sends_per_address = 500
"""


@dataclass(slots=True, kw_only=True)
class Firm:
    house: House
    domain: SambaDC

    def url(self, path: str) -> str:
        return self.house.url("signin", f"/.gatepost/{path}")

    async def at_passcode(self, name: str) -> tuple[PlainBrowser, Page]:
        """After the password, with the passcode still in the sink."""
        browser = PlainBrowser(("127.0.0.1", self.house.port))
        page = await browser.get(self.house.url("canteen"))
        page = await browser.get(page.next_url)
        answer = await browser.post(self.url("sign-in"), {**page.form, "username": name, "password": PASSWORD})
        assert answer.status == 303, answer.text
        return browser, await browser.get(answer.next_url)

    async def asking(self) -> tuple[PlainBrowser, Page]:
        browser, page = await self.at_passcode(ASKS)
        await self.house.next_text()
        return browser, await no_phone(browser, page, app="Canteen")

    async def signed_in(self, name: str) -> PlainBrowser:
        browser, page = await self.at_passcode(name)
        passcode = (await self.house.next_text()).passcode
        answer = await browser.post(self.url("passcode"), {**page.form, "passcode": passcode})
        assert answer.status == 303, answer.text
        return browser

    async def name(self, **managers: str) -> None:
        """Who is whose manager; of the others nobody is."""
        of = {each: f"manager: {self.domain.dn(managers[each[2:]])}" for each in NUMBERS if each[2:] in managers}
        for each in NUMBERS:
            change = "\n".join(["replace: manager", *([of[each]] if each in of else [])])
            await asyncio.to_thread(admin.modify, self.domain, each, change)

    async def answers(self, manager: PlainBrowser, words: str) -> Page:
        page = await manager.get(self.url("me/vouch"))
        return await manager.post(self.url("me/vouch"), answer_to(page, words))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def firm(corp: SambaDC, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Firm]:
    await asyncio.to_thread(corp.add, [person(name, mobile=mobile) for name, mobile in NUMBERS.items()])
    environ = {"GATEPOST_SERVER__WORKERS": "2"}
    folder = tmp_path_factory.mktemp("firm")
    async with (
        running_app() as app_port,
        open_house(folder, corp, app_port=app_port, more=MORE, environ=environ) as house,
    ):
        yield Firm(house=house, domain=corp)


async def test_the_manager_lets_them_in_and_the_accounts_end_ends_it(firm: Firm) -> None:
    await firm.name(asks=BOSS, boss=CHIEF)
    browser, page = await firm.asking()
    assert (await firm.answers(await firm.signed_in(BOSS), words_on(page))).status == 303
    assert "Your manager vouched" in (await firm.house.next_text()).text
    page = await browser.get(firm.url("vouch"))
    answer = await browser.post(firm.url("vouch"), {**page.form, "go_on": "yes"})
    assert answer.status == 303, answer.text
    page = await browser.get(firm.house.url("canteen"))
    while page.status in (302, 303):
        page = await browser.get(page.next_url)
    assert (page.status, page.text) == (200, ASKS)
    page = await browser.get(firm.house.url("wiki"))
    while page.status in (302, 303):
        page = await browser.get(page.next_url)
    assert (page.status, "It opens only Canteen." in page.text) == (403, True)
    await asyncio.to_thread(admin.disable, firm.domain, ASKS)
    try:
        async with asyncio.timeout(5):
            with suppress(NoAnswer):  # a request that is under way is cut off with its session
                while (await browser.get(firm.house.url("canteen"))).status == 200:
                    pass
        assert (await browser.get(firm.house.url("canteen"))).status != 200
    finally:
        await asyncio.to_thread(admin.enable, firm.domain, ASKS)


async def test_without_a_manager_with_oneself_or_in_a_loop_nobody_is_asked(firm: Firm) -> None:
    for managers in ({}, {"asks": ASKS}, {"asks": BOSS, "boss": ASKS}, {"asks": BOSS, "boss": CHIEF, "chief": BOSS}):
        await firm.name(**managers)
        _, page = await firm.asking()
        assert (page.status, "Nobody can vouch for you" in page.text) == (403, True), managers


async def test_a_disabled_manager_is_asked_nothing(firm: Firm) -> None:
    await firm.name(asks=BOSS)
    await asyncio.to_thread(admin.disable, firm.domain, BOSS)
    try:
        _, page = await firm.asking()
        assert (page.status, "Nobody can vouch for you" in page.text) == (403, True)
    finally:
        await asyncio.to_thread(admin.enable, firm.domain, BOSS)


async def test_a_manager_who_changed_meanwhile_opens_nothing(firm: Firm) -> None:
    await firm.name(asks=BOSS)
    _, page = await firm.asking()
    boss, words = await firm.signed_in(BOSS), words_on(page)
    await firm.name(asks=CHIEF)
    refused = await firm.answers(boss, words)
    assert (refused.status, "does not name you as their manager" in refused.text) == (403, True)
    await firm.name(asks=BOSS, boss=ASKS)
    assert (await firm.answers(boss, words)).status == 403
    await firm.name(asks=BOSS)
    assert (await firm.answers(boss, words)).status == 303, "nothing was used up"
    await firm.house.next_text()
