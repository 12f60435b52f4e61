"""The pages in the language that the browser asks for, or that a person chose by the link on each of them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog

import proxy.pages
from directory.mobile import E164
from proxy.help_desk.passes import TOLD_ENDED, ended_notice
from proxy.http.reserved import COOKIES
from proxy.languages.configured import languages_of
from proxy.pages import phrases
from proxy.portal.number_notice import notice_of
from proxy.sign_in.changed_numbers import Notices, NumberEvent
from tests.portal.admin import admin_stage, explained, signed_in_admin
from tests.portal.stage import PASSWORD, SIGN_IN_ORIGIN, START, USERS, WIKI, Browser, Page, running_portal

SIGN_IN = "/.gatepost/sign-in"
COOKIE = "__Host-gatepost-language"
SAID = {
    "Sign in": "Mewngofnodi",
    phrases.SIGN_IN_REFUSED: "Nid yw’n gywir.",
    "There is no such page here.": "Dim byd yma.",
    "This sign-in is over. Begin again with your password.": "Mae drosodd.",
    "The current password is not right.": "Nid y cyfrinair.",
}
LINKS = re.compile(r'<a href="([^"]+)" lang="([^"]+)" hreflang="([^"]+)" dir="([^"]+)">([^<]+)</a>')


def spoken(folder: Path, languages: tuple[str, ...] = ("en", "cy", "ar")) -> dict[str, Any]:
    """Settings of `[pages]` with words that no translator moves."""
    body = "".join(f'msgid "{english}"\nmsgstr "{welsh}"\n\n' for english, welsh in SAID.items())
    (folder / "texts").mkdir()
    (folder / "texts" / "cy.po").write_text(body)
    return {"languages": languages, "catalogues": str(folder / "texts")}


def links(page: Page) -> dict[str, str]:
    """Of the languages, by tag."""
    return {tag: href.replace("&amp;", "&") for href, tag, _, _, _ in LINKS.findall(page.text)}


async def chosen(browser: Browser, page: Page, tag: str, origin: str = SIGN_IN_ORIGIN) -> Page:
    answer = await browser.get(origin + links(page)[tag], Sec_Fetch_Site="same-origin")
    assert answer.status == 303
    return await browser.get(answer.location)


def test_every_page_says_which_way_its_language_runs() -> None:
    templates = Path(proxy.pages.__file__).parent / "templates"
    lines = [line for file in templates.iterdir() for line in file.read_text().splitlines()]
    roots = {line for line in lines if line.startswith("<html")}
    assert roots == {'<html lang="{{ language.tag }}" dir="{{ language.direction }}">'}


async def test_a_page_is_in_the_language_that_the_browser_asks_for(tmp_path: Path) -> None:
    async with running_portal(tmp_path, pages=spoken(tmp_path)) as stage:
        page = await stage.browser().get(SIGN_IN_ORIGIN + SIGN_IN, Accept_Language="cy-GB, en;q=0.5")
        assert '<html lang="cy" dir="ltr">' in page.text
        assert "Mewngofnodi</h1>" in page.text
        assert page.headers["Content-Language"] == "cy"
        assert page.headers["Vary"] == "Accept-Language, Cookie"
        arabic = await stage.browser().get(SIGN_IN_ORIGIN + SIGN_IN, Accept_Language="ar")
        assert '<html lang="ar" dir="rtl">' in arabic.text
        plain = await stage.browser().get(SIGN_IN_ORIGIN + SIGN_IN, Accept_Language="tlh")
        assert '<html lang="en" dir="ltr">' in plain.text


async def test_with_one_language_nothing_varies_and_nothing_is_offered(tmp_path: Path) -> None:
    async with running_portal(tmp_path) as stage:
        page = await stage.browser().get(SIGN_IN_ORIGIN + SIGN_IN, Accept_Language="cy")
        assert page.headers["Content-Language"] == "en"
        assert "Vary" not in page.headers
        assert "hreflang" not in page.text
        assert (await stage.browser().get(f"{SIGN_IN_ORIGIN}/.gatepost/language/cy?/")).status == 404


async def test_a_link_in_its_own_name_leads_to_the_same_page_in_another_language(tmp_path: Path) -> None:
    async with running_portal(tmp_path, pages=spoken(tmp_path)) as stage:
        browser = stage.browser()
        asked_for = f"{SIGN_IN}?return_to=https%3A%2F%2Fwiki.corp.example%2Fa%252Fb%3Fc%3Dd%26e&start={START}"
        page = await browser.get(SIGN_IN_ORIGIN + asked_for, Accept_Language="en")
        assert LINKS.findall(page.text)[0][1:] == ("cy", "cy", "ltr", "Cymraeg")
        assert LINKS.findall(page.text)[1][1:] == ("ar", "ar", "rtl", "العربية")
        answer = await browser.get(SIGN_IN_ORIGIN + links(page)["cy"], Sec_Fetch_Site="same-origin")
        assert (answer.status, answer.location) == (303, SIGN_IN_ORIGIN + asked_for)
        # So that the sign-in page does not take it for a visit whose cookie did not come back.
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        (cookie,) = answer.headers.getall("Set-Cookie")
        assert re.fullmatch(COOKIE + r"=cy; HttpOnly; Max-Age=34560000; Path=/; SameSite=Lax; Secure", cookie), cookie
        welsh = await browser.get(answer.location, Accept_Language="en")
        assert "Mewngofnodi</h1>" in welsh.text
        assert 'name="return_to" value="https://wiki.corp.example/a%2Fb?c=d&amp;e"' in welsh.text
        assert set(links(welsh)) == {"en", "ar"}


async def test_the_choice_keeps_the_step_and_what_was_said_of_it(tmp_path: Path) -> None:
    async with running_portal(tmp_path, pages=spoken(tmp_path)) as stage:
        browser = stage.browser()
        page = await browser.get(SIGN_IN_ORIGIN + SIGN_IN)
        refused = await browser.post(SIGN_IN_ORIGIN + SIGN_IN, {**page.hidden, "username": "alice", "password": "no"})
        assert "Your user name or password is not right." in refused.text
        welsh = await chosen(browser, refused, "cy")
        assert "Nid yw’n gywir." in welsh.text
        back = await chosen(browser, welsh, "en")
        assert "Your user name or password is not right." in back.text
        to_passcode = await stage.to_passcode(browser)
        fields = {**to_passcode.hidden, "passcode": stage.wrong_passcode}
        wrong = await browser.post(f"{SIGN_IN_ORIGIN}/.gatepost/passcode", fields, Sec_Fetch_Mode="navigate")
        again = await chosen(browser, await browser.get(SIGN_IN_ORIGIN + wrong.location), "cy")
        assert 'name="passcode"' in again.text
        assert 'id="error"' in again.text


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "//evil.example/"),
        ("/\\evil.example/", "/\\evil.example/"),
    ],
)
async def test_it_leads_to_no_other_host(tmp_path: Path, target: str, location: str) -> None:
    async with running_portal(tmp_path, pages=spoken(tmp_path)) as stage:
        answer = await stage.browser().get(f"{SIGN_IN_ORIGIN}/.gatepost/language/cy?{target}")
        assert (answer.status, answer.location) == (303, SIGN_IN_ORIGIN + location)


async def test_another_sites_link_or_picture_chooses_nothing(tmp_path: Path) -> None:
    async with running_portal(tmp_path, pages=spoken(tmp_path)) as stage:
        for site in ("cross-site", "same-site"):
            answer = await stage.browser().get(f"{SIGN_IN_ORIGIN}/.gatepost/language/cy?/", Sec_Fetch_Site=site)
            assert (answer.status, "Set-Cookie" in answer.headers) == (303, False)


@pytest.mark.parametrize("value", ["tlh", "", "CY", "x" * 4000, '"cy"', f"cy; {COOKIE}=ar", f"cy; {COOKIE}=cy"])
async def test_a_cookie_that_names_no_language_or_two_counts_as_none(tmp_path: Path, value: str) -> None:
    async with running_portal(tmp_path, pages=spoken(tmp_path)) as stage:
        page = await stage.browser().get(SIGN_IN_ORIGIN + SIGN_IN, Cookie=f"{COOKIE}={value}", Accept_Language="cy")
        assert '<html lang="cy"' in page.text
        assert "Mewngofnodi</h1>" in page.text
        english = await stage.browser().get(SIGN_IN_ORIGIN + SIGN_IN, Cookie=f"{COOKIE}={value}")
        assert '<html lang="en"' in english.text


async def test_the_apps_hosts_remember_a_choice_of_their_own(tmp_path: Path) -> None:
    async with running_portal(tmp_path, pages=spoken(tmp_path)) as stage:
        answer = await stage.browser().get(f"{WIKI}/.gatepost/language/cy?/page?a=b", Sec_Fetch_Site="same-origin")
        assert (answer.status, answer.location) == (303, f"{WIKI}/page?a=b")
        assert answer.headers["Set-Cookie"].startswith(f"{COOKIE}=cy;")


async def test_errors_are_in_the_language_too_as_a_page_and_as_json(tmp_path: Path) -> None:
    async with running_portal(tmp_path, pages=spoken(tmp_path)) as stage:
        for accept in ("text/html", "application/json"):
            answer = await stage.browser().get(
                f"{SIGN_IN_ORIGIN}/.gatepost/nothing", Accept=accept, Accept_Language="cy"
            )
            assert answer.status == 404
            assert "Dim byd yma." in answer.text
            assert answer.headers["Content-Language"] == "cy"
        assert '"error": "not_found"' in answer.text


async def test_the_api_answers_in_the_language_that_the_call_asks_for(tmp_path: Path) -> None:
    async with running_portal(tmp_path, pages=spoken(tmp_path), api={"enabled": True}) as stage:
        body = b'{"flow": "' + 43 * b"x" + b'", "factor": "sms", "passcode": "123456"}'
        answer = await stage.browser().post(
            f"{SIGN_IN_ORIGIN}/.gatepost/api/v1/proof",
            body,
            Content_Type="application/json",
            Accept_Language="cy",
            Cookie=f"{COOKIE}=ar",
        )
        assert answer.status == 401
        assert '"error":"refused"' in answer.text
        assert "Mae drosodd." in answer.text
        assert (answer.headers["Content-Language"], answer.headers["Vary"]) == ("cy", "Accept-Language")


async def test_a_persons_own_language_decides_what_they_are_written_in(tmp_path: Path) -> None:
    welsh = {**spoken(tmp_path), "languages": ("en", "cy")}
    (tmp_path / "texts" / "cy.po").write_text(
        f'msgid "{TOLD_ENDED}"\nmsgstr "Wedi dod i ben."\n\nmsgid "The number: %(number)s"\nmsgstr "Rhif: %(number)s"\n'
    )
    async with running_portal(tmp_path, pages=welsh) as stage:
        stage.phone.languages = ("en", "cy")
        users = USERS.replace(
            'mobile = "07400 123456"', 'mobile = "07400 123456"\nmail = "a@corp.example"\nlanguage = "cy"'
        )
        stage.settings.directories[0].file.write_text(users)
        await stage.to_passcode(stage.browser())
        assert stage.phone.messages[-1].language == "cy"
        (session,) = await stage.store.sessions.sessions()
        assert session.principal.language == "cy"
        languages, log = languages_of(stage.settings.pages), structlog.get_logger()
        notices = Notices(notifier=stage.phone, log=log, wording=notice_of, languages=languages)
        number = E164("+447400123456")
        notices.send(session.principal, number, ended_notice, phone="phone", incident="")
        notices.tell(session.principal, None, NumberEvent.USED, number, incident="")
        english = replace(session.principal, language="")
        notices.send(english, number, ended_notice, phone="phone", incident="")
        await notices.settled()
        told = [text for _, text in stage.phone.told]
        assert told.count("Wedi dod i ben.") == 1
        assert "Wedi dod i ben.\n" in told
        assert any(text.endswith("\n\nRhif: •••••••• 456\n") for text in told)
        assert TOLD_ENDED in told
        assert stage.phone.instead == [[TOLD_ENDED], []]


def test_no_app_is_told_of_the_choice_or_sets_it() -> None:
    """As with the other cookies of Gatepost: `tests/forwarding/test_request_cookies.py`, `tests/http/`."""
    assert {b"__Host-gatepost-language", b"gatepost-language"} <= COOKIES


async def test_the_language_says_nothing_of_who_is_there(tmp_path: Path) -> None:
    async with running_portal(tmp_path, pages=spoken(tmp_path)) as stage:
        looks = []
        for name, password in (("alice", "wrong"), ("nobody", PASSWORD)):
            browser = stage.browser()
            page = await browser.get(SIGN_IN_ORIGIN + SIGN_IN, Accept_Language="cy")
            fields = {**page.hidden, "username": name, "password": password}
            answer = await browser.post(SIGN_IN_ORIGIN + SIGN_IN, fields, Accept_Language="cy")
            looks.append((answer.status, answer.headers["Content-Language"], "Nid yw’n gywir." in answer.text))
        assert looks == [(401, "cy", True)] * 2


async def test_an_explanation_is_in_the_language_of_its_page(tmp_path: Path) -> None:
    async with admin_stage(tmp_path, pages=spoken(tmp_path)) as stage:
        admin = await signed_in_admin(stage)
        admin.cookies["signin.corp.example"][COOKIE] = "ar"
        page = await explained(admin, "alice")
        assert '<html lang="ar" dir="rtl">' in page.text
        assert 'lang="en"' not in page.text.partition("<main")[2].partition("</main>")[0]
        admin.cookies["signin.corp.example"][COOKIE] = "en"
        headline = re.search(r"<h1>(.*)</h1>", (await explained(admin, "alice")).text)
        assert headline is not None
        assert "sign in now" in headline[1]
