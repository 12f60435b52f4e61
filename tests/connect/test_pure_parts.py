"""What is decided about addresses, visitors, fields and typed lines."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.connect.api_client import ProofWanted
from proxy.connect.app_address import UnusableAddress, read_address, read_listen
from proxy.connect.conversation import Meant, question_of, read_typed
from proxy.connect.fields import request_fields, response_fields
from proxy.connect.kept_token import KeptTokens
from proxy.connect.visitors import WhyNotHere, judge_visitor

HERE, APP, COOKIE = "http://127.0.0.1:4000", "https://wiki.corp.example", "gatepost-connect-4000"
OTHER_RUNS_COOKIE = "gatepost-connect-4001"
BASIC = "Basic " + base64.b64encode(b"me:s3cret").decode()
WELCOME = {
    "own_origin": HERE, "secret": "s3cret", "hosts": ["127.0.0.1:4000"], "origin": None, "referer": None,
    "fetch_site": None, "authorization": BASIC, "cookie": "",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "why_not"),
    [
        ({}, None),
        ({"authorization": "", "cookie": "s3cret"}, None),
        ({"origin": HERE, "fetch_site": "same-origin"}, None),
        ({"fetch_site": "none"}, None),
        ({"secret": "", "authorization": ""}, None),
        ({"hosts": ["evil.example:4000"]}, WhyNotHere.HOST),
        ({"hosts": ["127.0.0.1:4001"]}, WhyNotHere.HOST),
        ({"hosts": ["127.0.0.1"]}, WhyNotHere.HOST),
        ({"hosts": []}, WhyNotHere.HOST),
        ({"hosts": ["127.0.0.1:4000", "evil.example"]}, WhyNotHere.HOST),
        ({"origin": "https://evil.example"}, WhyNotHere.ORIGIN),
        ({"origin": "null"}, WhyNotHere.ORIGIN),
        ({"origin": "http://127.0.0.1:4001"}, WhyNotHere.ORIGIN),
        ({"fetch_site": "cross-site"}, WhyNotHere.ORIGIN),
        ({"fetch_site": "same-site"}, WhyNotHere.ORIGIN),
        ({"referer": "https://evil.example/"}, WhyNotHere.ORIGIN),
        ({"secret": "", "authorization": "", "origin": "https://evil.example"}, WhyNotHere.ORIGIN),
        ({"authorization": ""}, WhyNotHere.SECRET),
        ({"authorization": "", "cookie": "other"}, WhyNotHere.SECRET),
        ({"authorization": "Basic " + base64.b64encode(b"s3cret:").decode()}, WhyNotHere.SECRET),
        ({"authorization": "Basic s3cret"}, WhyNotHere.SECRET),
        ({"authorization": "Basic é"}, WhyNotHere.SECRET),
        ({"authorization": "Bearer s3cret"}, WhyNotHere.SECRET),
    ],
)
def test_who_may_use_what_is_served_here(changes: dict[str, object], why_not: WhyNotHere | None) -> None:
    assert judge_visitor(**(WELCOME | changes)) is why_not  # type: ignore[arg-type]


def test_an_app_is_named_by_its_url() -> None:
    address = read_address("https://Wiki.corp.example/a%2Fb?q=1#part")
    assert (address.origin, address.host, address.target) == (APP, "wiki.corp.example", "/a%2Fb?q=1")
    assert read_address("https://wiki.corp.example:8443").origin == "https://wiki.corp.example:8443"
    assert read_address("http://wiki.localhost:8080").target == "/"


@pytest.mark.parametrize(
    "text",
    [
        "", "wiki.corp.example", "ftp://wiki.corp.example", "https://", "https://wiki:99999", "https://[::1",
        "http://wiki.corp.example", "http://10.0.0.1/", "http://localhost.evil.example/",
        "https://alice:secret@wiki.corp.example",
    ],
)  # fmt: skip
def test_no_password_goes_anywhere_else(text: str) -> None:
    with pytest.raises(UnusableAddress) as raised:
        read_address(text)
    assert "secret" not in str(raised.value)


def test_it_listens_on_loopback_alone() -> None:
    assert read_listen("127.0.0.1:8080") == ("127.0.0.1", 8080)
    assert read_listen("[::1]:0") == ("::1", 0)
    for text in ("0.0.0.0:80", "[::]:80", "192.0.2.1:80", "wiki.corp.example:80", "127.0.0.1", "127.0.0.1:x", ":80"):
        with pytest.raises(UnusableAddress):
            read_listen(text)


def sent(*fields: tuple[str, str]) -> dict[str, str]:
    return dict(request_fields(fields, own_origin=HERE, app_origin=APP, token="t0ken"))


def came(*fields: tuple[str, str]) -> list[tuple[str, str]]:
    return list(response_fields(fields, own_origin=HERE, app_origin=APP))


def test_the_app_sees_the_token_and_neither_the_secret_nor_this_address() -> None:
    found = sent(
        ("Host", "127.0.0.1:4000"),
        ("Authorization", BASIC),
        ("Cookie", f"a=1; {COOKIE}=s3cret; {OTHER_RUNS_COOKIE}=t0o; b=2"),
        ("Origin", HERE),
        ("Referer", f"{HERE}/page"),
        ("Connection", "keep-alive, X-Hop"),
        ("X-Hop", "1"),
        ("TE", "trailers"),
        ("Transfer-Encoding", "chunked"),
        ("Accept", "text/html"),
    )
    assert found == {
        "Authorization": "Bearer t0ken",
        "Cookie": "a=1; b=2",
        "Origin": APP,
        "Referer": f"{APP}/page",
        "Accept": "text/html",
    }
    assert "Cookie" not in sent(("Cookie", f"{COOKIE}=s3cret"))
    assert sent(("Referer", f"{HERE}1/page"))["Referer"] == f"{HERE}1/page"


COOKIES = st.lists(
    st.sampled_from(["a=1", f"{COOKIE}=s3cret", f" {COOKIE} = s3cret", f"{COOKIE}=s3cret; b=2", "", ";"])
)
SENT = st.tuples(st.sampled_from(["Cookie", "cookie", "COOKIE"]), COOKIES.map("; ".join))
LOGINS = st.tuples(st.sampled_from(["Authorization", "authorization"]), st.just(BASIC))


@given(st.lists(SENT | LOGINS, max_size=4))
def test_however_it_is_written_the_secret_of_this_run_stays_here(fields: list[tuple[str, str]]) -> None:
    found = list(request_fields(fields, own_origin=HERE, app_origin=APP, token="t0ken"))
    assert "s3cret" not in repr(found)
    assert BASIC not in repr(found)
    assert found[-1] == ("Authorization", "Bearer t0ken")


def test_what_the_app_says_of_its_own_address_is_said_of_this_one() -> None:
    assert came(
        ("Location", f"{APP}/next"),
        ("Location", f"{APP}.evil.example/"),
        ("Set-Cookie", "a=1; Path=/; Secure; Domain=wiki.corp.example; HttpOnly"),
        ("Set-Cookie", "__Host-b=2; Path=/; Secure"),
        ("Set-Cookie", f"{COOKIE}=x"),
        ("Set-Cookie", f"{OTHER_RUNS_COOKIE}=x"),
        ("Strict-Transport-Security", "max-age=1"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "3"),
    ) == [
        ("Location", f"{HERE}/next"),
        ("Location", f"{APP}.evil.example/"),
        ("Set-Cookie", "a=1; Path=/; HttpOnly"),
        ("Set-Cookie", "__Host-b=2; Path=/; Secure"),
        ("Content-Length", "3"),
    ]


ASKED = ProofWanted(flow="f", factor="sms", factors=("sms", "totp", "recovery_code"), destination="•• 456")


@pytest.mark.parametrize(
    ("text", "meant", "rest"),
    [
        ("123 456", Meant.ANSWER, "123 456"),
        ("", Meant.AGAIN, ""),
        ("  ", Meant.AGAIN, ""),
        ("again", Meant.AGAIN, ""),
        ("totp", Meant.FACTOR, "totp"),
        (" Recovery Code ", Meant.FACTOR, "recovery_code"),
        ("passkey", Meant.ANSWER, "passkey"),
    ],
)
def test_what_a_typed_line_means(text: str, meant: Meant, rest: str) -> None:
    typed = read_typed(text, ASKED)
    assert (typed.meant, typed.text) == (meant, rest)


def test_what_may_be_typed_is_said() -> None:
    question = question_of(ASKED)
    assert question.startswith("Code from a text message to •• 456 (Enter")
    assert question.endswith("or type totp or recovery_code)")


def test_a_token_is_kept_for_its_owner_alone_and_for_its_app(tmp_path: Path) -> None:
    kept = KeptTokens.of_user({"XDG_RUNTIME_DIR": str(tmp_path)})
    assert kept is not None
    assert kept.read(APP) == ""
    assert kept.keep(APP, "t0ken")
    (file,) = (tmp_path / "gatepost").iterdir()
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert (kept.read(APP), kept.read("https://other.corp.example")) == ("t0ken", "")
    kept.forget(APP)
    assert kept.read(APP) == ""
    kept.forget(APP)


def test_what_others_could_have_written_is_not_believed(tmp_path: Path) -> None:
    kept = KeptTokens(tmp_path / "gatepost")
    kept.keep(APP, "t0ken")
    (file,) = (tmp_path / "gatepost").iterdir()
    file.chmod(0o640)
    assert kept.read(APP) == ""
    file.chmod(0o600)
    moved = tmp_path / "moved"
    file.rename(moved)
    file.symlink_to(moved)
    assert kept.read(APP) == ""
    file.unlink()
    os.mkfifo(file, 0o600)
    assert kept.read(APP) == ""
    file.unlink()
    for text in ("", "{", "[]", '{"app": "https://wiki.corp.example", "token": 1}', '{"app": "x", "token": "y"}'):
        file.write_text(text)
        file.chmod(0o600)
        assert kept.read(APP) == ""


def test_nothing_is_kept_in_a_folder_that_others_may_enter(tmp_path: Path) -> None:
    (tmp_path / "gatepost").mkdir(mode=0o755)
    (tmp_path / "gatepost").chmod(0o755)
    assert not KeptTokens(tmp_path / "gatepost").keep(APP, "t0ken")
    assert KeptTokens.of_user({}) is None
    assert KeptTokens.of_user({"XDG_RUNTIME_DIR": "relative"}) is None
