"""When a refusal is answered: on a grid, so that its time does not tell why (instants and durations in seconds)."""

from __future__ import annotations

import math

GRID_SECONDS = 0.5


def answer_at(started_at: float, now: float) -> float:
    """The next point of the grid that began at `started_at`: at least one step after it, never before `now`."""
    steps = math.ceil(max(now - started_at, 0.0) / GRID_SECONDS)
    return started_at + max(steps, 1) * GRID_SECONDS
