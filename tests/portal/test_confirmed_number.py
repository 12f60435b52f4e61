"""A number that changed is confirmed by somebody who knows the person: in force at once, told, and written down."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from directory.directory import AccountState, PasswordRefused
from directory.mobile import E164
from directory.principal import Account, Principal
from proxy.factors.passcode.passcodes import known_as
from tests.portal.admin import CONFIRM, PERSON, admin_stage, explained, said, signed_in_admin
from tests.portal.stage import PASSWORD, Page, ScriptedDirectory, Stage
from tests.portal.test_admin_person import headline
from tests.support.eventually import eventually
from tests.support.people import principal

NAME = "scripted@corp"
OLD, NEW = E164("+447400999999"), E164("+447400123456")
SIGNED_IN_BEFORE = 30 * 86_400.0


class Domain(ScriptedDirectory):
    """Its one person has the right password, and a number that was changed an hour ago."""

    def __init__(self) -> None:
        super().__init__()
        self.person = principal(guid=self.account.guid, realm="corp", username="scripted", mail="a@corp.example")

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        if account is not None and password == PASSWORD:
            return self.person
        return await super().authenticate(account, password)

    async def state(self, guid: str) -> AccountState | None:
        return AccountState(principal=self.person, refusals=(), told_by="dc1") if guid == self.person.guid else None


@pytest.fixture
def domain() -> Domain:
    return Domain()


@pytest.fixture
async def stage(tmp_path: Path, domain: Domain) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path, scripted=domain) as stage:
        domain.person = replace(domain.person, mobile_changed_at=stage.now - 3600.0)
        known = known_as(stage.keys, domain.person, OLD, now=stage.now - SIGNED_IN_BEFORE)
        await stage.store.numbers.put_known_number(domain.person.guid, known)
        yield stage


async def is_held_back(stage: Stage) -> bool:
    answer = await stage.password(stage.browser(), NAME)
    assert answer.status == (403 if "Your IT help desk can confirm the new number." in answer.text else 303)
    return answer.status == 403


def offers(page: Page) -> list[str]:
    return re.findall(r"<button[^>]*>(Confirm [^<]*)</button>", page.text)


async def test_a_confirmed_number_is_sent_to_at_once_and_the_old_one_is_told(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    assert await is_held_back(stage)
    await eventually(lambda: len(stage.phone.told) == 2)  # of the try itself
    stage.phone.told.clear()
    page = await explained(browser, NAME)
    assert "their mobile number was changed recently" in headline(page)[1]
    assert offers(page) == ["Confirm the number ending in 456"]
    answer = await browser.post(CONFIRM, page.hidden)
    assert answer.status == 200
    assert "is confirmed: codes go there from now on." in answer.text
    assert headline(answer)[0] == "green"
    assert offers(answer) == []
    assert not await is_held_back(stage)
    assert stage.phone.messages[-1].number == NEW
    await eventually(lambda: len(stage.phone.told) == 2)
    assert {to for to, _ in stage.phone.told} == {OLD, "a@corp.example"}
    assert all("help desk has confirmed another mobile number" in text for _, text in stage.phone.told)
    (line,) = said(stage, "admin.number_confirmed")
    held = [each for each in await stage.store.sessions.sessions() if each.principal.username == "admin"]
    assert line["guid"] == held[0].principal.guid
    assert (line["person_realm"], line["person_guid"]) == ("corp", page.hidden["guid"])
    assert line["destination"].endswith("456")
    for secret in ("7400123456", "7400999999"):
        assert secret not in stage.log_text
        assert secret not in page.text + answer.text


async def test_another_number_than_the_one_that_was_looked_at_is_not_confirmed(stage: Stage, domain: Domain) -> None:
    browser = await signed_in_admin(stage)
    page = await explained(browser, NAME)
    domain.person = replace(domain.person, mobiles=("07400 654321",))
    answer = await browser.post(CONFIRM, page.hidden)
    assert "Nothing was confirmed: the number has changed again" in answer.text
    assert offers(answer) == ["Confirm the number ending in 321"]
    assert await is_held_back(stage)
    for forged in ("", "x" * 64, "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")):
        await browser.post(CONFIRM, {**answer.hidden, "number": forged})
    assert not said(stage, "admin.number_confirmed")
    assert await is_held_back(stage)


async def test_a_confirmation_holds_for_this_number_alone(stage: Stage, domain: Domain) -> None:
    browser = await signed_in_admin(stage)
    await browser.post(CONFIRM, (await explained(browser, NAME)).hidden)
    domain.person = replace(domain.person, mobiles=("07400 654321",), mobile_changed_at=stage.now)
    assert await is_held_back(stage)


async def test_nobody_confirms_their_own_number(tmp_path: Path, domain: Domain) -> None:
    async with admin_stage(tmp_path, scripted=domain) as stage:
        domain.person = replace(domain.person, mobile_changed_at=stage.now - 3600.0)
        browser = await signed_in_admin(stage)
        page = await explained(browser, NAME)
        (own,) = await stage.store.sessions.sessions()
        itself = replace(own, principal=replace(own.principal, guid=domain.person.guid, realm="corp"))
        await stage.sessions.update_principal(itself)
        mine = await browser.post(PERSON, page.hidden)
        assert "This is your own number, so a colleague has to confirm it." in mine.text
        assert offers(mine) == []
        assert (await browser.post(CONFIRM, page.hidden)).status == 403
        assert not said(stage, "admin.number_confirmed")
        assert await is_held_back(stage)


async def test_a_confirmation_needs_a_form_of_this_session(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    page = await explained(browser, NAME)
    assert (await browser.post(CONFIRM, {**page.hidden, "csrf_token": "x" * 43})).status == 403
    other = await signed_in_admin(stage)
    assert (await other.post(CONFIRM, page.hidden)).status == 403
    assert not said(stage, "admin.number_confirmed")


async def test_there_is_nothing_to_confirm_of_a_number_that_is_sent_to(stage: Stage) -> None:
    browser = await signed_in_admin(stage)
    page = await explained(browser, NAME)
    await browser.post(CONFIRM, page.hidden)
    stage.phone.told.clear()
    again = await browser.post(CONFIRM, page.hidden)
    assert "Nothing was confirmed" in again.text
    assert len(said(stage, "admin.number_confirmed")) == 1
    assert stage.phone.told == []
