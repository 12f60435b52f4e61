"""Passcodes: the same for one challenge, different and evenly spread over many, and read as people type them."""

from __future__ import annotations

import hmac
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.factors.challenge import new_challenge_id
from proxy.factors.passcode.passcode import passcode_digest, passcode_of, typed_passcode

KEY = b"k" * 32


@pytest.mark.parametrize("digits", [6, 7, 8, 9, 10])
def test_a_passcode_is_the_same_at_each_resend(digits: int) -> None:
    challenge_id = new_challenge_id()
    passcode = passcode_of(KEY, challenge_id, digits=digits)
    assert passcode == passcode_of(KEY, challenge_id, digits=digits)
    assert len(passcode) == digits
    assert passcode.isascii()
    assert passcode.isdigit()


def test_a_passcode_follows_rfc_4226() -> None:
    """Worked out by hand from RFC 4226 section 5.3: dynamic truncation of HMAC-SHA-1 over eight zero bytes."""
    secret = hmac.digest(KEY, b"challenge", "sha256")[:20]
    mac = hmac.digest(secret, bytes(8), "sha1")
    offset = mac[-1] & 0x0F
    number = int.from_bytes(mac[offset : offset + 4]) & 0x7FFFFFFF
    assert passcode_of(KEY, "challenge", digits=6) == f"{number % 10**6:06}"


def test_passcodes_are_evenly_spread() -> None:
    """Chi-squared over each digit of 20,000 passcodes: 9 degrees of freedom, p = 1e-6 at 46.2."""
    passcodes = [passcode_of(KEY, str(number), digits=6) for number in range(20_000)]
    for place in range(6):
        tally = Counter(passcode[place] for passcode in passcodes)
        assert sum((tally[digit] - 2000) ** 2 / 2000 for digit in "0123456789") < 46.2
    # Birthday bound: about 198 of 20,000 collide in a million.
    assert len(set(passcodes)) > 19_600


def test_another_challenge_or_key_gives_another_passcode() -> None:
    challenge_ids = [new_challenge_id() for _ in range(1000)]
    assert len(set(challenge_ids)) == 1000
    assert {len(challenge_id) for challenge_id in challenge_ids} == {32}
    differing = sum(
        passcode_of(KEY, one, digits=6) != passcode_of(b"other" * 6, one, digits=6) for one in challenge_ids
    )
    assert differing > 990


@given(
    st.tuples(st.text("ab:0", max_size=3), st.text("ab:0", max_size=3), st.text("ab:0", max_size=3)),
    st.tuples(st.text("ab:0", max_size=3), st.text("ab:0", max_size=3), st.text("ab:0", max_size=3)),
)
@example(("a", "b", "0"), ("ab", "", "0"))
@example(("a", "b:", "0"), ("a", "b", ":0"))
def test_a_digest_names_challenge_person_and_passcode_unambiguously(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    def digest(parts: tuple[str, str, str]) -> bytes:
        return passcode_digest(KEY, challenge_id=parts[0], guid=parts[1], passcode=parts[2])

    assert (digest(one) == digest(other)) is (one == other)
    assert digest(one) != passcode_digest(b"other", challenge_id=one[0], guid=one[1], passcode=one[2])


@pytest.mark.parametrize(
    ("text", "passcode"),
    [
        ("123456", "123456"),
        (" 123 456\n", "123456"),
        ("123-456", "123456"),
        ("1\u20112\u20133\u00a04\u200b56", "123456"),
        ("１２３４５６", "123456"),
        ("٠١٢٣٤٥", "012345"),
        ("000000", "000000"),
        ("", None),
        ("   ", None),
        ("12345", None),
        ("1234567", None),
        ("12345a", None),
        ("+12345", None),
        ("12345²", None),
        ("1" * 6 + " " * 100, None),
        ("1 2 3 4 5 6 " * 100, None),
        ("Your code is 123456", "123456"),
        ("Your code is: 123 456.", "123456"),
        ("123456 is your Wiki sign-in code. It is valid for 5 minutes.", "123456"),
        ("123456 is your code\n5 minutes\n@signin.corp.example #123456", "123456"),
        ("G-123456", "123456"),
        ("Ihr Code: ١٢٣٤٥٦", "123456"),
        ("\n123456\n", "123456"),
        ("123456 or 654321", None),
        ("Call 07400 123456", None),
        ("my code is 12345", None),
        ("code 1234567", None),
        ("12345x6", None),
        ("code " + "x" * 490 + "123456", None),
    ],
)
def test_what_was_typed_is_read_as_digits(text: str, passcode: str | None) -> None:
    assert typed_passcode(text, digits=6) == passcode


@given(st.text())
def test_whatever_is_typed_gives_ascii_digits_or_none(text: str) -> None:
    found = typed_passcode(text, digits=6)
    assert found is None or (len(found) == 6 and found.isascii() and found.isdigit())
