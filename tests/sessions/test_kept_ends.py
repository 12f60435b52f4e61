"""The ends of many sessions in few bytes."""

from __future__ import annotations

import itertools
import string
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.secrets.tokens import new_token
from proxy.sessions.kept_ends import Ends, KeptEnds

IDS = [new_token() for _ in range(20)] + ["short"]
_INSTANTS = st.integers(0, 50).map(float)
_STEPS = st.lists(
    st.tuples(st.sampled_from(["put", "put", "drop", "look later", "clock"]), st.sampled_from(IDS), _INSTANTS),
    max_size=60,
)


@given(steps=_STEPS, now=_INSTANTS)
@settings(max_examples=60, deadline=None)
def test_it_is_a_dictionary_that_knows_what_is_due(steps: list[tuple[str, str, float]], now: float) -> None:
    kept, ends, look_at = KeptEnds(), dict[str, Ends](), dict[str, float]()
    for step, session_id, at in steps:
        match step:
            case "put":
                ends[session_id], look_at[session_id] = Ends(at, at + 100, 30.0), at
                kept.put(session_id, ends[session_id])
            case "drop":
                ends.pop(session_id, None)
                kept.drop(session_id)
            case "look later" if session_id in ends:
                look_at[session_id] = at + 5
                kept.put(session_id, ends[session_id], look_at=at + 5)
            case "clock":
                ends = {each: Ends(old[0] + at, old[1] + at, old[2]) for each, old in ends.items()}
                look_at = {each: old + at for each, old in look_at.items()}
                kept.go_on_from(at)
        assert sorted(kept.due(at)) == sorted(each for each in ends if look_at[each] <= at)
    assert {each: kept.get(each) for each in IDS} == {each: ends.get(each) for each in IDS}
    assert (sorted(kept), len(kept)) == (sorted(ends), len(ends))
    assert sorted(kept.due(now)) == sorted(each for each in ends if look_at[each] <= now)


def test_bytes_that_look_like_an_id_within_other_rows_are_none() -> None:
    (instant,) = struct.unpack("d", b"A" * 8)
    sought = "A" * 43
    texts = ("".join(each) + "A" * 40 for each in itertools.product(string.ascii_lowercase, repeat=3))
    kept = KeptEnds()
    for each in texts:  # some of them share its block
        kept.put(each, Ends(instant, instant, instant))
    assert sought not in kept
    kept.drop(sought)
    kept.put(sought, Ends(1.0, 2.0, 3.0))
    assert kept.get(sought) == Ends(1.0, 2.0, 3.0)
    assert len(kept) == 26**3 + 1


def test_what_cannot_be_an_id_is_an_error() -> None:
    with pytest.raises(ValueError, match="too long"):
        KeptEnds().put("x" * 44, Ends(1.0, 2.0, 3.0))
