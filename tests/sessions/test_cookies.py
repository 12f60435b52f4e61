"""Cookies: one good token or none, whatever else was sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.sessions.cookies import read_token

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


PAIRS = st.lists(
    st.one_of(
        st.binary(max_size=12).filter(lambda pair: b";" not in pair),
        st.sampled_from(
            [b"gatepost=x", b" __Host-gatepost=y", b"a=1", b" gatepost-browser", b"gatepost", b" =gatepost"]
        ),
    ),
    max_size=6,
)


@given(PAIRS, st.binary(max_size=60))
def test_reading_never_raises_and_gives_a_token_or_none(pairs: list[bytes], value: bytes) -> None:
    found = read_token([b";".join(pairs), b"gatepost=" + value], b"gatepost")
    assert found is None or len(found) == 43
