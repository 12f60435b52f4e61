"""`[mobile] then = "other_channel"`: a number that changed recently gets nothing, the person's mail address does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.factors import ChannelKind, Factor
from directory.directory import PasswordRefused
from directory.principal import Account, Principal
from proxy.delivery.channel import EMAIL_ONLY, Outcome
from proxy.factors.passcode.known_numbers import KnownNumber, number_digest, seal_number
from proxy.secrets.keys import Purpose
from tests.portal.stage import NOW, SIGN_IN_ORIGIN, Page, ScriptedDirectory, Stage, running_portal
from tests.support.eventually import eventually

OLD, NEW, MAIL = "07400 123456", "07400 999999", "scripted@corp.example"
PASSCODE = f"{SIGN_IN_ORIGIN}/.gatepost/passcode"
NO_ADDRESSES = (
    "nowhere",
    "a@b.example, c@d.example",
    "Al <a@b.example>",
    "jürgen@müller.example",
    "a@b.example\r\nBcc: x@y.z",
)
CHANNELS = {"kapow": ChannelKind.SMS, "email": ChannelKind.EMAIL}


class Telling(ScriptedDirectory):
    """Takes every password, and says what stands in `person`."""

    person = Principal(
        guid=ScriptedDirectory.account.guid,
        realm="corp",
        username="scripted",
        display_name="Scripted",
        mail=MAIL,
        mobiles=(NEW,),
        mobile_changed_at=NOW - 3600,
    )

    async def authenticate(self, account: Account | None, password: str) -> Principal | PasswordRefused:
        return self.person


@pytest.fixture(params=[False, True], ids=["sms-only", "email-for-sms"])
async def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    """A portal at which the number changed an hour ago, and the one before it was used."""
    second_factor = {"channels": tuple(CHANNELS), "email_for_sms": request.param}
    async with running_portal(
        tmp_path, scripted=Telling(), mobile={"then": "other_channel"}, second_factor=second_factor
    ) as stage:
        stage.phone.channels = dict(CHANNELS)
        await know(stage, "+447400123456")
        yield stage


async def know(stage: Stage, number: str) -> None:
    guid = Telling.person.guid
    known = KnownNumber(
        digest=number_digest(stage.keys.derive(Purpose.NUMBERS), guid=guid, number=number),  # type: ignore[arg-type]
        sealed=seal_number(stage.keys.derive(Purpose.SEALED_NUMBERS), guid=guid, number=number),  # type: ignore[arg-type]
        used_at=NOW - 86_400,
    )
    await stage.store.numbers.put_known_number(guid, known)


async def tell(stage: Stage, **changes: object) -> None:
    assert isinstance(stage.scripted, Telling)
    stage.scripted.person = replace(stage.scripted.person, **changes)  # type: ignore[arg-type]


async def to_passcode(stage: Stage) -> Page:
    return await stage.to_passcode(stage.browser(), username="scripted@corp")


async def test_a_fresh_number_gets_nothing_and_the_mail_gets_the_passcode(fresh: Stage) -> None:
    browser = fresh.browser()
    page = await fresh.to_passcode(browser, username="scripted@corp")
    assert "We sent an e-mail with a code to" in page.text
    assert "s•••@corp.example" in page.text
    assert 'value="another"' not in page.text
    fresh.now += 31
    for how in ("yes", "another"):
        assert (await browser.post(PASSCODE, {**page.hidden, "resend": how})).status in (303, 429)
        fresh.now += 31
    assert len(fresh.phone.messages) == 3
    assert all(each.number is None and each.mail == MAIL for each in fresh.phone.messages)
    assert fresh.phone.kinds == [EMAIL_ONLY] * 3
    assert (await fresh.answer(browser, page, fresh.passcode)).status == 303
    (session,) = await fresh.store.sessions.sessions()
    assert Factor.SMS in session.proven_factors


async def test_the_old_number_and_the_mail_are_told_once(fresh: Stage) -> None:
    for _ in range(2):
        await to_passcode(fresh)
    await eventually(lambda: len(fresh.phone.told) == 2)
    assert {to for to, _ in fresh.phone.told} == {"+447400123456", MAIL}


async def test_a_passcode_by_mail_makes_the_fresh_number_no_known_one(fresh: Stage) -> None:
    assert (await fresh.sign_in(fresh.browser(), username="scripted@corp")).status == 303
    await to_passcode(fresh)
    assert fresh.phone.messages[-1].number is None


async def test_a_person_without_a_mail_waits(fresh: Stage) -> None:
    for mail in (None, *NO_ADDRESSES):
        await tell(fresh, mail=mail)
        answer = await fresh.password(fresh.browser(), "scripted@corp")
        assert answer.status == 403
        assert "23 hours" in answer.text
    assert fresh.phone.messages == []
    assert fresh.log[-1]["reason"] == "mobile_changed_lately" or fresh.log[-2]["reason"] == "mobile_changed_lately"


@pytest.mark.parametrize("mail", [MAIL, *NO_ADDRESSES])
async def test_another_way_by_mail_is_offered_only_to_a_plain_address(fresh: Stage, mail: str) -> None:
    await tell(fresh, mobiles=(OLD,), mail=mail)
    page = await to_passcode(fresh)
    assert ('value="another"' in page.text) is (mail == MAIL)


async def test_the_number_used_last_and_one_that_changed_long_ago_are_sent_to(fresh: Stage) -> None:
    await tell(fresh, mobiles=(OLD,))
    await to_passcode(fresh)
    await tell(fresh, mobiles=(NEW,), mobile_changed_at=NOW - 2 * 86_400)
    await to_passcode(fresh)
    assert [each.number for each in fresh.phone.messages] == ["+447400123456", "+447400999999"]


async def test_a_passcode_that_went_to_the_mail_is_not_sent_again_to_the_number(fresh: Stage) -> None:
    """Neither once the number is no fresh one any more, nor once it is the old one again."""
    browser = fresh.browser()
    page = await fresh.to_passcode(browser, username="scripted@corp")
    (waiting,) = await fresh.store.sessions.sessions()
    await fresh.sessions.update_principal(
        replace(waiting, principal=replace(Telling.person, mobiles=(OLD,), mobile_changed_at=None))
    )
    fresh.now += 31
    again = await browser.post(PASSCODE, {**page.hidden, "resend": "yes"})
    assert again.status == 410
    assert [each.number for each in fresh.phone.messages] == [None]


async def test_a_mail_that_nobody_took_is_called_a_mail(fresh: Stage) -> None:
    fresh.phone.outcome = Outcome.UNAVAILABLE
    answer = await fresh.password(fresh.browser(), "scripted@corp")
    assert answer.status == 503
    assert "an e-mail to s•••@corp.example" in answer.text
