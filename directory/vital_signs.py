"""What a directory tells of itself at any moment, at no cost, and what it reports of each answer: for the metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from directory.bounded_threads import BoundedThreads

Step = Literal["bind", "search"]
Took = Callable[[str, Step, float], None]
"""`took(realm, step, seconds)` is called, on any thread, for each answer of a server."""


def not_told(realm: str, step: Step, seconds: float) -> None:
    """A `Took` for those who measure nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VitalSigns:
    threads: int
    busy: int
    """Threads that work."""
    waiting: int
    """Jobs that wait for one."""
    servers: Mapping[str, bool] = field(default_factory=dict)
    """Whether work is given to each; empty before the first were found, and where there are none."""


def signs_of(threads: BoundedThreads, servers: Mapping[str, bool] | None = None) -> VitalSigns:
    given = threads.given
    return VitalSigns(
        threads=threads.count,
        busy=min(given, threads.count),
        waiting=max(given - threads.count, 0),
        servers=servers or {},
    )
