"""The house's own look in a real browser: under the pages' policy, narrow and wide, light and dark."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from config.colours import DARK_GROUNDS, LEAST_CONTRAST, LIGHT_GROUNDS, contrast, dark_accent, light_accent
from config.logos import Logo
from tests.portal.front import Front, running_front
from tests.support.browser import chromium

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all

COLOUR = "#005eb8"
LOGO = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40"><style>.a{fill:#005eb8}</style>
<rect class="a" width="120" height="40" rx="6"/><circle cx="22" cy="20" r="11" style="fill:#fff"/></svg>"""
PAGES: dict[str, Any] = {
    "name": "Corp Borough Council",
    "colour": COLOUR,
    "help": {
        "text": "Ring the IT desk, or come to room 2.14.",
        "telephone": "+44 1632 960000",
        "hours": "Monday to Friday, 8 am to 6 pm",
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def front(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Front]:
    folder = tmp_path_factory.mktemp("front")
    (folder / "logo.svg").write_text(LOGO)
    async with running_front(folder, pages={**PAGES, "logo_file": str(folder / "logo.svg")}) as front:
        yield front


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
async def test_the_pages_are_the_houses_and_can_be_read(
    front: Front, browser: Browser, tmp_path: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    context = await browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda line: complaints.append(line.text))
    await page.goto(front.url("signin", "/.gatepost/sign-in"))
    assert await page.title() == "Sign in · Corp Borough Council"
    assert await page.locator(".logo").evaluate("logo => logo.complete && logo.naturalWidth") > 0
    accent = light_accent(COLOUR) if scheme == "light" else dark_accent(COLOUR)
    assert await seen(page, ".primary", "background-color") == accent.accent
    assert await seen(page, ".primary", "color") == accent.accent_ink
    link, ground = await seen(page, ".help a", "color"), await seen(page, "body", "background-color")
    assert link == accent.accent
    assert ground in (LIGHT_GROUNDS if scheme == "light" else DARK_GROUNDS)
    assert contrast(link, ground) >= LEAST_CONTRAST
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    box = await page.locator(".help a").bounding_box()
    assert box is not None
    assert box["height"] >= 24
    await page.screenshot(path=tmp_path / f"{scheme}-{width}.png", full_page=True)  # for those who want to look
    assert complaints == []
    await context.close()


async def test_a_script_in_a_logo_would_not_run(browser: Browser, tmp_path: Path) -> None:
    """Such a file is refused. This is what stands behind that: it is given as if nobody had looked."""
    ran = "document.documentElement.setAttribute('data-ran', 'yes')"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><script>{ran}</script></svg>'
    logo = Logo(file="evil.svg", content_type="image/svg+xml", content=svg.encode())
    async with running_front(tmp_path, pages={"logo_file": logo}) as front:
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(front.url("signin", "/.gatepost/sign-in"))
        assert not await page.evaluate("document.querySelector('[data-ran]')")
        await page.goto(front.url("signin", str(await page.get_attribute(".logo", "src"))))
        assert await page.locator("script").inner_html() == ran
        assert await page.evaluate("document.documentElement.getAttribute('data-ran')") is None
        await context.close()


async def seen(page: Page, selector: str, what: str) -> str:
    """A colour as the browser computes it, as ``#rrggbb``."""
    computed = await page.locator(selector).first.evaluate(
        "(element, what) => getComputedStyle(element).getPropertyValue(what)", what
    )
    return "#" + bytes(map(int, str(computed).removeprefix("rgb(").removesuffix(")").split(","))).hex()
