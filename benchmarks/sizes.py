"""What there may be much of, what it costs, and how that is shown. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from benchmarks.figures import mebibytes, microseconds, table
from benchmarks.plot import Panel, svg

APPS, RULES, GROUPS, SESSIONS, CONNECTIONS = "apps", "path rules", "groups", "sessions", "connections"
"""Rules are those of one app, groups of one person; sessions are stored, connections open."""
FEW = {APPS: 1, RULES: 0, GROUPS: 1, SESSIONS: 1000, CONNECTIONS: 10}


@dataclass(frozen=True, slots=True)
class Size:
    """So many of one thing, and few of all others."""

    count: int
    what: str = ""

    def of(self, what: str) -> int:
        return self.count if self.what == what else FEW[what]


LITTLE = Size(0)
"""Few of everything."""
SOME = (LITTLE, Size(10, APPS), Size(1000, APPS), Size(10, RULES), Size(1000, RULES), Size(1000, GROUPS))
MANY_SESSIONS = Size(1_000_000, SESSIONS)
MOST_CONNECTIONS = 10_000


@dataclass(slots=True, kw_only=True)
class Cost:
    """Of one size. Seconds of CPU time for a request, a figure for each round; bytes."""

    alone: list[float] = field(default_factory=list)
    """Of the plane alone, of a session that it knows."""
    known: list[float] = field(default_factory=list)
    """Of a whole process, of a session that it knows."""
    first: list[float] = field(default_factory=list)
    """Of a whole process, of one that it has not seen."""
    starting: float = 0.0
    """Seconds of CPU time from the start until nothing is left to do."""
    resting: float = 0.0
    """Of one second of a process that has nothing to do, how much it uses the processor all the same."""
    memory: float = 0.0


Costs = dict[Size, Cost]


def rows(costs: Costs) -> list[tuple[str, int, Cost]]:
    """What there is, how many of it, and what it costs; few of it is the same for all."""
    found = []
    for what, few in FEW.items():
        sizes = [size for size in costs if size.what == what]
        if sizes:
            found += [(what, few, costs[LITTLE]), *((what, size.count, costs[size]) for size in sizes)]
    return found


def markdown(costs: Costs) -> str:
    headings = (
        *("what there is", "how many", "a known request, plane alone", "whole process", "a first look-up"),
        *("start, until settled", "at rest, of a core", "memory"),
    )
    lines = [
        (
            *(what, f"{count:,}", _microseconds(cost.alone), _microseconds(cost.known), _microseconds(cost.first)),
            *(f"{cost.starting:.1f} s", f"{cost.resting:.1%}", mebibytes(cost.memory)),
        )
        for what, count, cost in rows(costs)
    ]
    return table(headings, lines)


def _microseconds(values: list[float]) -> str:
    return microseconds(median(values)) if values else ""


def picture(costs: Costs) -> str:
    """Each line begins at 1. No rules at all stand where one would: a logarithmic axis has no 0."""

    def lines(of: Callable[[Cost], float]) -> dict[str, list[tuple[float, float]]]:
        found: dict[str, list[tuple[float, float]]] = {}
        for what, count, cost in rows(costs):
            found.setdefault(what, []).append((max(1, count), of(cost) / of(costs[LITTLE])))
        return found

    shown = (
        ("CPU of a request whose session is known", lambda cost: median(cost.known)),
        ("CPU of a first look-up", lambda cost: median(cost.first)),
        ("CPU at rest", lambda cost: cost.resting),
        ("Memory", lambda cost: cost.memory),
    )
    x, y = "how many there are", "times that with few"
    return svg([Panel(title=title, x_label=x, y_label=y, lines=lines(of)) for title, of in shown])
