"""The GSM alphabet, against the tables of 3GPP TS 23.038."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.delivery.text_rules import gsm7_length, not_gsm7

ANY_TEXT = st.text(st.sampled_from("abcÅ€[]~£ß\n`é’😀ç"), max_size=40)


def test_the_basic_table_has_its_127_characters() -> None:
    assert sum(gsm7_length(chr(point)) == 1 for point in range(0x10000) if not 0xD800 <= point < 0xE000) == 127


def test_the_extension_table_has_its_ten_characters_of_two_septets() -> None:
    assert {chr(point) for point in range(0x10000) if gsm7_length(chr(point)) == 2} == set("\f^{}\\[~]|€")


@pytest.mark.parametrize("character", ["`", "’", "ç", "😀", "\t", "–", "\x00", "\x1b"])
def test_what_looks_harmless_may_not_be_gsm(character: str) -> None:
    assert gsm7_length(character) is None
    assert not_gsm7(f"a{character}") == character


@given(ANY_TEXT, ANY_TEXT)
def test_lengths_add_up(left: str, right: str) -> None:
    lengths = gsm7_length(left), gsm7_length(right)
    expected = None if lengths[0] is None or lengths[1] is None else lengths[0] + lengths[1]
    assert gsm7_length(left + right) == expected


@given(st.text())
def test_the_odd_character_is_named_exactly_when_there_is_one(text: str) -> None:
    assert (not_gsm7(text) is None) == (gsm7_length(text) is not None)
