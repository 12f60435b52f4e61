"""A pass that the configuration no longer lets anybody give: what was begun with it ends at its next use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.settings import HelpDeskSettings
from proxy.factors.confinement import still_counts
from proxy.sessions.live_sessions import LiveSessions
from tests.portal.admin import admin_stage
from tests.portal.stage import SIGN_IN_ORIGIN, Stage
from tests.portal.test_passes import SCHEMES, signed_in_by_pass
from tests.store.contract.passes import CONFINED

ALL, NONE = HelpDeskSettings(passes=True, vouching=True), HelpDeskSettings()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path, schemes=SCHEMES, help_desk={"passes": True}) as running:
        yield running


def test_each_kind_counts_while_its_own_key_is_on() -> None:
    vouched = replace(CONFINED, is_vouched=True)
    only_passes, only_vouching = HelpDeskSettings(passes=True), HelpDeskSettings(vouching=True)
    assert [still_counts(CONFINED, each) for each in (ALL, only_passes, only_vouching, NONE)] == [1, 1, 0, 0]
    assert [still_counts(vouched, each) for each in (ALL, only_passes, only_vouching, NONE)] == [1, 0, 1, 0]
    assert still_counts(None, NONE)


async def test_a_session_that_was_begun_with_it_ends_everywhere_and_others_stay(stage: Stage) -> None:
    by_pass, _ = await signed_in_by_pass(stage)
    by_phone = stage.browser()
    await stage.sign_in(by_phone)
    after = LiveSessions(
        stage.store.sessions,
        stage.settings.sessions,
        may_stand=lambda session: still_counts(session.confined, NONE),
    )
    host = "signin.corp.example"
    tokens = [(each.session_cookie() or "").encode() for each in (by_pass, by_phone)]
    assert await after.find(tokens[0], host, stage.now) is None
    assert await after.find(tokens[1], host, stage.now) is not None
    await stage.store.sessions.catch_up()
    assert (await by_pass.get(f"{SIGN_IN_ORIGIN}/")).status == 303
    assert (await by_phone.get(f"{SIGN_IN_ORIGIN}/")).status == 200
