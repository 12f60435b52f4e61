"""This isn't my number: one press on the passcode page puts the person on the AD admin's list, and nothing else."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from directory.directory import AccountState
from directory.errors import DirectoryUnavailable
from directory.mobile import E164, mask
from proxy.portal.admin.parts import ADMIN_PARTS
from proxy.portal.app_keys import FLOW, NOT_MY_NUMBER
from proxy.sign_in.client import Client
from proxy.sign_in.reported_numbers import REPORTED_SECONDS, ReportedNumber
from tests.portal.admin import CSV, MOBILES, admin_stage, guid_of_admin, said, signed_in_admin, token_of
from tests.portal.stage import SIGN_IN_ORIGIN, Browser, Page, Stage
from tests.portal.test_confirmed_number import NAME
from tests.portal.test_confirmed_number import Domain as OneNumber
from tests.portal.test_kept_request import stored_bytes

PASSCODE = f"{SIGN_IN_ORIGIN}/.gatepost/passcode"
THEIRS, OTHER = "07400 123456", "07400 654321"
FULL = "400123456"
MASKED = mask(E164("+447400123456"))
TOLD = "We have told the people who keep your details that this is not your number."


class Domain(OneNumber):
    """Its one person may be gone, and it may be out of reach."""

    is_there = True

    async def state(self, guid: str) -> AccountState | None:
        if self.error is not None:
            raise self.error
        return await super().state(guid) if self.is_there else None

    def has(self, mobile: str) -> None:
        self.person = replace(self.person, mobiles=(mobile,))


@pytest.fixture
def domain() -> Domain:
    return Domain()


@pytest.fixture
async def stage(tmp_path: Path, domain: Domain) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path, scripted=domain) as stage:
        domain.person = replace(domain.person, mobile_changed_at=stage.now - 40 * 86_400.0)
        domain.has(THEIRS)
        yield stage


async def press(browser: Browser, page: Page) -> Page:
    """The button, and the page that it leads to."""
    answer = await browser.post(PASSCODE, {**page.hidden, "not_mine": "yes"})
    assert answer.status == 303, answer.text
    return await browser.get(SIGN_IN_ORIGIN + answer.location)


async def pressed(stage: Stage) -> tuple[Browser, Page]:
    """By the person of the domain."""
    browser = stage.browser()
    page = await stage.to_passcode(browser, username=NAME)
    return browser, await press(browser, page)


async def reported(stage: Stage) -> tuple[ReportedNumber, ...]:
    return await stage.store.reported_numbers.reported_numbers()


def listed(page: Page) -> list[str]:
    """The persons of the admin page's list."""
    return re.findall(r'aria-label="Dismiss ([^"]+)"', page.text)


async def shown(stage: Stage) -> Page:
    return await (await signed_in_admin(stage)).get(MOBILES)


async def test_one_press_puts_the_person_on_the_list_and_the_sign_in_goes_on(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser, username=NAME)
    assert '<button type="submit" name="not_mine" value="yes" class="second">This isn’t my number</button>' in page.text
    after = await press(browser, page)
    assert after.status == 200
    assert TOLD in after.text
    assert "Call your IT help desk" in after.text
    (each,) = await reported(stage)
    assert (each.realm, each.username, each.masked) == ("corp", "scripted", MASKED)
    assert (each.changed_at, each.at) == (stage.now - 40 * 86_400.0, stage.now)
    # Nobody hears of it, and the passcode that was sent is still good.
    assert len(stage.phone.messages) == 1
    assert stage.phone.told == []
    landed = await stage.answer(browser, after, stage.passcode)
    assert landed.location == "/"


async def test_no_full_number_is_kept_logged_or_shown(stage: Stage, tmp_path: Path) -> None:
    await pressed(stage)
    ((line),) = [each for each in stage.log if each["event"] == "number.reported"]
    assert line["destination"] == MASKED
    for text in (repr(await reported(stage)), stage.log_text, (await shown(stage)).text):
        assert FULL not in text.replace(" ", "")
    assert FULL.encode() not in stored_bytes(tmp_path)


async def test_without_the_token_of_the_page_nothing_is_reported(stage: Stage) -> None:
    browser = stage.browser()
    page = await stage.to_passcode(browser, username=NAME)
    answer = await browser.post(PASSCODE, {**page.hidden, "csrf_token": "x" * 43, "not_mine": "yes"})
    assert answer.status == 403
    assert await reported(stage) == ()


async def test_before_the_password_there_is_nothing_to_press(stage: Stage) -> None:
    browser = stage.browser()
    form = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in")
    answer = await browser.post(PASSCODE, {**form.hidden, "challenge": "x", "not_mine": "yes"})
    assert answer.location.startswith("/.gatepost/sign-in")
    refused = await stage.password(browser, NAME, "wrong")
    assert "not_mine" not in refused.text
    assert await reported(stage) == ()


async def test_a_passcode_by_mail_goes_to_no_number(tmp_path: Path, domain: Domain) -> None:
    schemes = [{"name": "mail", "factors": ["password", "email"]}]
    async with admin_stage(tmp_path, scripted=domain, schemes=schemes) as stage:
        browser = stage.browser()
        page = await stage.to_passcode(browser, username=NAME)
        assert "not_mine" not in page.text
        await press(browser, page)
        assert await reported(stage) == ()


async def test_what_comes_of_it_does_not_show(stage: Stage) -> None:
    """Reported before, or reported too often: the same page, so that it tells nothing of the account."""
    browser = stage.browser()
    page = await stage.to_passcode(browser, username=NAME)
    first = await press(browser, page)
    looks = {(await press(browser, page)).look for _ in range(7)}
    assert looks == {first.look}


async def test_a_number_is_reported_once_and_no_more_than_five_times_a_day(stage: Stage, domain: Domain) -> None:
    browser, _ = await pressed(stage)
    at = stage.now
    for number in range(2, 8):
        stage.now += 3600
        domain.has(f"07400 12345{number}")
        browser = stage.browser()
        page = await stage.to_passcode(browser, username=NAME)
        await press(browser, page)
    (each,) = await reported(stage)
    assert each.masked.endswith("455")  # the sixth and seventh press of this day changed nothing
    assert each.at > at
    assert len([line for line in stage.log if line["event"] == "number.reported"]) == 5


async def test_a_number_that_changed_meanwhile_is_not_reported(stage: Stage, domain: Domain) -> None:
    """The person means the number that the page shows, and the directory has another one by now."""
    browser = stage.browser()
    await stage.to_passcode(browser, username=NAME)
    (session,) = await stage.store.sessions.sessions()
    challenge = await stage.portal[FLOW].proving.newest(session, now=stage.now)
    assert challenge is not None
    button, client = (
        stage.portal[NOT_MY_NUMBER],
        Client(address="192.0.2.7", host="signin.corp.example", browser="", incident="1"),
    )
    for mobiles in ((OTHER,), ("020 7946 0000",), ()):
        changed = replace(session.principal, mobiles=mobiles)
        await button.report(client, changed, challenge, now=stage.now)
    assert await reported(stage) == ()
    await button.report(client, session.principal, challenge, now=stage.now)
    assert len(await reported(stage)) == 1


async def test_the_admin_sees_them_first(stage: Stage) -> None:
    await shown(stage)
    assert said(stage, "admin.mobiles") == [], "so far there is nobody to see"
    await pressed(stage)
    page = await shown(stage)
    assert [line["done"] for line in said(stage, "admin.mobiles")] == ["shown"]
    assert listed(page) == ["scripted@corp"]
    assert MASKED in page.text
    assert "40 days ago" in page.text
    assert page.text.index("“This isn’t my number”") < page.text.index("There is no report yet.")


async def test_a_report_ends_when_the_directory_has_another_number(stage: Stage, domain: Domain) -> None:
    await pressed(stage)
    domain.error = DirectoryUnavailable("corp", "away")
    assert listed(await shown(stage)) == ["scripted@corp"], "what cannot be known ends nothing"
    domain.error = None
    domain.has(" +44 7400 123456 ")
    assert listed(await shown(stage)) == ["scripted@corp"], "the same number, written in another way"
    domain.has(OTHER)
    assert listed(await shown(stage)) == []
    domain.has(THEIRS)
    assert listed(await shown(stage)) == [], "it is off the list for good"


@pytest.mark.parametrize("what", ["no number", "gone"])
async def test_a_report_ends_with_the_number_or_the_account(stage: Stage, domain: Domain, what: str) -> None:
    await pressed(stage)
    if what == "gone":
        domain.is_there = False
    else:
        domain.person = replace(domain.person, mobiles=())
    assert listed(await shown(stage)) == []
    assert await reported(stage) == ()


async def test_a_report_ends_after_thirty_days(stage: Stage) -> None:
    await pressed(stage)
    stage.now += REPORTED_SECONDS - 1
    assert listed(await shown(stage)) == ["scripted@corp"]
    stage.now += 1
    assert listed(await shown(stage)) == []


async def test_an_admin_dismisses_it_which_is_written_down(stage: Stage) -> None:
    await pressed(stage)
    admin = await signed_in_admin(stage)
    page = await admin.get(MOBILES)
    proof = {"dismiss": page.hidden["dismiss"], "number": page.hidden["number"]}
    assert (await admin.post(MOBILES, proof)).status == 403
    stale = {**proof, **await token_of(stage, admin), "number": "00" * 32}
    assert (await admin.post(MOBILES, stale)).location == "/.gatepost/admin/mobiles"
    assert listed(await admin.get(MOBILES)) == ["scripted@corp"], "another number than the one that was looked at"
    await admin.post(MOBILES, {**proof, **await token_of(stage, admin)})
    assert listed(await admin.get(MOBILES)) == []
    (line,) = said(stage, "admin.number_report_dismissed")
    assert (line["person_realm"], line["person_guid"]) == ("corp", proof["dismiss"])


async def test_nobody_dismisses_their_own(stage: Stage) -> None:
    admin = await signed_in_admin(stage)
    own = await guid_of_admin(stage)
    answer = await admin.post(MOBILES, {"dismiss": own, "number": "", **await token_of(stage, admin)})
    assert answer.status == 403
    assert "somebody else takes you off the list" in answer.text


async def test_nobody_else_sees_or_dismisses_it(stage: Stage) -> None:
    browser, page = await pressed(stage)
    await stage.answer(browser, page, stage.passcode)
    assert (await browser.get(MOBILES)).status == 403
    (each,) = await reported(stage)
    fields = {"dismiss": each.guid, "number": each.number.hex(), **await token_of(stage, browser)}
    assert (await browser.post(MOBILES, fields)).status == 403
    assert await reported(stage) == (each,)


async def test_a_report_that_is_made_shows_them_first_and_counts_its_sweep(stage: Stage, tmp_path: Path) -> None:
    """By Alice, whose realm a sweep reads: her number is right, so no other list has her."""
    users = tmp_path / "users.toml"
    users.write_text(users.read_text().replace("carol", "aaron"))
    browser = stage.browser()
    await press(browser, await stage.to_passcode(browser))
    for _ in range(2):
        admin = await signed_in_admin(stage)
        await admin.post(MOBILES, await token_of(stage, admin))
        await stage.portal[ADMIN_PARTS].reports.settled()
        stage.now += 60
    page = await admin.get(MOBILES)
    rows = re.findall(r'<tr><th scope="row">[^<]*</th><td>([^<]*)</td>', page.text)
    assert rows[0] == "alice"
    assert "says that it is not theirs" in page.text
    file = list(csv.DictReader(io.StringIO((await admin.get(f"{CSV}?show=reported")).text.removeprefix("\ufeff"))))
    assert [(row["username"], row["reported_at"]) for row in file] == [("alice", "2027-01-15T08:00:00Z")]
    assert [(each.persons, each.unusable) for each in await stage.store.sweeps.sweeps()] == [(4, 3), (4, 3)]
    assert '<polyline points="8,8 592,8"/>' in page.text
    assert "Of the last 2 reports, the first counted 3 numbers that cannot be used, the last 3" in page.text
    assert "style=" not in page.text
