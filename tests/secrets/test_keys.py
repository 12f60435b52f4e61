"""One key per purpose, the same everywhere; and how long the ones before and after it are accepted."""

from __future__ import annotations

import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.secrets.keys import CLOCK_SECONDS, KeyRing, Keys, MasterKey, Purpose, names_of, ring_of
from tests.support.people import NOW

DERIVED = {
    "passcode": "b6c37481ebde1afb",
    "challenge": "752ff3c32799724c",
    "csrf": "62bd02d2946e6bcf",
    "throttle": "4376168dc9c72fc6",
    "numbers": "60fb9c8236fcfc49",
    "sealed numbers": "84e488ac7784490b",
    "kept requests": "4649427dff1e3595",
    "reports": "1b9147fb08feb87b",
    "enrolments": "e4a1e1c0720c3e6e",
    "remembered browsers": "00d3ebfb9dae0bc9",
    "radius states": "b4359ce85c3868c7",
    "passkeys": "3c06e4bda2e5b4f2",
    "passes": "7c39e9d8dc53140f",
    "not me": "8d184c290a2ad737",
    "audit": "1d3f76723282e8cd",
    "audit anchors": "cc0ccb287686877f",
    "tried passwords": "f4190951b09f8e2a",
}
ASSERTION = "57aa838d4253c931"
DAY = 86_400.0


def ring(*use_after: float) -> KeyRing:
    keys = tuple(MasterKey(bits=bytes([index]) * 32, use_after=each) for index, each in enumerate(use_after))
    return KeyRing(keys=keys, names=names_of(keys[0].bits))


def keys_at(now: float, *use_after: float) -> Keys:
    return Keys(ring(*use_after), clock=lambda: now)


def alone(number: int) -> Keys:
    """Of the one master key that is number so-and-so in `ring`."""
    return Keys(bytes([number]) * 32)


def test_derived_keys_stay_the_same_in_later_versions() -> None:
    """Changing these would end all challenges, throttles and assertions at an update."""
    keys = Keys(bytes(range(32)))
    assert {purpose.label: keys.derive(purpose).hex()[:16] for purpose in Purpose} == DERIVED
    (assertion,) = keys.assertion_keys
    assert f"{assertion.key.private_numbers().private_value:064x}"[:16] == ASSERTION


def test_each_purpose_and_installation_has_a_key_of_its_own() -> None:
    derived = [keys.derive(purpose) for keys in (alone(1), alone(2)) for purpose in Purpose]
    assert len(set(derived)) == 2 * len(Purpose)
    assert {len(key) for key in derived} == {32}


def test_names_to_find_something_by_stay_the_same_when_the_key_is_replaced() -> None:
    one, both = keys_at(20.0, 0.0), keys_at(20.0, 0.0, 10.0)
    assert one.same_name(Purpose.AUDIT, b"a") == both.same_name(Purpose.AUDIT, b"a")
    names = {both.same_name(purpose, value) for purpose in (Purpose.AUDIT, Purpose.ANCHORS) for value in (b"a", b"b")}
    assert len(names) == 4


def test_what_was_signed_long_ago_has_its_key_as_long_as_the_master_key_is_there() -> None:
    keys = keys_at(1e9, 0.0, 10.0)
    assert keys.every(Purpose.ANCHORS) == (alone(0).derive(Purpose.ANCHORS), alone(1).derive(Purpose.ANCHORS))
    assert keys.accepted(Purpose.ANCHORS) == (alone(1).derive(Purpose.ANCHORS),)


def test_keys_are_not_shown_and_not_pickled() -> None:
    keys = Keys(b"\x07" * 32)
    assert repr(keys) == str(keys) == "Keys(...)"
    assert "\\x07" not in repr(ring_of(b"\x07" * 32)) + repr(keys.assertion_keys)
    with pytest.raises(TypeError):
        pickle.dumps(keys)


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_master_key_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes") as refused:
        Keys(b"\x07" * length)
    assert "x07x07" not in "".join(traceback.format_exception(refused.value)).replace("\\", "")


def test_a_key_id_names_a_key_and_is_none_of_the_others() -> None:
    ids = {key.key_id for key in ring(0, 1, 2).keys}
    assert len(ids) == 3
    assert all(len(key_id) == 8 for key_id in ids)


def test_a_new_key_is_accepted_at_once_and_used_when_its_time_has_come() -> None:
    before, after = keys_at(NOW - 1, 0, NOW), keys_at(NOW, 0, NOW)
    assert before.derive(Purpose.CSRF) == alone(0).derive(Purpose.CSRF)
    assert before.accepted(Purpose.CSRF) == (alone(0).derive(Purpose.CSRF), alone(1).derive(Purpose.CSRF))
    assert after.derive(Purpose.CSRF) == alone(1).derive(Purpose.CSRF)
    assert after.accepted(Purpose.CSRF) == (alone(1).derive(Purpose.CSRF), alone(0).derive(Purpose.CSRF))


@pytest.mark.parametrize(
    ("purpose", "seconds"),
    [(Purpose.CHALLENGE, 600), (Purpose.CSRF, DAY), (Purpose.NUMBERS, 400 * DAY), (Purpose.SEALED_NUMBERS, 400 * DAY)],
)
def test_a_key_is_accepted_for_as_long_as_its_purpose_needs_it(purpose: Purpose, seconds: float) -> None:
    end = NOW + seconds + CLOCK_SECONDS
    old = alone(0).derive(purpose)
    assert old in keys_at(end - 1, 0, NOW).accepted(purpose)
    assert old not in keys_at(end, 0, NOW).accepted(purpose)


def test_every_purpose_says_how_long_it_needs_a_key() -> None:
    assert {each for each in Purpose if each.accepted_seconds > 0} == set(Purpose) - {Purpose.THROTTLE}


def test_names_of_counters_outlive_every_master_key() -> None:
    """Or a rotation would give everybody who guesses a fresh budget."""
    before = Keys(ring(0)).derive(Purpose.THROTTLE)
    rotated = ring(0, NOW, NOW + DAY)
    dropped = KeyRing(keys=rotated.keys[1:], names=rotated.names)
    for keys in (Keys(rotated, clock=lambda: NOW + 2 * DAY), Keys(dropped, clock=lambda: NOW + 2 * DAY)):
        assert keys.derive(Purpose.THROTTLE) == before
        assert keys.accepted(Purpose.THROTTLE) == (before,)


def test_what_notes_down_when_it_was_made_finds_its_key_again() -> None:
    keys = keys_at(NOW + 500, 0, NOW, NOW + DAY)
    assert keys.derive(Purpose.PASSCODE, at=NOW - 1) == alone(0).derive(Purpose.PASSCODE)
    assert keys.derive(Purpose.PASSCODE, at=NOW) == alone(1).derive(Purpose.PASSCODE)
    # A node whose clock is ahead made it with a key that is not in use here yet.
    assert keys.derive(Purpose.PASSCODE, at=NOW + DAY) == alone(2).derive(Purpose.PASSCODE)


@given(
    use_after=st.lists(st.integers(0, 10_000), min_size=1, max_size=5, unique=True).map(sorted),
    now=st.integers(-100, 12_000),
    other=st.integers(-int(CLOCK_SECONDS), int(CLOCK_SECONDS)),
    age=st.integers(0, 600),
)
def test_nodes_whose_clocks_differ_accept_each_others_work(
    use_after: list[int], now: int, other: int, age: int
) -> None:
    """What one node made `age` seconds ago is accepted by another whose clock is `other` seconds off."""
    made = keys_at(now - age, *use_after).derive(Purpose.CHALLENGE)
    assert made in keys_at(now + other, *use_after).accepted(Purpose.CHALLENGE) or age + other >= 600 + CLOCK_SECONDS


@given(
    use_after=st.lists(st.integers(0, 10_000), min_size=2, max_size=5, unique=True).map(sorted),
    now=st.integers(-100, 12_000),
)
def test_a_node_without_the_new_file_and_one_with_it_accept_each_other_until_it_is_used(
    use_after: list[int], now: int
) -> None:
    now = min(now, use_after[-1] - 1)
    slow, quick = keys_at(now, *use_after[:-1]), keys_at(now, *use_after)
    for purpose in Purpose:
        assert quick.derive(purpose) in slow.accepted(purpose)
        assert slow.derive(purpose) in quick.accepted(purpose)


@given(use_after=st.lists(st.integers(0, 10_000), min_size=1, max_size=5, unique=True).map(sorted), now=st.integers())
def test_exactly_one_key_is_in_use_at_any_instant(use_after: list[int], now: int) -> None:
    given = ring(*use_after)
    current = given.index_at(now)
    assert current == 0 or given.keys[current].use_after <= now
    retired_at = given.retired_at(current)
    assert retired_at is None or now < retired_at
    accepted = given.accepted(now, 600)
    assert accepted[0] == current
    assert len(set(accepted)) == len(accepted)
