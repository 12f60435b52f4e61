"""Cookies: one good token or none, ours never forwarded, all other bytes as sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.reserved import browser_cookie, session_cookie
from proxy.sessions.cookies import clear_cookie, read_token, set_cookie, without_gatepost_cookies
from proxy.sessions.tokens import new_token

TOKEN = b"A" * 42 + b"_"
OTHER = b"B" * 43
NAME = b"__Host-gatepost"


@pytest.mark.parametrize(
    "fields",
    [
        [NAME + b"=" + TOKEN],
        [b"a=1; " + NAME + b"=" + TOKEN + b"; b=2"],
        [b"a=1", b"b=2;" + NAME + b"=" + TOKEN],
        [b"gatepost=" + OTHER + b"; " + NAME + b"=" + TOKEN],
        [b"x" + NAME + b"=" + OTHER + b"; " + NAME + b"=" + TOKEN + b"; a=" + NAME],
        [NAME + b"-browser=" + OTHER + b"; " + NAME + b"=" + TOKEN],
    ],
)
def test_one_good_token_is_read(fields: list[bytes]) -> None:
    assert read_token(fields, NAME) == TOKEN


@pytest.mark.parametrize(
    "fields",
    [
        [],
        [b""],
        [b"a=1"],
        [NAME],
        [NAME + b"="],
        [NAME + b"=" + TOKEN[:-1]],
        [NAME + b"=" + TOKEN + b"A"],
        [NAME + b"=" + TOKEN * 1000],
        [NAME + b'="' + TOKEN + b'"'],
        [NAME + b"=" + TOKEN[:-1] + b"%"],
        [NAME + b"=" + TOKEN + b"\x00"],
        [NAME.lower() + b"=" + TOKEN],
        # Twice, whatever the two say and wherever they stand.
        [NAME + b"=" + TOKEN + b"; " + NAME + b"=" + TOKEN],
        [NAME + b"=" + TOKEN, NAME + b"=" + OTHER],
        [NAME + b"; " + NAME + b"=" + TOKEN],
        [NAME + b" =x;" + NAME + b"=" + TOKEN],
        [NAME + b"=" + TOKEN + b", " + NAME + b"=" + OTHER],
    ],
)
def test_malformed_duplicate_or_oversize_cookies_count_as_none(fields: list[bytes]) -> None:
    assert read_token(fields, NAME) is None


@pytest.mark.parametrize(
    ("sent", "forwarded"),
    [
        (b"a=1; b=2", b"a=1; b=2"),
        (b"a=gatepost;  b=2 ;", b"a=gatepost;  b=2 ;"),
        (b"gatepost2=x; my-gatepost=y; Gatepost=z", b"gatepost2=x; my-gatepost=y; Gatepost=z"),
        (b"gatepost=" + TOKEN, b""),
        (b"gatepost=a; __Host-gatepost=b; gatepost-browser=c; __Host-gatepost-browser=d", b""),
        (b"gatepost=x; a=1", b"a=1"),
        (b"a=1; gatepost=x", b"a=1"),
        (b'a=1; gatepost=x; b=\xff"; c', b'a=1; b=\xff"; c'),
        (b"a=1;gatepost =x;b=2;\tgatepost\t=y", b"a=1;b=2"),
        (b"a=1; gatepost; b=2", b"a=1; b=2"),
    ],
)
def test_our_cookies_are_taken_out_and_the_rest_is_as_sent(sent: bytes, forwarded: bytes) -> None:
    assert without_gatepost_cookies(sent) == forwarded


PAIRS = st.lists(
    st.one_of(
        st.binary(max_size=12).filter(lambda pair: b";" not in pair),
        st.sampled_from(
            [b"gatepost=x", b" __Host-gatepost=y", b"a=1", b" gatepost-browser", b"gatepost", b" =gatepost"]
        ),
    ),
    max_size=6,
)


@given(PAIRS)
def test_nothing_of_ours_is_left_in_any_header(pairs: list[bytes]) -> None:
    left = without_gatepost_cookies(b";".join(pairs))
    for scheme in ("http", "https"):
        for name in (session_cookie(scheme), browser_cookie(scheme)):
            assert all(pair.partition(b"=")[0].strip(b" \t") != name.encode() for pair in left.split(b";"))
            assert read_token([left], name.encode()) is None
    foreign = [pair.strip(b" \t") for pair in pairs if b"gatepost" not in pair and pair.strip(b" \t")]
    assert [pair.strip(b" \t") for pair in left.split(b";") if pair.strip(b" \t") in foreign] == foreign


@given(PAIRS, st.binary(max_size=60))
def test_reading_never_raises_and_gives_a_token_or_none(pairs: list[bytes], value: bytes) -> None:
    found = read_token([b";".join(pairs), b"gatepost=" + value], b"gatepost")
    assert found is None or len(found) == 43


def test_a_cookie_is_set_for_this_host_alone() -> None:
    token = new_token()
    assert set_cookie("gatepost", token, scheme="http") == f"gatepost={token}; Path=/; HttpOnly; SameSite=Lax"
    assert (
        set_cookie("__Host-gatepost", token, scheme="https")
        == f"__Host-gatepost={token}; Path=/; HttpOnly; SameSite=Lax; Secure"
    )
    assert clear_cookie("gatepost", scheme="http") == "gatepost=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
