"""Recovery codes: ten, at least 60 bits each, easy to type, and of one person."""

from __future__ import annotations

import math
import re

from hypothesis import given
from hypothesis import strategies as st

from proxy.factors.recovery_code.code import code_digest, new_codes, typed_code


def test_a_set_has_ten_codes_of_60_bits_without_characters_that_look_alike() -> None:
    sets = [new_codes() for _ in range(300)]
    assert {len(codes) for codes in sets} == {10}
    codes = [code for each in sets for code in each]
    assert len(set(codes)) == 3000
    assert all(re.fullmatch(r"\w{4}-\w{4}-\w{4}", code) for code in codes)
    alphabet = set("".join(codes)) - {"-"}
    assert 12 * math.log2(len(alphabet)) >= 60
    assert not alphabet & set("01OI")


@given(st.sampled_from(["", " ", "-", "–", "  "]), st.booleans())
def test_a_code_is_read_however_it_is_typed(between: str, is_small: bool) -> None:
    (code, *_) = new_codes()
    typed = code.replace("-", between)
    assert typed_code(typed.lower() if is_small else f" {typed}\n") == code.replace("-", "")


@given(st.text())
def test_anything_else_is_no_code(text: str) -> None:
    typed = typed_code(text)
    assert typed is None or re.fullmatch(r"[2-9A-HJ-NP-Z]{12}", typed)


def test_what_is_kept_is_one_persons_and_does_not_hold_the_code() -> None:
    assert code_digest("a", "K7QX2MRA9FZT") != code_digest("b", "K7QX2MRA9FZT")
    assert len(code_digest("a", "K7QX2MRA9FZT")) == 32
