"""A new master key comes into use while people sign in: nobody notices, and nobody who guesses gains by it."""

from __future__ import annotations

from pathlib import Path

from directory.login_name import LoginName
from proxy.factors.passcode.known_numbers import open_number
from proxy.secrets.keys import KeyRing, Keys, MasterKey, Purpose, names_of
from tests.portal.stage import SIGN_IN_ORIGIN, Stage, running_portal
from tests.support.eventually import eventually
from tests.support.people import NOW

DAY = 86_400.0
FIRST, SECOND = b"\x01" * 32, b"\x02" * 32
ROTATES_AT = NOW + 60
RING = KeyRing(keys=(MasterKey(bits=FIRST), MasterKey(bits=SECOND, use_after=ROTATES_AT)), names=names_of(FIRST))


async def test_a_passcode_sent_before_the_rotation_is_accepted_after_it(tmp_path: Path) -> None:
    async with running_portal(tmp_path, ring=RING) as stage:
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        stage.now = ROTATES_AT + 30
        assert (await stage.answer(browser, page, stage.passcode)).status == 303
        assert browser.session_cookie() is not None


async def test_a_re_send_after_the_rotation_keeps_the_passcode(tmp_path: Path) -> None:
    async with running_portal(tmp_path, ring=RING) as stage:
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        stage.now = ROTATES_AT + 30
        sent = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", {**page.hidden, "resend": "yes"})
        assert sent.status == 303, sent.text
        assert len(stage.phone.messages) == 2
        assert len({message.passcode for message in stage.phone.messages}) == 1
        assert (await stage.answer(browser, page, stage.passcode)).status == 303


async def test_a_wrong_passcode_stays_wrong_after_the_rotation(tmp_path: Path) -> None:
    async with running_portal(tmp_path, ring=RING) as stage:
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        stage.now = ROTATES_AT + 30
        assert (await stage.answer(browser, page, stage.wrong_passcode())).status == 422


async def test_a_form_that_was_open_during_the_rotation_is_taken_for_a_day(tmp_path: Path) -> None:
    async with running_portal(tmp_path, ring=RING) as stage:
        browser = stage.browser()
        form = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in")
        fields = {**form.hidden, "username": "alice", "password": "wrong"}
        stage.now = ROTATES_AT + DAY
        assert (await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in", fields)).status == 401
        stage.now = ROTATES_AT + DAY + 3600
        assert (await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in", fields)).status == 403


async def test_a_rotation_gives_nobody_a_fresh_budget_of_guesses(tmp_path: Path) -> None:
    async with running_portal(tmp_path, ring=RING, throttle={"passwords_per_person": 3}) as stage:
        for number in range(3):
            assert (await stage.password(stage.browser(), password=f"wrong {number}")).status == 401
    rotated = KeyRing(keys=(MasterKey(bits=FIRST), MasterKey(bits=SECOND, use_after=NOW - 1)), names=names_of(FIRST))
    dropped = KeyRing(keys=rotated.keys[1:], names=rotated.names)
    for ring in (rotated, dropped):  # started again with the new file
        async with running_portal(tmp_path, ring=ring, throttle={"passwords_per_person": 3}) as stage:
            await stage.password(stage.browser(), password="wrong again")
            assert stage.log[-1]["reason"].startswith("passwords_")


async def test_a_password_known_to_be_wrong_is_known_after_the_rotation(tmp_path: Path) -> None:
    """A replaced password too, which a domain goes on taking for an hour."""
    async with running_portal(tmp_path, ring=RING) as stage:
        assert (await stage.password(stage.browser(), password="wrong")).status == 401
        stage.now = ROTATES_AT + 30
        assert (await stage.password(stage.browser(), password="wrong")).status == 401
        assert stage.log[-1]["reason"] == "same_wrong_password_again"


async def test_a_number_is_known_again_after_the_rotation(tmp_path: Path) -> None:
    async with running_portal(tmp_path, ring=RING) as stage:
        assert (await stage.sign_in(stage.browser())).status == 303
        stage.now = ROTATES_AT + 300 * DAY
        assert (await stage.sign_in(stage.browser())).status == 303
        assert await is_written_with(stage, SECOND)
        assert stage.phone.told == []


async def test_the_old_number_is_told_of_a_new_one_after_the_rotation(tmp_path: Path) -> None:
    async with running_portal(tmp_path, ring=RING) as stage:
        assert (await stage.sign_in(stage.browser())).status == 303
        old = stage.phone.messages[-1].number
        stage.now = ROTATES_AT + 300 * DAY
        users = tmp_path / "users.toml"
        users.write_text(users.read_text().replace("07400 123456", "07400 999999"))
        assert (await stage.sign_in(stage.browser())).status == 303
        assert stage.phone.messages[-1].number != old
        await eventually(lambda: old in {to for to, _ in stage.phone.told})


async def is_written_with(stage: Stage, master_key: bytes) -> bool:
    """Whether alice's known number rests on this master key alone."""
    account = await next(iter(stage.realms)).find(LoginName(name="alice"))
    assert account is not None
    known = await stage.store.numbers.known_number(account.guid)
    assert known is not None
    key = Keys(master_key).derive(Purpose.SEALED_NUMBERS)
    return open_number(key, guid=account.guid, sealed=known.sealed) is not None
