"""How a state is looked at: colours, widths and sizes of text, by axe-core and by measures of our own, in Chromium.

One page holds a frame for each of some states: a window's size and colours are set for all of them at once, which
takes far less time than a page each. `judge.js` beside this file is what runs in there.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.test_utils import unused_port
from playwright.async_api import Browser, Page

from proxy.http.reserved import ADMIN_MOBILES_STATUS, VOUCH_STATUS
from proxy.pages.assets import BY_PATH
from tests.accessibility.states import State
from tests.portal.stage import SIGN_IN_ORIGIN

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
JUDGE = (Path(__file__).parent / "judge.js").read_text()
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
AT_ONCE = 12
Colours = Literal["light", "dark", "forced"]


@dataclass(frozen=True, slots=True)
class View:
    colours: Colours
    width: int
    """In CSS pixels."""
    text: int
    """In percent of the usual size."""

    def __str__(self) -> str:
        return f"{self.colours}, {self.width} px, text {self.text} %"


COLOURS: tuple[Colours, ...] = ("light", "dark", "forced")
VIEWS = tuple(View(*each) for each in itertools.product(COLOURS, (1280, 320), (100, 200)))
SPACED = View("light", 320, 100)
"""Where text is also spaced as WCAG 2.2, 1.4.12, asks for."""
_WHOLE = {
    "runOnly": {"type": "tag", "values": TAGS},
    "rules": {"target-size": {"enabled": True}, "label-content-name-mismatch": {"enabled": True}},
}
_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}


def _by_axe(view: View) -> dict[str, Any]:
    """What axe-core looks for.

    All that it knows in the first view, which decides it for all of them but for colours, once for all pages that are
    built the same. Colours in each view with text of the usual size, once for all that look the same. Our own measures
    look at everything in every view.
    """
    if view == VIEWS[0]:
        return {"axe": _WHOLE, "what": "parts"}
    return {"axe": _COLOURS if view.text == 100 else None, "what": "colours"}


@dataclass(frozen=True, slots=True)
class Finding:
    state: str
    view: View
    rule: str
    """Of axe-core, or one of `judge.js`: ``overflow``, ``cut``, ``spacing``, ``target``, ``text contrast``,
    ``edge contrast``, ``motion``."""
    where: str

    def __str__(self) -> str:
        return f"{self.state} ({self.view}): {self.rule}: {self.where}"


class Eye:
    """One page of one browser, in whose frames the states are shown."""

    def __init__(self, page: Page, origin: str) -> None:
        self._page = page
        self._origin = origin
        self._shown: dict[str, State] = {}

    async def answer(self, request: web.Request) -> web.Response:
        """A state as it was collected, or what it takes to look at it."""
        asset = BY_PATH.get(request.path)
        caching = {"Cache-Control": "max-age=3600"}
        if asset is not None:
            return web.Response(body=asset.body, headers={"Content-Type": asset.content_type, **caching})
        if request.path == "/axe.js":
            return web.Response(text=AXE, content_type="text/javascript", headers=caching)
        if request.path == "/":
            return web.Response(text=_HOLDER, content_type="text/html")
        if request.path in (VOUCH_STATUS, ADMIN_MOBILES_STATUS):  # what waits for news stays as it is
            return web.json_response({"waits": True})
        state = self._shown.get(request.path)
        if state is None:
            return web.Response(status=404)
        policy = state.policy.replace(SIGN_IN_ORIGIN, self._origin).replace("frame-ancestors 'none'; ", "")
        return web.Response(
            text=state.html.replace(f'"{SIGN_IN_ORIGIN}/.gatepost/static/', '"/.gatepost/static/'),
            headers={"Content-Security-Policy": policy},
            content_type="text/html",
        )

    async def judge(self, states: Iterable[State]) -> list[Finding]:
        """Everything that is wrong with them, in all views."""
        found: list[Finding] = []
        await self._page.goto(self._origin)
        rest = iter(states)
        while some := tuple(itertools.islice(rest, AT_ONCE)):
            found += await self._judge_some(some)
        return found

    async def _judge_some(self, states: tuple[State, ...]) -> list[Finding]:
        self._shown = {f"/state/{number}": state for number, state in enumerate(states)}
        await self._look("light")
        shown = [{"name": each.name, "address": path} for path, each in self._shown.items()]
        await self._page.evaluate("states => show(states)", shown)
        for frame in self._page.main_frame.child_frames:
            state = self._shown[urlsplit(frame.url).path]
            if state.then:
                await frame.evaluate(state.then)
        found = []
        for colours, views in itertools.groupby(VIEWS, lambda view: view.colours):
            await self._look(colours)
            for view in views:
                how = {"view": str(view), "width": view.width, "text": view.text, "isSpaced": view == SPACED}
                how |= _by_axe(view)
                for state, rule, where in await self._page.evaluate("how => judge(how)", how):
                    found.append(Finding(state, view, rule, where))
        return found

    async def _look(self, colours: Colours) -> None:
        is_forced = colours == "forced"
        await self._page.emulate_media(
            color_scheme="dark" if colours == "dark" else "light", forced_colors="active" if is_forced else "none"
        )


@asynccontextmanager
async def open_eye(browser: Browser) -> AsyncIterator[Eye]:
    port = unused_port()
    context = await browser.new_context(
        locale="en-GB", timezone_id="UTC", reduced_motion="reduce", viewport={"width": 400, "height": 200}
    )
    eye = Eye(await context.new_page(), f"http://127.0.0.1:{port}")
    app = web.Application()
    app.router.add_get("/{path:.*}", eye.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield eye
    finally:
        await context.close()
        await runner.cleanup()


_HOLDER = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark"><title>States</title>
<style>iframe {{ display: block; height: 900px; border: 0 }}</style>
<script>{JUDGE}</script>
<body></body></html>"""
