"""How the count of numbers that cannot be used moved over the last sweeps, as a small chart: pure.

It is drawn in whole units of an SVG, one step a sweep, whatever time lies between. All of it is in a table too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.help_desk.number_sweeps import SweepCount
from proxy.languages.current import gettext as _
from proxy.pages.instants import Instant, instant

WIDTH, HEIGHT = 600, 120
_EDGE = 8
"""Free on each side, for the dots."""
MOST_DRAWN = 30
FEWEST_DRAWN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepChart:
    points: tuple[tuple[int, int], ...]
    """From left to right; 0 is at the top."""
    said: str
    """The same in a sentence."""
    rows: tuple[tuple[Instant, int, int], ...]
    """When, how many persons, and how many of them with no number that can be used; the latest first."""
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def line(self) -> str:
        """As ``points`` has it (SVG 2 section 10.6)."""
        return " ".join(f"{x},{y}" for x, y in self.points)


def chart_of(sweeps: Sequence[SweepCount], *, now: float) -> SweepChart | None:
    """Of the latest `MOST_DRAWN`, the earliest first; None: there are too few to show a movement."""
    drawn = sweeps[-MOST_DRAWN:]
    if len(drawn) < FEWEST_DRAWN:
        return None
    most = max(1, *(each.unusable for each in drawn))
    across, up = (WIDTH - 2 * _EDGE) / (len(drawn) - 1), HEIGHT - 2 * _EDGE
    return SweepChart(
        points=tuple(
            (round(_EDGE + across * number), round(_EDGE + up * (1 - each.unusable / most)))
            for number, each in enumerate(drawn)
        ),
        said=_(
            "Of the last %(count)s reports, the first counted %(first)s numbers that cannot be used, "
            "the last %(last)s, and none more than %(most)s.",
            count=len(drawn),
            first=f"{drawn[0].unusable:,}",
            last=f"{drawn[-1].unusable:,}",
            most=f"{max(each.unusable for each in drawn):,}",
        ),
        rows=tuple((instant(each.made_at, now), each.persons, each.unusable) for each in reversed(drawn)),
    )
