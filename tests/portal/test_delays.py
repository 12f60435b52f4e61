"""The pages say that a channel is down before anybody waits for it, and stop to once it works again."""

from __future__ import annotations

from pathlib import Path

from config.factors import ChannelKind
from tests.portal.stage import SIGN_IN_ORIGIN, Down, Stage, running_portal
from tests.portal.test_choice import NAME, portal
from tests.support.canaries import SMS, canary_settings, forwarded, node, text_of
from tests.support.gatepost import free_port
from tests.support.smtp_sink import smtp_sink

SIGN_IN = f"{SIGN_IN_ORIGIN}/.gatepost/sign-in"
DELAYED = "Text messages are delayed at the moment."
AFTER_PASSWORD = "If you have another way to sign in, you can choose it after your password."


async def test_a_stopped_relay_is_on_the_pages_within_the_canarys_time_and_gone_after_it(tmp_path: Path) -> None:
    port = free_port()
    async with running_portal(tmp_path) as stage:
        at = node(canary_settings(port, {**SMS, "every": 600.0}), stage.store.canaries, lambda: stage.now)
        stage.delays.by = at.served.board
        stage.phone.channels = {"kapow": ChannelKind.SMS}
        canaries, board = at.served.canaries, at.served.board

        async def turn() -> None:
            await canaries.turn()
            await canaries.turn()
            await board.look()

        async def pages() -> list[bool]:
            browser = stage.browser()
            return [DELAYED in page.text for page in (await browser.get(SIGN_IN), await stage.to_passcode(browser))]

        async def turn_with_a_relay() -> None:
            async with smtp_sink(port=port) as sink:
                await turn()
                await canaries.take(forwarded(text_of(await sink.next_message())))
                await turn()
            await at.channels.close()

        await turn_with_a_relay()
        assert await pages() == [False, False]
        stage.now += 600
        await turn()
        assert await pages() == [True, True]
        assert await at.served.checks["canary kapow"].ask() is not None
        stage.now += 120
        await turn_with_a_relay()
        assert await pages() == [False, False]
        assert await at.served.checks["canary kapow"].ask() is None


async def test_the_other_ways_that_a_person_has_stand_with_it(tmp_path: Path) -> None:
    async with portal(tmp_path, mobiles=("07400 123456",)) as stage:
        stage.delays.by = Down("kapow")
        browser = stage.browser()
        assert f"{DELAYED} {AFTER_PASSWORD}" in (await browser.get(SIGN_IN)).text
        page = await stage.to_passcode(browser, username=NAME)
        notice = page.text.partition('id="delay"')[2].partition("</div>")[0]
        assert "You can use another way:" in notice
        assert 'name="new" value="email"' in notice
        assert page.text.count('value="email"') == 1


async def test_without_another_way_none_is_named(stage: Stage) -> None:
    stage.delays.by = Down("phone")
    browser = stage.browser()
    assert AFTER_PASSWORD not in (await browser.get(SIGN_IN)).text
    page = await stage.to_passcode(browser)
    assert DELAYED in page.text
    assert "another way" not in page.text.partition('id="delay"')[2].partition("</div>")[0]


async def test_what_went_by_a_channel_that_works_is_not_called_late(stage: Stage) -> None:
    stage.delays.by = Down("another")
    assert DELAYED not in (await stage.to_passcode(stage.browser())).text
