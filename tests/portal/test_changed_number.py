"""A number written with a stolen password gets no passcode, and the person hears of it (a real domain)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import ldap3
import pytest

from directory.active_directory.active_directory import ActiveDirectory
from directory.active_directory.connection import Connection, create_tls_context
from directory.active_directory.server_address import parse_server
from proxy.delivery.create import create_channels
from proxy.demo.samba_dc import SambaDC
from tests.portal.stage import SIGN_IN_ORIGIN, Page, Stage, portal_settings, running_portal
from tests.support.eventually import eventually
from tests.support.samba import PASSWORD, SERVICE_PASSWORD, SERVICE_USER, person, running_domain, settings_for
from tests.support.smtp_sink import smtp_sink

NAMES = ("waits", "refused", "sends", "never-used", "resends", "relayed", "between", "by-mail")
PERSONS = (
    person(SERVICE_USER, password=SERVICE_PASSWORD, display_name="Gatepost", mobile=None),
    *(person(name, mail=f"{name}@phones.example") for name in NAMES),
)
NEW = "07400 999999"
MADE_LONG_AGO = 3600.0


@pytest.fixture(scope="module")
def phones() -> Iterator[SambaDC]:
    with running_domain(domain="phones.example", netbios_name="PHONES", persons=PERSONS) as dc:
        yield dc


@pytest.fixture(autouse=True)
def old_accounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The accounts are seconds old, and what is written with an account is no change."""
    monkeypatch.setattr("directory.active_directory.change_time._MADE_WITH_SECONDS", 0.5)


@asynccontextmanager
async def portal(folder: Path, dc: SambaDC, **mobile: object) -> AsyncIterator[Stage]:
    directory = ActiveDirectory(settings_for(dc))
    async with running_portal(folder, scripted=directory, mobile=mobile) as stage:  # type: ignore[arg-type]
        stage.now = time.time()
        yield stage


async def change_own_mobile(dc: SambaDC, username: str) -> None:
    """As the person, with nothing but their password, as AD permits by default."""

    def change() -> None:
        context = create_tls_context(dc.ca_file)
        connection = Connection.open(parse_server(dc.url), context, deadline=time.monotonic() + 10.0)
        try:
            name = f"{username}@{dc.domain}"
            assert connection.bind(name, PASSWORD.encode(), deadline=time.monotonic() + 10.0).code == 0
            change = {"mobile": [(ldap3.MODIFY_REPLACE, [NEW])]}
            assert connection._ldap.modify(dc.dn(username), change), connection._ldap.result
        finally:
            connection.close()

    await asyncio.sleep(1.1)  # metadata counts whole seconds: the account's making and the change must differ
    await asyncio.to_thread(change)


async def password(stage: Stage, dc: SambaDC, username: str) -> Page:
    return await stage.password(stage.browser(), f"{username}@{dc.domain}", PASSWORD)


async def signs_in(stage: Stage, dc: SambaDC, username: str) -> bool:
    answer = await stage.sign_in(stage.browser(), username=f"{username}@{dc.domain}", password=PASSWORD)
    return answer.status == 303


async def test_a_number_changed_lately_waits_and_the_old_one_is_told_once(phones: SambaDC, tmp_path: Path) -> None:
    async with portal(tmp_path, phones) as stage:
        assert await signs_in(stage, phones, "waits")
        await change_own_mobile(phones, "waits")
        for _ in range(3):
            answer = await password(stage, phones, "waits")
            assert answer.status == 403
            assert "changed" in answer.text
            assert "24 hours" in answer.text
        assert len(stage.phone.messages) == 1
        assert stage.log[-1]["reason"] == "mobile_changed_lately" or stage.log[-2]["reason"] == "mobile_changed_lately"
        await eventually(lambda: len(stage.phone.told) == 2)
        assert {to for to, _ in stage.phone.told} == {"+447400123456", "waits@phones.example"}
        assert all("help desk" in text for _, text in stage.phone.told)
        assert "7400999999" not in stage.log_text + repr(stage.phone.told[1][1])
        stage.now += 24 * 3600 + 60
        assert await signs_in(stage, phones, "waits")
        assert stage.phone.messages[-1].number == "+447400999999"
        assert await signs_in(stage, phones, "waits")


async def test_a_first_sign_in_with_a_number_changed_lately_waits(phones: SambaDC, tmp_path: Path) -> None:
    async with portal(tmp_path, phones) as stage:
        await change_own_mobile(phones, "never-used")
        assert (await password(stage, phones, "never-used")).status == 403
        await eventually(lambda: len(stage.phone.told) == 1)
        assert stage.phone.messages == []


async def test_the_operator_may_refuse(phones: SambaDC, tmp_path: Path) -> None:
    async with portal(tmp_path, phones, then="refuse") as stage:
        await change_own_mobile(phones, "refused")
        answer = await password(stage, phones, "refused")
        assert answer.status == 403
        assert "hours" not in answer.text
        assert stage.phone.messages == []


async def test_the_operator_may_send_and_the_old_number_is_told(phones: SambaDC, tmp_path: Path) -> None:
    async with portal(tmp_path, phones, then="send") as stage:
        assert await signs_in(stage, phones, "sends")
        await change_own_mobile(phones, "sends")
        assert await signs_in(stage, phones, "sends")
        assert stage.phone.messages[-1].number == "+447400999999"
        await eventually(lambda: len(stage.phone.told) == 2)


async def test_the_number_as_the_account_was_made_with_it_is_no_change(phones: SambaDC, tmp_path: Path) -> None:
    async with portal(tmp_path, phones) as stage:
        assert await signs_in(stage, phones, "resends")
        assert stage.phone.told == []


async def test_the_old_number_and_the_mail_are_told_through_a_real_relay(phones: SambaDC, tmp_path: Path) -> None:
    async with smtp_sink() as sink, portal(tmp_path, phones, then="send") as stage:
        relay = {"host": "127.0.0.1", "port": sink.port, "from": "otp@corp.example", "security": "none"}
        channels = create_channels(portal_settings(tmp_path, smtp=[relay]))
        stage.phone.tell_number = channels.tell_number  # type: ignore[method-assign]
        stage.phone.tell_mail = channels.tell_mail  # type: ignore[method-assign]
        try:
            assert await signs_in(stage, phones, "relayed")
            await change_own_mobile(phones, "relayed")
            assert await signs_in(stage, phones, "relayed")
            told = [await sink.next_message(), await sink.next_message()]
        finally:
            await channels.close()
        by_phone, by_mail = sorted(told, key=lambda each: each.recipients[0].startswith("relayed@"))
        assert by_phone.recipients[0].startswith("447400123456@")
        assert by_mail.recipients == ("relayed@phones.example",)
        for each in told:
            assert each.sender == "otp@corp.example"
            assert b"7400999999" not in each.content
            assert b"help desk" in each.content.replace(b"=\r\n", b"").replace(b"\r\n", b" ")


async def test_a_passcode_is_not_sent_again_to_a_number_that_took_the_place_of_its_own(
    phones: SambaDC, tmp_path: Path
) -> None:
    async with portal(tmp_path, phones, then="send") as stage:
        browser = stage.browser()
        answer = await stage.password(browser, f"between@{phones.domain}", PASSWORD)
        form = await browser.get(SIGN_IN_ORIGIN + answer.location)
        waiting = next(each for each in await stage.store.sessions() if each.principal.username == "between")
        await change_own_mobile(phones, "between")
        principal = await stage.scripted.read(waiting.principal.guid)
        assert principal is not None
        assert principal.mobiles == (NEW,)
        await stage.sessions.update_principal(replace(waiting, principal=principal))  # as the watch does
        stage.now += 120.0
        again = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**form.hidden, "resend": "1"})
        assert again.status != 303
        assert [each.number for each in stage.phone.messages] == ["+447400123456"]


async def test_a_number_changed_lately_may_be_passed_over_for_the_mail(phones: SambaDC, tmp_path: Path) -> None:
    async with portal(tmp_path, phones, then="other_channel") as stage:
        assert await signs_in(stage, phones, "by-mail")
        await change_own_mobile(phones, "by-mail")
        assert await signs_in(stage, phones, "by-mail")
        numbers = [each.number for each in stage.phone.messages]
        assert numbers == ["+447400123456", None]
        assert stage.phone.messages[-1].mail == "by-mail@phones.example"
