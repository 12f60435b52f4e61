"""The house's colour: what passes can be read, on light pages and on dark ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import proxy.pages
from config.colours import (
    DARK_GROUNDS,
    LEAST_CONTRAST,
    LIGHT_GROUNDS,
    Accent,
    checked_colour,
    contrast,
    dark_accent,
    light_accent,
)

STYLE = (Path(proxy.pages.__file__).parent / "static" / "portal.css").read_text()
COLOURS = st.binary(min_size=3, max_size=3).map(lambda parts: "#" + parts.hex())


def nearest(colour: str) -> str | None:
    """What the message proposes; None: it passes."""
    try:
        checked_colour(colour)
    except ValueError as error:
        return str(error).rpartition(" ")[2]
    return None


def can_be_read(accent: Accent, grounds: tuple[str, ...]) -> bool:
    colours = (accent.accent, accent.accent_strong)
    return all(
        contrast(colour, behind) >= LEAST_CONTRAST
        for colour in colours
        for behind in (*grounds, accent.tint, accent.accent_ink)
    )


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#777777", "#ffffff", 4.478),  # the well-known grey that just fails
        ("#767676", "#ffffff", 4.542),  # and the one that just passes
        ("#0000ff", "#ffffff", 8.592),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    assert contrast(one, other) == pytest.approx(ratio, abs=0.001)
    assert contrast(one, other) == contrast(other, one)


@given(COLOURS)
def test_what_passes_can_be_read_everywhere_and_what_does_not_has_a_neighbour_that_does(colour: str) -> None:
    chosen = nearest(colour) or colour
    assert checked_colour(chosen) == chosen
    assert can_be_read(light_accent(chosen), LIGHT_GROUNDS)
    assert can_be_read(dark_accent(chosen), DARK_GROUNDS)


@pytest.mark.parametrize(
    "text", ["", "red", "0b6b5d", "#0b6b5", "#0b6b5dff", "#ggg", "rgb(0,0,0)", "#000;}*{color:#fff"]
)
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match='not a colour: write "#" and six'):
        checked_colour(text)


def test_the_ratio_that_is_told_is_never_rounded_up_to_one_that_would_pass() -> None:
    with pytest.raises(ValueError, match=r"a contrast of 4\.0, and needs 4\.5"):
        checked_colour("#e30613")


def test_the_grounds_are_those_of_the_style_sheet() -> None:
    light, dark = STYLE.split("prefers-color-scheme: dark")[:2]

    def grounds(sheet: str) -> list[str]:
        found = [re.search(rf"--{name}: (#[0-9a-f]+);", sheet) for name in ("card", "ground", "bad-tint")]
        written = [each[1] for each in found if each is not None]
        return [each if len(each) == 7 else "#" + "".join(2 * digit for digit in each[1:]) for each in written]

    assert (tuple(grounds(light)), tuple(grounds(dark))) == (LIGHT_GROUNDS, DARK_GROUNDS)
