"""Answers that the forwarding plane renders itself look as the portal's pages do, and say who helps."""

from __future__ import annotations

import pytest

from config.settings import PagesSettings
from config.tables.pages import HelpSettings
from tests.forwarding.stage import StageMaker, get

PAGE = "Accept: text/html\r\n"
PAGES = PagesSettings(name="Corp & Co", colour="#005eb8", help=HelpSettings(text="Ask <Ann>.", telephone="4444"))


@pytest.mark.parametrize(("host", "status"), [("down.corp.example", 502), ("nobody.corp.example", 421)])
async def test_an_error_is_the_houses_too(staged: StageMaker, host: str, status: int) -> None:
    async with staged(pages=PAGES) as stage:
        answer = await stage.ask(get(host=host, lines=PAGE))
        assert answer.status == status
        assert b"Corp &amp; Co</title>" in answer.body
        assert b"Ask &lt;Ann&gt;." in answer.body
        assert b'<a href="tel:4444" dir="ltr">4444</a>' in answer.body
        # An unknown host serves no files.
        origin = b"http://signin.corp.example:8080" if status == 421 else b""
        assert b'<link rel="stylesheet" href="' + origin + b"/.gatepost/static/" in answer.body
        assert answer.body.count(origin + b"/.gatepost/static/") == answer.body.count(b"/.gatepost/static/")


async def test_a_program_is_told_nothing_of_it(staged: StageMaker) -> None:
    async with staged(pages=PAGES) as stage:
        answer = await stage.ask(get(host="down.corp.example"))
        assert b"Corp" not in answer.body
        assert b"4444" not in answer.body
