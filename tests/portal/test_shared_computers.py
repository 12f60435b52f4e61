"""Computers that several people use, one after the other: what differs there, and only there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from config.settings import NetworkSettings
from proxy.access.shared_networks import shared_network
from tests.portal.stage import SIGN_IN_ORIGIN, Stage, running_portal

WARD = "10.30.4.5"
SCHEMES = [{"name": "browser", "factors": ["password", ["sms", "totp"]], "remember": "14d"}]
NETWORKS = [{"name": "Wards", "addresses": ["10.30.0.0/16"], "shared": True}]
SIGN_IN = f"{SIGN_IN_ORIGIN}/.gatepost/sign-in"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_portal(tmp_path, schemes=SCHEMES, networks=NETWORKS) as stage:
        yield stage


@pytest.mark.parametrize(("address", "idle"), [(WARD, 300), ("192.0.2.7", 1800)])
async def test_a_session_that_began_there_ends_sooner(stage: Stage, address: str, idle: int) -> None:
    browser = stage.browser(address=address)
    await stage.sign_in(browser)
    stage.now += idle - 1
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/me")).status == 200  # which is a use
    stage.now += idle
    assert (await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/me")).location.startswith("/.gatepost/sign-in")
    (kept,) = await stage.store.sessions.sessions()
    assert await stage.store.sessions.remove_expired(now=stage.now + idle, limits=stage.settings.sessions) > 0
    assert await stage.store.sessions.sessions_by_id([kept.session_id]) == {}


async def test_no_browser_is_remembered_there(stage: Stage) -> None:
    browser = stage.browser(address=WARD)
    page = await stage.to_passcode(browser)
    assert "Remember" not in page.text
    await stage.answer(browser, page, stage.passcode, remember="yes")
    assert "__Host-gatepost-remembered" not in browser.cookies["signin.corp.example"]


async def test_one_that_was_remembered_elsewhere_counts_for_nothing_there(stage: Stage) -> None:
    browser = stage.browser()
    await stage.answer(browser, await stage.to_passcode(browser), stage.passcode, remember="yes")
    await stage.store.sessions.end_all_sessions()
    browser.address = WARD
    assert "passcode" in (await stage.password(browser)).location
    browser.address = "192.0.2.7"
    assert "passcode" not in (await stage.password(browser)).location


async def test_no_second_factor_is_added_there(stage: Stage) -> None:
    for address, status in ((WARD, 403), ("192.0.2.7", 200)):
        browser = stage.browser(address=address)
        await stage.sign_in(browser)
        for query in ("", "?add=totp"):
            assert (await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/me/factors{query}")).status == status


async def test_nothing_is_filled_in_there(stage: Stage) -> None:
    for address, kept in ((WARD, False), ("192.0.2.7", True)):
        browser = stage.browser(address=address)
        refused = await stage.password(browser, password="wrong horse")
        assert refused.status == 401
        assert ('value="alice"' in refused.text) is kept
        assert ('autocomplete="username"' in refused.text) is kept
        assert ('autocomplete="current-password"' in refused.text) is kept


async def test_no_passkey_is_offered_where_names_are_filled_in_there(tmp_path: Path) -> None:
    schemes = [{"name": "keys", "factors": ["passkey"]}, *SCHEMES]
    async with running_portal(tmp_path, schemes=schemes, networks=NETWORKS) as stage:
        for address, filled_in in ((WARD, False), ("192.0.2.7", True)):
            page = await stage.browser(address=address).get(SIGN_IN)
            assert "Sign in with a passkey" in page.text
            assert ("webauthn" in page.text) is filled_in


async def test_one_press_begins_again_for_somebody_else(stage: Stage) -> None:
    browser = stage.browser(address=WARD)
    page = await stage.to_passcode(browser, return_to="https://wiki.corp.example/secret")
    assert "Not me? Start again" in page.text
    form = await browser.get(SIGN_IN)
    for shown in (page, form):
        assert "Not me? Start again" in shown.text
    token = page.text.split('name="start_again" value="')[1].split('"')[0]
    answer = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/sign-out", {"start_again": token})
    assert answer.location == "/.gatepost/sign-in?form=1"
    assert await stage.store.sessions.sessions() == []
    again = await browser.get(SIGN_IN_ORIGIN + answer.location)
    assert "alice" not in again.text
    assert "secret" not in again.text
    assert "Start again" not in again.text


async def test_nobody_else_can_press_it_for_them(stage: Stage) -> None:
    browser = stage.browser(address=WARD)
    await stage.to_passcode(browser)
    answer = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/sign-out", {"start_again": "x"})
    assert answer.status == 403
    assert len(await stage.store.sessions.sessions()) == 1


async def test_elsewhere_there_is_no_such_button(stage: Stage) -> None:
    assert "Start again" not in (await stage.to_passcode(stage.browser())).text


def test_a_client_at_an_unknown_address_counts_as_there() -> None:
    network = NetworkSettings.model_validate(NETWORKS[0])
    quiet = NetworkSettings.model_validate({"name": "All", "addresses": ["0.0.0.0/0", "::/0"]})
    assert shared_network([quiet, network], WARD) is network
    assert shared_network([quiet, network], "unknown") is network
    assert shared_network([quiet, network], "192.0.2.7") is None
    assert shared_network([quiet], "unknown") is None
