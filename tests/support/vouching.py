"""A vouch, as browsers without a window go through it."""

from __future__ import annotations

import re

from tests.support.plain_browser import Page, PlainBrowser


async def no_phone(browser: PlainBrowser, passcode_page: Page, *, app: str, hours: str = "1") -> Page:
    """From the passcode page to what comes of asking: the page with the words, or the one that says no."""
    pages = passcode_page.url.partition("passcode")[0]
    answer = await browser.post(f"{pages}passcode", {**passcode_page.form, "new": "ask_manager"})
    page = await browser.get(answer.next_url)
    if page.status != 200:
        return page
    fields = {**page.form, "ask": "yes", "reason": "No phone", "hours": hours, f"opens:{app}": "on"}
    answer = await browser.post(f"{pages}vouch", fields)
    return await browser.get(answer.next_url) if answer.status == 303 else answer


def words_on(page: Page) -> str:
    found = re.search(r'<p class="read"><strong>([a-z ]+)</strong>', page.text)
    assert found is not None, page.text
    return found[1]


def answer_to(page: Page, words: str, answer: str = "yes") -> dict[str, str]:
    """What the manager's page sends."""
    assert f'value="{words}"' in page.text, page.text
    return {**page.form, "words": words, "answer": answer}
