"""Gatepost's cookies never go to an upstream, and all other bytes go as sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.forwarding.cookies import split_cookies
from proxy.http.reserved import browser_cookie, language_cookie, session_cookie
from proxy.sessions.cookies import read_token

TOKEN = b"A" * 42 + b"_"


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
    for scheme in ("http", "https"):
        assert split_cookies(sent, scheme).others == forwarded


PAIRS = st.lists(
    st.one_of(
        st.binary(max_size=12).filter(lambda pair: b";" not in pair),
        st.sampled_from(
            [
                b"gatepost-language=cy",
                b"gatepost=x",
                b" __Host-gatepost=y",
                b"a=1",
                b" gatepost-browser",
                b"gatepost",
                b" =gatepost",
            ]
        ),
    ),
    max_size=6,
)


@given(PAIRS)
def test_nothing_of_ours_is_left_in_any_header(pairs: list[bytes]) -> None:
    left = split_cookies(b";".join(pairs), "https").others
    for scheme in ("http", "https"):
        for name in (session_cookie(scheme), browser_cookie(scheme), language_cookie(scheme)):
            assert all(pair.partition(b"=")[0].strip(b" \t") != name.encode() for pair in left.split(b";"))
            assert read_token([left], name.encode()) is None
    foreign = [pair.strip(b" \t") for pair in pairs if b"gatepost" not in pair and pair.strip(b" \t")]
    assert [pair.strip(b" \t") for pair in left.split(b";") if pair.strip(b" \t") in foreign] == foreign
