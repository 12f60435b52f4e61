"""When refusals are answered: on a time grid, so that the time of an answer does not reveal the reason. Pure.

Reasons differ in cost: an unknown name, a wrong password, one that was not even sent. The exact time of an answer would
show which it was, and so who exists. On a grid with steps longer than those differences, all refusals leave at the same
points.
"""

from __future__ import annotations

import math

GRID_SECONDS = 0.5


def answer_at(started_at: float, now: float) -> float:
    """The next point of the grid that began at `started_at`: at least one step after it, never before `now`."""
    # The grid begins with the request and not with the clock: otherwise the wait itself would depend on when it came.
    steps = math.ceil(max(now - started_at, 0.0) / GRID_SECONDS)
    return started_at + max(steps, 1) * GRID_SECONDS
