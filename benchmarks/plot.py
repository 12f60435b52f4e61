"""A picture of how something grows: panels with logarithmic axes, as SVG that a light page shows as well as a dark one.

Pure: points in, text out. Sizes are pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 440, 280
"""Of a panel."""
IN_A_ROW = 2
LEFT, RIGHT, TOP, BOTTOM = 56, 104, 36, 56
"""Around what is drawn: for the figures of the axes, and for the names of the lines."""
NAME_HEIGHT = 15
COLOURS = ("#3987c9", "#c9731f", "#2f9e5b", "#9b70d6", "#d4554f")
"""Each has three times the brightness of a dark page, and a third of that of a light one (WCAG 2.2, 1.4.11)."""
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1d2429; }
.title { font-weight: 600; }
.grid { stroke: #1d2429; stroke-opacity: 0.15; }
@media (prefers-color-scheme: dark) { text { fill: #dee2e6; } .grid { stroke: #dee2e6; } }
"""
Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    title: str
    x_label: str
    y_label: str
    lines: Mapping[str, Sequence[Point]]
    """By name; all values above 0."""


def svg(panels: Sequence[Panel]) -> str:
    """`IN_A_ROW` side by side."""
    width, height = WIDTH * min(IN_A_ROW, len(panels)), HEIGHT * math.ceil(len(panels) / IN_A_ROW)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" viewBox="0 0 {width} {height}" role="img">',
        f"<title>{escape('; '.join(panel.title for panel in panels))}</title>",
        f"<style>\n{_STYLE}</style>",
    ]
    for number, panel in enumerate(panels):
        row, column = divmod(number, IN_A_ROW)
        parts += [f'<g transform="translate({column * WIDTH} {row * HEIGHT})">', *_panel(panel), "</g>"]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel) -> list[str]:
    points = [point for line in panel.lines.values() for point in line]
    xs, ys = (
        _Axis.over([x for x, _ in points], LEFT, WIDTH - RIGHT),
        _Axis.over([y for _, y in points], HEIGHT - BOTTOM, TOP),
    )
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    parts = [_text(LEFT, 18, panel.title, "title")]
    for value in xs.ticks():
        at = xs.place(value)
        parts += [_line(at, TOP, at, bottom), _text(at, bottom + 18, _figure(value), anchor="middle")]
    for value in ys.ticks():
        at = ys.place(value)
        parts += [_line(LEFT, at, right, at), _text(LEFT - 8, at + 4, _figure(value), anchor="end")]
    parts.append(_text((LEFT + right) / 2, HEIGHT - 18, panel.x_label, anchor="middle"))
    middle = (TOP + bottom) / 2
    label = _text(16, middle, panel.y_label, anchor="middle")
    parts.append(f'<g transform="rotate(-90 16 {middle:g})">{label}</g>')
    names = _apart({name: ys.place(line[-1][1]) for name, line in panel.lines.items()})
    for (name, line), colour in zip(panel.lines.items(), COLOURS, strict=False):
        placed = [(xs.place(x), ys.place(y)) for x, y in line]
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
        parts.append(f'<polyline points="{corners}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in placed]
        parts.append(f'<circle cx="{right + 12}" cy="{names[name]:.1f}" r="3.5" fill="{colour}"/>')
        parts.append(_text(right + 20, names[name] + 4, name))
    return parts


@dataclass(frozen=True, slots=True)
class _Axis:
    """From `low` at the pixel `start` to `high` at `end`, by logarithms."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Sequence[float], start: float, end: float) -> _Axis:
        """Whole steps of 1, 2, 5, 10 around the values, and at least one decade."""
        low, high = min(values), max(max(values), min(values) * 10)
        return cls(
            max(step for step in _steps(low) if step <= low), min(s for s in _steps(high) if s >= high), start, end
        )

    def place(self, value: float) -> float:
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """1, 2, 5 of each decade if there are few decades; otherwise their beginnings."""
        decades = math.log10(self.high / self.low)
        exponents = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        found = [digit * 10.0**each for each in exponents for digit in ((1, 2, 5) if decades <= 3 else (1,))]
        return [value for value in found if self.low * 0.999 <= value <= self.high * 1.001]


def _steps(value: float) -> list[float]:
    decade = math.floor(math.log10(value))
    return [digit * 10.0 ** (decade + more) for more in (0, 1) for digit in (1, 2, 5)]


def _apart(places: Mapping[str, float]) -> dict[str, float]:
    """The same, moved down as far as names need so that none covers another."""
    found: dict[str, float] = {}
    last = -math.inf
    for name, at in sorted(places.items(), key=lambda each: each[1]):
        last = found[name] = max(at, last + NAME_HEIGHT)
    return found


def _figure(value: float) -> str:
    """With k for thousands and M for millions: there is little room."""
    for size, sign in ((1e6, " M"), (1e3, " k")):
        if value >= size * 0.999:
            return f"{value / size:g}{sign}"
    return f"{value:g}"


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
