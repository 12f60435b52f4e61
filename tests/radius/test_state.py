"""The State of a challenge: sealed, bound to a person and a client, in one spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.factors.challenge import new_challenge_id
from proxy.radius.state import HalfWay, name_of_use, opened_state, sealed_state
from proxy.secrets.keys import KeyRing, Keys, MasterKey, names_of
from proxy.secrets.tokens import new_token

NOW = 1_800_000_000.0
KEYS = Keys(b"k" * 32, clock=lambda: NOW)
HALF_WAY = HalfWay(session_id=new_token(), challenge_id=new_challenge_id())


def seal(keys: Keys = KEYS, client: str = "VPN", name: str = "alice") -> bytes:
    return sealed_state(HALF_WAY, keys, client=client, folded_name=name)


def opened(state: bytes, keys: Keys = KEYS, client: str = "VPN", name: str = "alice") -> HalfWay | None:
    return opened_state(state, keys, client=client, folded_name=name)


def test_it_is_text_that_fits_and_opens_for_its_own() -> None:
    """ocserv takes it for a string in C: what has a NUL comes back shorter."""
    states = {seal() for _ in range(100)}
    assert len(states) == 100
    for state in states:
        assert state.isascii()
        assert state.decode().isprintable()
        assert len(state) <= 253
        assert opened(state) == HALF_WAY


def test_it_opens_for_nobody_else_and_nowhere_else() -> None:
    state = seal()
    assert opened(state, name="bob") is None
    assert opened(state, client="Wi-Fi") is None
    assert opened(state, Keys(b"o" * 32)) is None
    # What is bound is not one text that can be cut elsewhere.
    assert opened(seal(client="VPN", name="xalice"), client="VPNx") is None


@given(st.binary(max_size=253))
def test_what_is_not_ours_is_none(state: bytes) -> None:
    assert opened(state) is None


@pytest.mark.parametrize("change", [b"%s\n", b" %s", b"%s=", b"-%s", b"+%s", b"%s\0", b"%s%%"])
def test_another_spelling_of_it_is_none(change: bytes) -> None:
    assert opened(change % seal()) is None


def test_the_last_letter_has_no_bits_that_do_not_count() -> None:
    state = seal()
    letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    body = state.rstrip(b"=")
    others = {body[:-1] + bytes((letter,)) + state[len(body) :] for letter in letters} - {state}
    assert all(opened(each) is None for each in others)


def test_one_of_the_key_before_still_opens() -> None:
    ring = KeyRing(
        keys=(MasterKey(bits=b"k" * 32), MasterKey(bits=b"n" * 32, use_after=NOW - 60)), names=names_of(b"k" * 32)
    )
    assert opened(seal(), Keys(ring, clock=lambda: NOW)) == HALF_WAY


def test_its_one_use_is_counted_by_a_name_that_tells_nothing() -> None:
    state = seal()
    assert name_of_use(state, KEYS) != name_of_use(seal(), KEYS)
    assert state not in name_of_use(state, KEYS)
