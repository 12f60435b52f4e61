"""Return addresses are judged as parsed URLs against exact configured hosts; everything else is the start page."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.addresses import PublicURL
from config.settings import AppSettings
from proxy.portal.return_to import NOWHERE, judge_return_to, judge_start, judge_way_back
from tests.portal.stage import SIGN_IN_ORIGIN, START, Stage

APPS = (
    AppSettings.model_validate({"name": "Wiki", "host": "wiki.corp.example", "upstream": "http://127.0.0.1:1"}),
    AppSettings.model_validate({"name": "X", "host": "xn--bcher-kva.example", "upstream": "http://127.0.0.1:1"}),
)
HTTPS = PublicURL.parse("https://signin.corp.example")
ODD_PORT = PublicURL.parse("http://signin.localhost:8080")


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://wiki.corp.example", "https://wiki.corp.example/"),
        ("https://wiki.corp.example/", "https://wiki.corp.example/"),
        ("https://wiki.corp.example:443/a", "https://wiki.corp.example/a"),
        ("https://wiki.corp.example?q", "https://wiki.corp.example/?q"),
        ("https://wiki.corp.example/a%2Fb//c;v=1/~x?q=//evil&r=%20@[]", None),
        ("https://wiki.corp.example/a?next=https://evil.example/", None),
        ("https://wiki.corp.example/...", None),
        ("https://wiki.corp.example/.gateposts", None),
        ("https://wiki.corp.example/.gatepost/signed-in", None),
        ("HTTPS://WIKI.corp.EXAMPLE/A", "https://wiki.corp.example/A"),
        ("https://xn--bcher-kva.example/", None),
        ("https://wiki.corp.example/b%C3%BCcher", None),
    ],
)
def test_pages_of_apps_are_returned_to(text: str, url: str | None) -> None:
    target = judge_return_to(text, public=HTTPS, apps=APPS)
    assert target is not None
    assert target.url == (url or text)


ATTACKS = [
    "",
    "/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "///evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https:wiki.corp.example",
    "https:/wiki.corp.example/",
    "https:\\\\wiki.corp.example",
    "https://evil.example/",
    "https://evil.example/wiki.corp.example",
    "https://wiki.corp.example.evil.example/",
    "https://evilwiki.corp.example/",
    "https://x.wiki.corp.example/",
    "https://wiki.corp.example@evil.example/",
    "https://evil.example@wiki.corp.example/",
    "https://user:pw@wiki.corp.example/",
    "https://@wiki.corp.example/",
    "https://evil.example\\@wiki.corp.example/",
    "https://evil.example#@wiki.corp.example/",
    "https://evil.example?@wiki.corp.example/",
    "https://wiki.corp.example\\.evil.example/",
    "https://wiki.corp.example%2eevil.example/",
    "https://wiki.corp.example%00.evil.example/",
    "https://wiki.corp.example\t.evil.example/",
    "ht\ttps://wiki.corp.example/",
    "\thttps://wiki.corp.example/",
    " https://wiki.corp.example/",
    "https://wiki.corp.example/ ",
    "https://wiki.corp.example/\n",
    "https://wiki.corp.example/\r\nSet-Cookie: a=b",
    "https://wiki.corp.example/%0d%0aSet-Cookie:%20a=b",
    "https://wiki.corp.example/%00",
    "https://wiki.corp.example/?a=%0A",
    "https://wiki.corp.example/%7f",
    "https://wiki.corp.example/\x00",
    "https://wiki.corp.example/\x7f",
    "https://wiki.corp.example/\\evil",
    "https://wiki.corp.example//evil.example",
    "https://wiki.corp.example/%2fevil.example",
    "https://wiki.corp.example/%5Cevil.example",
    "https://wiki.corp.example/a/../b",
    "https://wiki.corp.example/./b",
    "https://wiki.corp.example/..",
    "https://wiki.corp.example/%2e%2e/b",
    "https://wiki.corp.example/a/.%2E/b",
    "https://wiki.corp.example/a%2f..%2fb",
    "https://wiki.corp.example/a/..;x/b",
    "https://wiki.corp.example/a%5c..%5cb",
    "https://wiki.corp.example/#fragment",
    "https://wiki.corp.example./",
    "https://wiki.corp.example:8443/",
    "https://wiki.corp.example:0443/",
    "https://wiki.corp.example:/",
    "https://wiki.corp.example:443:443/",
    "https://wiki.corp.example:99999/",
    "https://wiki.corp.example:٤٤٣/",
    "http://wiki.corp.example/",
    "http://wiki.corp.example:443/",
    "ftp://wiki.corp.example/",
    "javascript://wiki.corp.example/%0aalert(1)",
    "javascript:alert(1)",
    "data:text/html,x",
    "blob:https://wiki.corp.example/x",
    "view-source:https://wiki.corp.example/",
    "https://ẇiki.corp.example/",
    "https://wiki。corp。example/",
    "https://wiki.corp.example/ü",
    "https://bücher.example/",
    "https://wiki.corp.example/.gatepost/sign-out",
    "https://wiki.corp.example/.gatepost/session",
    "https://wiki.corp.example/.gatepost/signed-in?x",
    "https://wiki.corp.example/.gatepost/signed-in/",
    "https://wiki.corp.example/.gatepost",
    "https://wiki.corp.example/%2egatepost/ticket?ticket=x",
    "https://signin.corp.example/",
    "https://[::1]/",
    "https://127.0.0.1/",
    "https://wiki..corp.example/",
    "https://.wiki.corp.example/",
    "https://wiki.corp.example/" + "a" * 8000,
    "https://wiki.corp.example/\ud800",
]


@pytest.mark.parametrize("text", ATTACKS)
def test_anything_else_leads_to_the_start_page(text: str) -> None:
    assert judge_return_to(text, public=HTTPS, apps=APPS) is None
    assert judge_way_back(text, START, public=HTTPS, apps=APPS) == NOWHERE


async def test_an_attack_ends_on_the_start_page(stage: Stage) -> None:
    browser = stage.browser()
    assert (await stage.sign_in(browser, return_to="https://evil.example/", start=START)).location == "/"
    for text in ("//evil.example", "https://wiki.corp.example@evil.example/", "https:evil.example"):
        answer = await browser.get(f"{SIGN_IN_ORIGIN}/.gatepost/sign-in?return_to={text}&start={START}")
        assert answer.location == "/"


async def test_without_a_browser_to_bind_it_to_there_is_no_ticket(stage: Stage) -> None:
    landing = await stage.sign_in(stage.browser(), return_to="https://wiki.corp.example/x", start="short")
    assert landing.location == "https://wiki.corp.example/x"


def test_the_port_of_the_sign_in_pages_is_the_apps_too() -> None:
    assert judge_return_to("http://wiki.corp.example:8080/", public=ODD_PORT, apps=APPS) is not None
    assert judge_return_to("http://wiki.corp.example/", public=ODD_PORT, apps=APPS) is None


@given(
    st.one_of(
        st.text(max_size=80),
        st.lists(
            st.sampled_from(
                ["https:", "//", "/", "\\", "wiki.corp.example", "evil.example", "@", ":443", ":", ".", "..", "%2f",
                 "%00", "\t", "?", "#", "x", ";", "[", "]", " ", "http:"]
            ),
            max_size=9,
        ).map("".join),
    )
)  # fmt: skip
def test_what_passes_is_on_a_configured_host_however_it_is_read(text: str) -> None:
    target = judge_return_to(text, public=HTTPS, apps=APPS)
    if target is None:
        return
    parts = urlsplit(target.url)
    assert (parts.scheme, parts.netloc) == ("https", target.app.host)
    assert parts.path.startswith("/")
    assert not parts.path.startswith("//")
    assert judge_return_to(target.url, public=HTTPS, apps=APPS) == target


@given(st.text(max_size=60))
def test_a_start_is_a_digest_or_nothing(text: str) -> None:
    assert judge_start(text) in ("", text)
    assert judge_start(START) == START
    assert judge_start(START + "\n") == ""
