"""A number written with a stolen password gets no passcode, and the person hears of it (a real domain)."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import ldap3
import pytest

from directory.active_directory.active_directory import ActiveDirectory
from directory.mobile import E164
from proxy.cli import main
from proxy.delivery.create_channels import create_channels
from proxy.factors.passcode.passcodes import known_as
from proxy.secrets.key_file import load_or_create_keys
from proxy.secrets.keys import Keys
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.directory.contract import found
from tests.portal.stage import SIGN_IN_ORIGIN, Page, Stage, portal_settings, running_portal
from tests.support.configuration import written
from tests.support.eventually import eventually
from tests.support.samba import PASSWORD, SERVICE_PASSWORD, SERVICE_USER, person, settings_for
from tests.support.samba_dc import SambaDC
from tests.support.smtp_sink import smtp_sink

NAMES = ("waits", "refused", "sends", "never-used", "resends", "relayed", "between", "by-mail", "by-command")
PERSONS = tuple(person(name, mail=f"{name}@corp.example") for name in NAMES)
NEW = "07400 999999"
MADE_AGO_SECONDS = 3600.0
"""What is written with an account is no change, so the accounts must not be seconds old."""


@pytest.fixture(scope="module")
def phones(corp: SambaDC) -> SambaDC:
    corp.add(PERSONS)
    corp.age(PERSONS, seconds=MADE_AGO_SECONDS)
    return corp


@asynccontextmanager
async def portal(folder: Path, dc: SambaDC, **mobile: object) -> AsyncIterator[Stage]:
    directory = ActiveDirectory(settings_for(dc))
    # What is told of a new browser is told apart from this.
    quiet = {"tell_new_browsers": False}
    async with running_portal(folder, scripted=directory, mobile=mobile, sessions=quiet) as stage:  # type: ignore[arg-type]
        stage.now = time.time()
        yield stage


async def change_own_mobile(dc: SambaDC, username: str) -> None:
    """As the person, with nothing but their password, as AD permits by default."""

    def change() -> None:
        server = ldap3.Server(dc.address, port=636, use_ssl=True, get_info=ldap3.NONE)
        with ldap3.Connection(server, f"{username}@{dc.domain}", PASSWORD) as connection:
            change = {"mobile": [(ldap3.MODIFY_REPLACE, [NEW])]}
            assert connection.modify(dc.dn(username), change), connection.result

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
        assert {to for to, _ in stage.phone.told} == {"+447400123456", "waits@corp.example"}
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
        assert by_mail.recipients == ("relayed@corp.example",)
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
        waiting = next(each for each in await stage.store.sessions.sessions() if each.principal.username == "between")
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
        assert stage.phone.messages[-1].mail == "by-mail@corp.example"


DOMAIN = """
[[directories]]
name = "corp"
type = "active_directory"
domain = "{domain}"
servers = ["{url}"]
ca_file = "{ca_file}"
bind_user = "{user}@{domain}"
bind_password_file = "ad-password"
"""


async def test_a_number_is_confirmed_by_a_command(
    phones: SambaDC, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through a real domain and a real relay, and nobody is told anything but who has to be."""
    login = f"by-command@{phones.domain}"
    ring = load_or_create_keys(tmp_path / "gatepost.key", now=time.time() - 3600)
    (tmp_path / "ad-password").write_text(SERVICE_PASSWORD)
    await change_own_mobile(phones, "by-command")
    directory = ActiveDirectory(settings_for(phones))
    account = await found(directory, "by-command")
    state = await directory.state(account.guid)
    await directory.close()
    assert state is not None
    known = known_as(Keys(ring, clock=time.time), state.principal, E164("+447400123456"), now=time.time() - 9e5)
    store = SQLiteStore(tmp_path / "state.db")
    await store.numbers.put_known_number(account.guid, known)
    await store.close()
    async with smtp_sink() as sink:
        facts = {"domain": phones.domain, "url": phones.url, "ca_file": phones.ca_file, "user": SERVICE_USER}
        config = str(written(tmp_path, more=DOMAIN.format(**facts), smtp_port=sink.port))

        async def gatepost(*arguments: str) -> tuple[int, str, str]:
            code = await asyncio.to_thread(main, [*arguments, "--config", config])
            said = capsys.readouterr()
            return code, said.out, said.err

        code, out, _ = await gatepost("explain", login)
        assert code == 1
        assert f"gatepost unlock by-command --confirm-number {NEW[-3:]}" in out.splitlines()[0]
        assert re.search(r"their mobile number was changed recently, until \d\d:\d\d tomorrow\. ", out)
        code, _, error = await gatepost("unlock", login, "--confirm-number", "123")
        assert (code, "no number ending in '123' is held back" in error) == (1, True)
        code, out, error = await gatepost("unlock", login, "--confirm-number", NEW[-3:])
        assert (code, out.splitlines()[-1]) == (0, "By-Command (by-command) can sign in now")
        assert '"admin.number_confirmed"' in error or "admin.number_confirmed" in error
        assert account.guid in error
        assert "7400" not in out + error
        told = [await sink.next_message(), await sink.next_message()]
        assert {each.recipients[0].partition("@")[0] for each in told} == {"447400123456", "by-command"}
        assert (await gatepost("explain", login))[0] == 0
