"""With a pass nobody adds or removes a factor, not even right after it was typed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from config.factors import Factor
from proxy.factors.proof import Proof
from proxy.sign_in.enrolling import may_change_factors, proof_for_adding
from tests.portal.admin import admin_stage
from tests.portal.stage import SIGN_IN_ORIGIN, Stage
from tests.portal.test_passes import signed_in_by_pass

FACTORS = f"{SIGN_IN_ORIGIN}/.gatepost/me/factors"
SCHEMES = [
    {"name": "admins", "factors": ["password"], "groups": ["Gatepost Admins"], "networks": ["192.0.2.0/24"]},
    {"name": "browser", "factors": ["password", ["totp", "sms"]]},
]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with admin_stage(tmp_path, schemes=SCHEMES, help_desk={"passes": True}) as running:
        yield running


async def test_no_page_of_it_opens(stage: Stage) -> None:
    browser, _ = await signed_in_by_pass(stage)
    for url in (FACTORS, f"{FACTORS}?add=totp"):
        page = await browser.get(url)
        assert page.status == 403
        assert "Not with a pass" in page.text
    (session,) = [each for each in await stage.store.sessions.sessions() if Factor.PASS in each.proven_factors]
    own = replace(session, confined=None, proven=(*session.proven, Proof(Factor.SMS, stage.now)))
    assert may_change_factors(stage.settings.schemes, own, now=stage.now)
    assert not may_change_factors(stage.settings.schemes, replace(own, confined=session.confined), now=stage.now)
    assert "Ways to sign in" not in (await browser.get(f"{SIGN_IN_ORIGIN}/")).text


async def test_nor_does_it_after_a_second_factor_in_the_same_session(stage: Stage) -> None:
    """What was begun with a pass stays so."""
    browser, _ = await signed_in_by_pass(stage)
    step_up = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/step-up?scheme=%09factors")
    page = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/step-up", step_up.hidden)
    passcode = await browser.get(SIGN_IN_ORIGIN + page.location)
    await stage.answer(browser, passcode, stage.passcode)
    (session,) = [each for each in await stage.store.sessions.sessions() if Factor.SMS in each.proven_factors]
    assert session.confined is not None
    assert (await browser.get(FACTORS)).status == 403


async def test_it_is_not_what_adding_asks_for(stage: Stage) -> None:
    proof = proof_for_adding(stage.settings.schemes)
    assert proof is not None
    assert all(Factor.PASS not in choice for choice in proof.factors)
