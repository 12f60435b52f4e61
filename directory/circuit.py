"""How well one server answers, as a value: its circuit breaker and its usual answer time. Pure.

Instants are seconds of one monotonic clock. A closed circuit is asked, an open one is not, and a half-open one is
being probed by one thread while everybody else still goes elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import Enum

FIRST_PROBE_SECONDS = 1.0
LONGEST_PROBE_SECONDS = 10.0
"""Between two probes, before jitter: doubled with each one that fails."""
MEASURE_SECONDS = 240.0
"""After this long without an answer, a server is asked for its root DSE, which shows whether it is up, and how fast.
Shorter than any idle time-out on the way, so that a connection to each server stays open."""
PATIENCE_SECONDS = 0.6
"""How long an answer may take where another server can give it. More for one that is known to be slow."""
_SLOWER_THAN_USUAL = 4.0
_NEWEST_COUNTS = 0.25
_FASTEST_CLASS_SECONDS = 0.01
_CLASS_FACTOR = 3.0


class Circuit(Enum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitHealth:
    failures: int = 0
    """In a row."""
    probe_at: float | None = None
    """When an open circuit may be probed; None where it is closed."""
    is_probed: bool = False
    answer_seconds: float | None = None
    """Moving average over the answers; None before the first one."""
    heard_at: float
    """When it last answered, or was first known."""

    @property
    def circuit(self) -> Circuit:
        if self.probe_at is None:
            return Circuit.CLOSED
        return Circuit.HALF_OPEN if self.is_probed else Circuit.OPEN

    def due_at(self) -> float:
        """When to probe or to measure it next; never while that is being done."""
        if self.is_probed:
            return math.inf
        return self.heard_at + MEASURE_SECONDS if self.probe_at is None else self.probe_at

    def probed(self) -> CircuitHealth:
        return replace(self, is_probed=True)

    def answered(self, now: float, seconds: float | None) -> CircuitHealth:
        """`seconds`: how long one answer took; None where that was not measured."""
        average = self.answer_seconds
        if seconds is not None:
            average = seconds if average is None else average + _NEWEST_COUNTS * (seconds - average)
        return CircuitHealth(answer_seconds=average, heard_at=now)

    def failed(self, now: float, jitter: float) -> CircuitHealth:
        """`jitter`, 0 to 1, spreads the probes of many processes over half to one and a half times the interval.

        Of many threads that fail at the same server at once, only the first counts.
        """
        if self.probe_at is not None and not self.is_probed:
            return self
        failures = self.failures + 1
        # The exponent is bounded too: a server may be gone for months.
        interval = min(FIRST_PROBE_SECONDS * 2.0 ** min(failures - 1, 16), LONGEST_PROBE_SECONDS)
        return replace(self, failures=failures, probe_at=now + interval * (0.5 + jitter), is_probed=False)

    def patience_seconds(self) -> float:
        return max(PATIENCE_SECONDS, _SLOWER_THAN_USUAL * (self.answer_seconds or 0.0))

    def latency_class(self) -> int:
        """Coarse, so that the choice stays where it is: up to 10 ms is 0, 30 ms is 1, 90 ms is 2, and so on.

        A server not measured yet is taken for fast: that is how it comes to be measured.
        """
        if self.answer_seconds is None or self.answer_seconds <= _FASTEST_CLASS_SECONDS:
            return 0
        return math.ceil(math.log(self.answer_seconds / _FASTEST_CLASS_SECONDS, _CLASS_FACTOR))
