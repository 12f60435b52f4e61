"""Whether a relay or gateway is asked, asked last, or probed: `directory.circuit.CircuitHealth`, kept up to date.

Instants are of the event loop's clock. A server that is known to be down is still asked, last and briefly: without it
the waiting person would get nothing at all.

Each worker has its own. That costs each worker one attempt, but a node with a broken network closes nothing for the
others.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from directory.circuit import Circuit, CircuitHealth

PROBE_SECONDS = 2.5
"""How long a server that failed recently may take: less than a healthy one, because a person may be waiting."""


class Breaker:
    def __init__(self, *, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._health = CircuitHealth(heard_at=0.0)

    @property
    def is_closed(self) -> bool:
        return self._health.circuit is Circuit.CLOSED

    def is_down(self) -> bool:
        """Failed recently, and not due for a probe (or being probed)."""
        return not self.is_closed and self._health.due_at() > _now()

    def patience(self, seconds: float) -> float:
        """How much of `seconds` to wait for it now."""
        return seconds if self.is_closed else min(seconds, PROBE_SECONDS)

    def begin(self) -> None:
        """Somebody is about to ask it."""
        if not self.is_closed and not self.is_down():
            self._health = self._health.probed()

    def answered(self) -> None:
        self._health = self._health.answered(_now(), None)

    def failed(self) -> None:
        self._health = self._health.failed(_now(), self._jitter())


def _now() -> float:
    return asyncio.get_running_loop().time()
