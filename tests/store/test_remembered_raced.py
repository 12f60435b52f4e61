"""The value by which a browser is remembered changes at one of two workers (one file) or nodes (one Redis) for both."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from config.factors import Factor
from config.settings import SchemeSettings
from directory.principal import Principal
from proxy.factors.remembered.browser import RememberedBrowser, name_of, password_of
from proxy.factors.remembered.browser_store import CHANGE_SECONDS
from proxy.factors.second_factor import Chosen
from proxy.secrets.keys import Keys
from proxy.secrets.tokens import new_token, token_digest
from proxy.sign_in.changed_numbers import Notice, Notices
from proxy.sign_in.client import Client
from proxy.sign_in.password import PersonProven
from proxy.sign_in.remembering import Remembering
from proxy.sign_in.sign_in_log import SignInLog
from proxy.store.contract import Store
from tests.portal.stage import Phone, portal_settings
from tests.support.people import NOW, principal

SETTINGS = portal_settings(Path("/nowhere"))
KEYS = Keys(b"k" * 32, clock=lambda: NOW)
PERSON = replace(principal(), password_set_at=NOW - 3600)
BROWSER_SCHEME = SchemeSettings.model_validate({"name": "browser", "factors": ["password", "sms"], "remember": "14d"})
STOLEN = Notice(sms="copied", subject="copied", mail="copied")


class Number:
    """A number that Anna has all the time."""

    async def held_by(self, principal: Principal, factor: Factor) -> Chosen:
        return Chosen(factor=factor, digests=(b"number",))


class Nodes:
    """Two, of which each has its own connection to what both keep, and Anna's browser that they remember."""

    def __init__(self, stores: tuple[Store, Store]) -> None:
        self.stores, self.phone, self.now = stores, Phone(), NOW
        log = structlog.get_logger()
        self.notices = Notices(notifier=self.phone, log=log, wording=lambda event, number: STOLEN)
        self.nodes = [
            Remembering(
                schemes=[BROWSER_SCHEME],
                networks=(),
                mobile=SETTINGS.mobile,
                factors={Factor.SMS: Number()},  # type: ignore[dict-item]  # only what is asked of it
                store=each.browsers,
                numbers=each.numbers,
                keys=KEYS,
                log=SignInLog(log, count=lambda outcome, realm: None),
                notices=self.notices,
                stolen=lambda: STOLEN,
            )
            for each in stores
        ]

    async def remember(self) -> str:
        """One more browser; what its cookie holds."""
        value = new_token()
        browser = RememberedBrowser(
            name=name_of(value),
            guid=PERSON.guid,
            realm=PERSON.realm,
            scheme=BROWSER_SCHEME.name,
            proven=((Factor.SMS, b"number"),),
            password=password_of(PERSON),
            made_at=self.now,
            used_at=self.now,
            expires_at=self.now + 86_400,
            client_address="192.0.2.7",
        )
        await self.stores[0].browsers.put_browser(browser, digest=token_digest(value), most=9)
        self.now += CHANGE_SECONDS
        return value

    async def use(self, node: int, value: str) -> str:
        """What the browser holds then; empty: it stands for nothing."""
        client = Client(address="192.0.2.7", host="signin.corp.example", browser="b", incident="i", remembered=value)
        proven = PersonProven(principal=PERSON, factor=Factor.PASSWORD)
        found = await self.nodes[node].stands_in(client, proven, BROWSER_SCHEME, now=self.now)
        return "" if found is None else found.value

    async def told(self) -> list[str]:
        await self.notices.settled()
        return [to for to, _ in self.phone.told]

    async def kept(self) -> list[int]:
        return [len(await each.browsers.browsers(PERSON.guid)) for each in self.stores]


async def test_a_value_that_is_used_at_once_on_two_nodes_is_no_theft(stores: tuple[Store, Store]) -> None:
    nodes = Nodes(stores)
    first = await nodes.remember()
    held = await asyncio.gather(*(nodes.use(node, first) for node in (0, 1) for _ in range(10)))
    (second,) = set(held)  # whichever answer comes last, the browser holds what is in force
    assert second not in ("", first)
    nodes.now += CHANGE_SECONDS - 1
    tabs = [(node, value) for node in (0, 1) for value in (first, second)]
    assert await asyncio.gather(*(nodes.use(*tab) for tab in tabs)) == [second] * 4
    nodes.now += 1
    assert await nodes.use(1, second) not in ("", first, second)
    assert await nodes.told() == []


@pytest.mark.parametrize("turned_on", [0, 1])
@pytest.mark.parametrize("stolen_on", [0, 1])
async def test_an_old_value_is_theft_after_its_minute_on_either_node(
    stores: tuple[Store, Store], turned_on: int, stolen_on: int
) -> None:
    nodes = Nodes(stores)
    other, first = await nodes.remember(), await nodes.remember()
    second = await nodes.use(turned_on, first)
    assert second
    nodes.now += CHANGE_SECONDS
    assert await nodes.use(stolen_on, first) == ""
    assert await nodes.kept() == [0, 0]
    assert [await nodes.use(node, value) for node in (0, 1) for value in (first, second, other)] == [""] * 6
    assert await nodes.told() == ["+447400123456", PERSON.mail]


async def test_a_theft_beside_the_persons_own_use_is_found_out_and_told_once(stores: tuple[Store, Store]) -> None:
    nodes = Nodes(stores)
    first = await nodes.remember()
    second = await nodes.use(0, first)
    nodes.now += CHANGE_SECONDS
    uses = [(node, value) for value in (second, first) for node in (0, 1) for _ in range(10)]
    held = await asyncio.gather(*(nodes.use(*use) for use in uses))
    assert set(held[20:]) == {""}, "the old value opens nothing"
    assert await nodes.kept() == [0, 0]
    assert await nodes.told() == ["+447400123456", PERSON.mail]
