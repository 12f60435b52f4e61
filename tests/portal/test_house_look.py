"""The house's own look on the pages: its name, logo, colour and help, and what its files are served with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from proxy.operations.notice_board import OperatorNotice
from tests.portal.admin import ADMIN, admin_stage, signed_in_admin
from tests.portal.stage import SIGN_IN_ORIGIN, WIKI, Browser, running_portal

SIGN_IN = f"{SIGN_IN_ORIGIN}/.gatepost/sign-in"
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9"/></svg>'
TELEPHONE = '<a href="tel:+441632960000" dir="ltr">+44 (0)1632 960000</a>'


def house(folder: Path, **changes: Any) -> dict[str, Any]:
    (folder / "corp <b>.svg").write_text(LOGO)
    own = {"text": "Ask <Ann>.", "telephone": "+44 (0)1632 960000", "hours": "8 to 6"}
    pages = {"name": "Corp & Co", "logo_file": str(folder / "corp <b>.svg"), "colour": "#005eb8", "help": own}
    return {**pages, **changes}


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, pattern
    return match[1]


async def opened(browser: Browser, path: str, origin: str = SIGN_IN_ORIGIN) -> tuple[Any, str]:
    """The fields and the text of what a page names."""
    answer = await browser.get(origin + path)
    assert answer.status == 200
    return answer.headers, answer.text


async def test_every_page_has_the_houses_name_logo_and_help(tmp_path: Path) -> None:
    async with running_portal(tmp_path, pages=house(tmp_path)) as stage:
        browser = stage.browser()
        signed_out = [await browser.get(SIGN_IN_ORIGIN + path) for path in ("/.gatepost/sign-in", "/.gatepost/nothing")]
        to_passcode = await stage.to_passcode(browser)
        wrong = await stage.answer(browser, to_passcode, stage.wrong_passcode)
        await stage.answer(browser, to_passcode, stage.passcode)
        signed_in = [await browser.get(SIGN_IN_ORIGIN + path) for path in ("/", "/.gatepost/me")]
        for page in (*signed_out, to_passcode, wrong, *signed_in):
            assert "· Corp &amp; Co</title>" in page.text
            assert '<span dir="auto">Corp &amp; Co</span>' in page.text
            assert "Gatepost" not in page.text
            assert re.search(r'<img src="/\.gatepost/static/[0-9a-f]{16}/logo\.svg" alt="" class="logo">', page.text)
            assert "Ask &lt;Ann&gt;." in page.text
            assert TELEPHONE in page.text
            assert "8 to 6" in page.text


async def test_the_logo_is_served_as_a_picture_that_can_do_nothing(tmp_path: Path) -> None:
    async with running_portal(tmp_path, pages=house(tmp_path)) as stage:
        browser = stage.browser()
        page = await browser.get(SIGN_IN)
        path = found(r'<img src="([^"]+)"', page.text)
        assert found(r'<link rel="icon" type="[^"]+" href="([^"]+)">', page.text) == path
        for origin in (SIGN_IN_ORIGIN, WIKI):
            fields, text = await opened(browser, path, origin)
            assert text == LOGO
            assert fields["Content-Type"] == "image/svg+xml; charset=utf-8"
            assert fields["X-Content-Type-Options"] == "nosniff"
            assert fields["Content-Security-Policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"
            assert fields["Cache-Control"] == "public, max-age=31536000, immutable"
        again = await browser.get(SIGN_IN_ORIGIN + path, If_None_Match=fields["ETag"])
        assert (again.status, again.text) == (304, "")
        other = path.replace(path.split("/")[3], 16 * "0")
        assert (await browser.get(SIGN_IN_ORIGIN + other)).status == 404


async def test_the_colour_comes_as_a_sheet_behind_the_portals_own(tmp_path: Path) -> None:
    async with running_portal(tmp_path, pages=house(tmp_path, logo_file=None)) as stage:
        browser = stage.browser()
        page = await browser.get(SIGN_IN)
        sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)">', page.text)
        assert [sheet.rpartition("/")[2] for sheet in sheets] == ["portal.css", "look.css"]
        fields, sheet = await opened(browser, sheets[1])
        assert fields["Content-Type"] == "text/css; charset=utf-8"
        assert sheet.startswith(":root{--accent:#005eb8;--accent-ink:#ffffff;")
        assert "@media (prefers-color-scheme:dark){:root{--accent:#80c1ff;" in sheet
        icon = found(r'<link rel="icon" type="image/svg\+xml; charset=utf-8" href="([^"]+)">', page.text)
        assert 'fill="#005eb8"' in (await opened(browser, icon))[1]


async def test_without_settings_the_pages_are_gateposts_and_offer_no_help(tmp_path: Path) -> None:
    async with running_portal(tmp_path) as stage:
        page = await stage.browser().get(SIGN_IN)
        assert "· Gatepost</title>" in page.text
        for absent in ("look.css", "<img", "Need help?"):
            assert absent not in page.text


async def test_the_admin_pages_send_nobody_to_the_help_desk_that_they_are_for(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, pages=house(tmp_path)) as stage:
        page = await (await signed_in_admin(stage)).get(ADMIN)
        assert page.status == 200
        assert "Corp &amp; Co" in page.text
        assert "Need help?" not in page.text


async def test_the_operators_notice_is_on_the_sign_in_passcode_and_start_pages(tmp_path: Path) -> None:
    async with running_portal(tmp_path) as stage:
        await stage.store.operator_notices.put_up(OperatorNotice(text="SMS <are> slow", ends_at=stage.now + 60))
        await stage.notice_board.look()
        told = '<p class="notice" role="note" dir="auto">SMS &lt;are&gt; slow</p>'
        browser = stage.browser()
        assert told in (await browser.get(SIGN_IN)).text
        passcode_page = await stage.to_passcode(browser)
        assert told in passcode_page.text
        await stage.answer(browser, passcode_page, stage.passcode)
        assert told in (await browser.get(f"{SIGN_IN_ORIGIN}/")).text
        assert "slow" not in (await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/me")).text
        stage.now += 60
        assert "slow" not in (await stage.browser().get(SIGN_IN)).text
