"""The one colour that an operator chooses for the pages, and what it has to be there: pure.

All colours are ``#rrggbb`` in lower case. Contrast is that of WCAG 2.2 (1.4.3 and "relative luminance").

The colour is taken as it is on light pages, where white text stands on it. For dark pages a lighter one of the same hue
is made from it, with dark text: so there is one key, and no pair that an operator has to keep in step.
"""

from __future__ import annotations

import colorsys
import re
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_CONTRAST = 4.5
"""Of text with what is behind it: WCAG 2.2, 1.4.3, level AA."""
LIGHT_GROUNDS = ("#ffffff", "#f3f5f4", "#fcecea")
"""What text in this colour may stand on: ``--card``, ``--ground`` and ``--bad-tint`` of ``portal.css``."""
DARK_GROUNDS = ("#171f1d", "#0e1413", "#3a1c1a")
"""The same on dark pages."""
_CONTRAST_IN_THE_DARK = 7.0
"""What is made may as well be easy to read: level AAA."""
_TINT = 0.11
_WHITE, _BLACK = "#ffffff", "#000000"
_WRITTEN = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})")
_STEPS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Accent:
    """What light or dark pages make of the colour; the names are those of the style sheet's variables."""

    accent: str
    """Of links, and behind the text of buttons."""
    accent_ink: str
    """The text of buttons."""
    accent_strong: str
    """In place of `accent` under the pointer."""
    tint: str
    """Behind what a page remarks."""


def checked_colour(text: str) -> str:
    """As ``#rrggbb``. `ValueError` if it is no colour, or too pale for light pages: then it names the nearest."""
    colour = text.strip().lower()
    if not _WRITTEN.fullmatch(colour):
        raise ValueError('not a colour: write "#" and six hexadecimal digits, such as "#0b6b5d"')
    if len(colour) == 4:
        colour = "#" + "".join(2 * digit for digit in colour[1:])
    least = _least_contrast(light_accent(colour), LIGHT_GROUNDS)
    if least < LEAST_CONTRAST:
        raise ValueError(
            f"{colour} is too pale: text in it, and white text on it, would have a contrast of {_cut(least)}, and needs"
            f" {LEAST_CONTRAST} (WCAG 2.2, 1.4.3); the nearest colour that passes is {_nearest(colour)}"
        )
    return colour


def light_accent(colour: str) -> Accent:
    return Accent(
        accent=colour,
        accent_ink=_WHITE,
        accent_strong=_mixed(colour, _BLACK, 0.2),
        tint=_mixed(LIGHT_GROUNDS[0], colour, _TINT),
    )


def dark_accent(colour: str) -> Accent:
    """As much lighter as it needs to be on dark grounds, and no more: white in the worst case."""
    made = (_dark(lighter) for lighter in _shades(colour, towards=1.0))
    return next(each for each in made if _least_contrast(each, DARK_GROUNDS) >= _CONTRAST_IN_THE_DARK)


def contrast(one: str, other: str) -> float:
    """From 1 to 21; the order does not matter."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _dark(colour: str) -> Accent:
    return Accent(
        accent=colour,
        accent_ink=_mixed(colour, _BLACK, 0.9),
        accent_strong=_mixed(colour, _WHITE, 0.25),
        tint=_mixed(DARK_GROUNDS[0], colour, _TINT),
    )


def _least_contrast(accent: Accent, grounds: Sequence[str]) -> float:
    """Of everything that stands on something."""
    colours = (accent.accent, accent.accent_strong)
    return min(
        *(contrast(colour, ground) for colour in colours for ground in (*grounds, accent.tint)),
        *(contrast(colour, accent.accent_ink) for colour in colours),
    )


def _nearest(colour: str) -> str:
    """Of the same hue and saturation, as little darker as possible."""
    shades = _shades(colour, towards=0.0)
    return next(each for each in shades if _least_contrast(light_accent(each), LIGHT_GROUNDS) >= LEAST_CONTRAST)


def _shades(colour: str, *, towards: float) -> Sequence[str]:
    """From the colour itself to white (1.0) or black (0.0)."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(part / 255 for part in _parts(colour)))
    steps = (lightness + (towards - lightness) * step / _STEPS for step in range(_STEPS + 1))
    return [_written(tuple(255 * part for part in colorsys.hls_to_rgb(hue, each, saturation))) for each in steps]


def _mixed(one: str, other: str, share: float) -> str:
    """`share` of the other, the rest of the one."""
    pairs = zip(_parts(one), _parts(other), strict=True)
    return _written([first + (second - first) * share for first, second in pairs])


def _luminance(colour: str) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (each / 255 for each in _parts(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _parts(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def _written(parts: Sequence[float]) -> str:
    return "#" + bytes(round(part) for part in parts).hex()


def _cut(ratio: float) -> str:
    """Never rounded up to what would pass."""
    return f"{int(ratio * 10) / 10:.1f}"
