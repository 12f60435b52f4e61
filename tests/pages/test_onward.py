"""Links between the pages of a sign-in, as buttons too: every such page offers both, and they lead nowhere else."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.addresses import PublicURL
from config.settings import AppSettings
from proxy.http.head_reading import MAX_OWN_TARGET_BYTES
from proxy.http.reserved import MAX_RETURN_TARGET_BYTES, PASSCODE, SIGN_IN, STEP_UP
from proxy.pages.onward import ONWARD, leads_onward, onward_fields, onward_location, onward_path
from proxy.portal.landing import (
    kerberos_path,
    passcode_path,
    password_path,
    sign_in_path,
    step_up_path,
    vouch_path,
)
from proxy.portal.return_to import WayBack, judge_return_to

TEMPLATES = Path("proxy/pages/templates")
ON_THE_WAY = ("sign_in", "passcode", "answer", "passkey", "password", "password_reminder", "vouch", "kept", "message")
"""What may stand between the page asked for and that page."""


def posted(href: str) -> dict[str, str]:
    return {**dict(onward_fields(href)), ONWARD: onward_path(href)}


@pytest.mark.parametrize(
    "href",
    [
        SIGN_IN,
        f"{PASSCODE}?challenge=a&return_to=https%3A%2F%2Fwiki.corp.example%2F%3Fa%3D%2526%23&start=s",
        f"{STEP_UP}?scheme=with+blanks",
    ],
)
def test_the_button_leads_where_the_link_does(href: str) -> None:
    assert leads_onward(href)
    assert onward_location(posted(href)) == href


@pytest.mark.parametrize(
    "href",
    [
        "",
        "/",
        "/.gatepost/sign-out",
        "/.gatepost/admin/",
        "/.gatepost/ticket?ticket=x",
        "https://evil.example/.gatepost/sign-in",
        "//evil.example/.gatepost/sign-in",
        "/\\evil.example",
        "/.gatepost/../sign-in",
        f"{SIGN_IN}/",
        f"{SIGN_IN}#part",
        f"{SIGN_IN}?a=b#part",
        f"{SIGN_IN}\r\nSet-Cookie: x=1",
        f"{SIGN_IN}?\r\n",
    ],
)
def test_it_leads_to_no_other_page(href: str) -> None:
    assert not leads_onward(href)
    assert onward_location({ONWARD: href}) is None


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=20), max_size=4), st.text(max_size=30))
def test_what_is_posted_never_leaves_these_pages(fields: dict[str, str], path: str) -> None:
    location = onward_location({**fields, ONWARD: path})
    assert location is None or re.fullmatch(r"/\.gatepost/[a-z-]+(\?[!-~]*)?", location)


@pytest.mark.parametrize("name", ON_THE_WAY)
def test_no_page_on_the_way_drops_a_fragment(name: str) -> None:
    """A form goes to the page's own address; a link has its button. Beginning again as somebody else, and throwing a
    kept form away, are no ways to the page asked for; a message's own form may name where it goes."""
    source = (TEMPLATES / f"{name}.html").read_text()
    forms = re.findall(r"<form[^>]*>", source)
    others = {"kept": ['<form method="post" action="{{ discard_action }}">']}.get(name, [])
    for form in forms:
        assert "action=" not in form or form in others or name == "message", form
    assert "http-equiv" not in source
    links = re.findall(r"<a [^>]*>", source)
    assert len(links) == {"sign_in": 1, "message": 1}.get(name, 0), "every other one is `onward`'s"


@pytest.mark.parametrize("sign", ["x", "&", "%"])
def test_the_longest_address_fits_into_every_page_of_the_way(sign: str) -> None:
    public = PublicURL.parse("https://signin.corp.example:8443")
    app = AppSettings.model_validate({"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1"})
    url = f"https://wiki.corp.example:8443/p?{sign * (MAX_RETURN_TARGET_BYTES - 3)}"
    target = judge_return_to(url, public=public, apps=[app])
    assert target is not None
    back = WayBack(return_to=target.url, start="s" * 43, app=app)
    for href in (
        sign_in_path(back, again=2, form=True, lost=True),
        kerberos_path(back),
        passcode_path("c" * 43, back, told="wrong", is_ticked=True),
        step_up_path("s" * 64, back),
        password_path(back, reminder=True),
        vouch_path(back, again=True),
    ):
        assert len(href) <= MAX_OWN_TARGET_BYTES
        assert onward_location(posted(href)) == href
