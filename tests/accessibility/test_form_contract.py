"""What password managers and phones rely on in our forms: one form, its ids, names, types and autocomplete tokens.

They tell what a field is for by these (HTML, "Autofill"), not by what is said beside it. iOS offers the code of a text
message to a field of ``one-time-code``; a manager saves what one form sends with a name and a password in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.portal.stage import SIGN_IN_ORIGIN, Page, running_portal
from tests.portal.test_own_factors import CHOICE, FACTORS, add_app, another, make_codes
from tests.portal.test_password_change import PAGE as PASSWORD
from tests.portal.test_password_change import running_world
from tests.portal.test_shared_computers import NETWORKS, WARD

SIGN_IN = f"{SIGN_IN_ORIGIN}/.gatepost/sign-in"
CHECKED = ("id", "name", "type", "autocomplete", "inputmode")
Fields = list[tuple[str, ...]]


@dataclass(slots=True)
class Form:
    attributes: dict[str, str]
    fields: Fields = field(default_factory=list)
    """Of each input that somebody may fill in: the attributes of `CHECKED`, empty where there is none."""
    submits: int = 0


class Forms(HTMLParser):
    """All forms of a page, in order."""

    def __init__(self, page: Page) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._open: Form | None = None
        self.feed(page.text.partition("<template")[0] + page.text.partition("</template>")[2])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert self._open is None, "a form within a form"
            self._open = Form(given)
            self.found.append(self._open)
        elif tag == "input" and given.get("type") not in ("hidden", "checkbox"):
            assert self._open is not None, f"a field outside of any form: {given}"
            self._open.fields.append(tuple(given.get(name, "") for name in CHECKED))
        elif tag == "button" and self._open is not None:
            self._open.submits += given.get("type") == "submit"

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def only_form(page: Page) -> Form:
    """The one form of the page that has fields."""
    (form,) = [each for each in Forms(page).found if each.fields]
    assert form.attributes["method"] == "post"
    assert form.submits >= 1
    return form


USERNAME = ("username", "username", "text", "username", "")
CURRENT = ("password", "password", "password", "current-password", "")


async def test_the_sign_in_form_is_one_with_a_name_and_a_password(tmp_path: Path) -> None:
    async with running_portal(tmp_path) as stage:
        form = only_form(await stage.browser().get(SIGN_IN))
        assert form.fields == [USERNAME, CURRENT]
        assert form.submits == 1
        assert "autocomplete" not in form.attributes
        refused = only_form(await stage.password(stage.browser(), password="wrong"))
        assert refused.fields == [USERNAME, CURRENT]


async def test_where_many_people_use_one_computer_nothing_is_filled_in(tmp_path: Path) -> None:
    async with running_portal(tmp_path, networks=NETWORKS) as stage:
        form = only_form(await stage.browser(address=WARD).get(SIGN_IN))
        assert form.attributes["autocomplete"] == "off"
        assert [each[3] for each in form.fields] == ["off", "off"]


async def test_a_passkey_is_offered_where_the_name_is_filled_in(tmp_path: Path) -> None:
    async with running_portal(tmp_path, schemes=[{"name": "keys", "factors": ["passkey"]}]) as stage:
        form = only_form(await stage.browser().get(SIGN_IN))
        assert form.fields == [(*USERNAME[:3], "username webauthn", ""), CURRENT]


async def test_each_field_for_a_code_takes_one_from_the_phone(tmp_path: Path) -> None:
    async with running_portal(tmp_path, schemes=CHOICE) as stage:
        browser = stage.browser()
        page = await stage.to_passcode(browser)
        of_digits = [("passcode", "passcode", "text", "one-time-code", "numeric")]
        assert only_form(page).fields == of_digits
        await stage.answer(browser, page, stage.passcode)
        await add_app(stage, browser)
        await make_codes(browser)
        other = stage.browser()
        page = await stage.to_passcode(other)
        assert only_form(page).fields == of_digits
        page = await another(other, page, "recovery_code")
        assert only_form(page).fields == [("passcode", "passcode", "text", "one-time-code", "")]


async def test_a_code_of_a_new_app_is_not_offered_from_a_message(tmp_path: Path) -> None:
    async with running_portal(tmp_path, schemes=CHOICE) as stage:
        browser = stage.browser()
        await stage.sign_in(browser)
        form = only_form(await browser.get(f"{FACTORS}?add=totp"))
        assert form.fields[0] == ("passcode", "passcode", "text", "off", "numeric")


async def test_a_new_password_is_saved_for_the_account_that_it_is_of(tmp_path: Path) -> None:
    async with running_world(tmp_path) as world:
        browser = world.stage.browser()
        await world.sign_in(browser)
        form = only_form(await browser.get(PASSWORD))
        assert form.fields == [
            ("", "username", "text", "username", ""),
            ("current", "current", "password", "current-password", ""),
            ("new", "new", "password", "new-password", ""),
            ("again", "again", "password", "new-password", ""),
        ]


@pytest.mark.parametrize("path", ["sign-in", "passcode"])
async def test_nothing_keeps_a_manager_or_a_paste_out(tmp_path: Path, path: str) -> None:
    """WCAG 2.2, 3.3.8: no field is too short for a long password or a whole message, and none refuses a paste."""
    async with running_portal(tmp_path) as stage:
        browser = stage.browser()
        page = await (browser.get(SIGN_IN) if path == "sign-in" else stage.to_passcode(browser))
        assert "readonly" not in page.text
        assert "onpaste" not in page.text
        least = {"sign-in": ["256", "1024"], "passcode": ["160"]}[path]
        found = [part.partition('"')[0] for part in page.text.split('maxlength="')[1:]]
        assert [int(each) >= int(wanted) for each, wanted in zip(found, least, strict=True)] == [True] * len(least)
