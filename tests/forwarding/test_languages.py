"""Answers that the forwarding plane renders itself are in the language of whoever reads them, with links to others."""

from __future__ import annotations

import re
from pathlib import Path

from config.own_catalogues import read_own_catalogues
from config.settings import PagesSettings
from proxy.pages import phrases
from tests.forwarding.stage import BOB_TOKEN, StageMaker, get

PAGE = "Accept: text/html\r\n"
WELSH = PAGE + "Accept-Language: cy, en;q=0.5\r\n"
BODY = f"""
msgid "{phrases.OPEN_TO_GROUPS}"
msgstr "Dim ond %(groups)s."
"""


def pages(folder: Path) -> PagesSettings:
    (folder / "texts").mkdir()
    (folder / "texts" / "cy.po").write_text(BODY)
    return PagesSettings(languages=("en", "cy"), catalogues=read_own_catalogues(folder / "texts"))


async def test_an_error_is_in_the_language_that_is_asked_for_or_was_chosen(staged: StageMaker, tmp_path: Path) -> None:
    async with staged(pages=pages(tmp_path)) as stage:
        refused = await stage.ask(get(token=BOB_TOKEN, lines=WELSH))
        assert refused.status == 403
        assert b"Dim ond Wiki Users." in refused.body
        assert refused.get("Content-Language") == b"cy"
        assert refused.get("Vary") == b"Accept-Language, Cookie"
        assert b'<html lang="cy" dir="ltr">' in refused.body
        cookie = f"Cookie: gatepost-language=cy; gatepost={BOB_TOKEN.decode()}\r\n"
        assert b"Dim ond Wiki Users." in (await stage.ask(get(token=None, lines=PAGE + cookie))).body
        for odd in ("gatepost-language=tlh", "gatepost-language=cy; gatepost-language=cy"):
            english = await stage.ask(get(host="down.corp.example", lines=f"{PAGE}Cookie: {odd}\r\n"))
            assert b'<html lang="en" dir="ltr">' in english.body


async def test_the_link_leads_back_to_the_same_address_of_the_app(staged: StageMaker, tmp_path: Path) -> None:
    async with staged(pages=pages(tmp_path)) as stage:
        answer = await stage.ask(get(host="down.corp.example", target="/a%2Fb?c=<d>&e='f'", lines=WELSH))
        assert answer.status == 502
        (href,) = re.findall(rb'href="(/\.gatepost/language/[^"]+)"', answer.body)
        assert href == b"/.gatepost/language/en?/a%2Fb?c=&lt;d&gt;&amp;e=&#39;f&#39;"
        unknown = await stage.ask(get(host="nobody.corp.example", lines=WELSH))
        assert (unknown.status, b"hreflang" in unknown.body) == (421, False)
        assert unknown.get("Content-Language") == b"cy"


async def test_the_choice_goes_to_the_portal_and_no_further(staged: StageMaker, tmp_path: Path) -> None:
    async with staged(pages=pages(tmp_path)) as stage:
        await stage.ask(get(target="/.gatepost/language/cy?/page?a=b"))
        (asked,) = stage.portal.requests
        assert asked.start == b"GET /.gatepost/language/cy?/page?a=b HTTP/1.1"
        await stage.ask(get(lines="Cookie: a=1; gatepost-language=cy; b=2\r\n"))
        assert all(b"language" not in value for value in stage.upstream.requests[-1].all("Cookie"))


async def test_a_head_that_cannot_be_read_is_answered_in_the_language_it_names(
    staged: StageMaker, tmp_path: Path
) -> None:
    async with staged(pages=pages(tmp_path)) as stage:
        answer = await stage.ask(f"GET / HTTP/1.1\r\n{WELSH}Bad Field: x\r\n\r\n".encode())
        assert (answer.status, b'<html lang="cy"' in answer.body) == (400, True)
