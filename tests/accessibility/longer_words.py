"""Pages in a pseudo-language whose words are 40 % longer: translators may need that much.

What no code, number or instant is gets longer, word by word. Names do too, and so there is some room left.
"""

from __future__ import annotations

import re

from playwright.async_api import Page

from proxy.pages.assets import BY_PATH
from tests.accessibility.states import State

WIDTH = 320
_SHEET = re.compile(r'<link rel="stylesheet" href="([^"]+)">')
_SCRIPT = re.compile(r"<script\b[^>]*>.*?</script>|<meta http-equiv[^>]*>", re.DOTALL)
_LENGTHEN = r"""() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    if (text.parentElement.closest("code, time, .number, script, style, [dir=ltr]")) continue;
    text.data = text.data.replace(/\p{L}{3,}/gu, word => word + "é".repeat(Math.round(word.length * .4)));
  }
}"""
_MEASURE = r"""direction => {
  document.documentElement.dir = direction;
  const wide = document.documentElement.scrollWidth;
  if (wide <= innerWidth) return "";
  const beyond = [...document.body.querySelectorAll("*")].filter(each => {
    const box = each.getBoundingClientRect();
    return box.width && (box.right > innerWidth + 1 || box.left < -1);
  });
  return `${wide} px: ${beyond.slice(-1).map(each => each.outerHTML.slice(0, 120))}`;
}"""


async def too_wide(page: Page, states: list[State]) -> list[str]:
    """What of them is wider than the window in the pseudo-language, from left to right or from right to left."""
    found = []
    for state in states:
        await page.set_content(_bare(state.html))
        await page.evaluate(_LENGTHEN)
        for direction in ("ltr", "rtl"):
            if wide := await page.evaluate(_MEASURE, direction):
                found.append(f"{state.name} ({direction}): {wide}")
    return found


def _bare(html: str) -> str:
    """The page with its sheets in it, as nothing is served here, and without scripts."""
    sheets = _SHEET.sub(
        lambda found: f"<style>{BY_PATH[found[1]].body.decode()}</style>" if found[1] in BY_PATH else "", html
    )
    return _SCRIPT.sub("", sheets)
