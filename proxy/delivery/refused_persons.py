"""Counting the persons whose messages one relay or gateway refuses in a row.

One person's number may be odd; what several persons meet is the relay's matter, and the operator should know. Instants
are seconds of the clock that is given.
"""

from __future__ import annotations

import time
from collections.abc import Callable

REMEMBERED_SECONDS = 3600.0


class RefusedPersons:
    """Since it last took a message."""

    def __init__(self, several: int = 2, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`several`: how many persons are more than chance."""
        self._several = several
        self._clock = clock
        self._met_at: dict[int, float] = {}

    def met_by(self, person: str) -> bool:
        """Note one more; whether several persons have met it within the last hour.

        `person`: whatever tells persons apart, such as a number. Of it only a hash is kept, which means nothing to
        any other process.
        """
        now = self._clock()
        self._met_at = {each: at for each, at in self._met_at.items() if now < at + REMEMBERED_SECONDS}
        if len(self._met_at) < self._several:
            self._met_at[hash(person)] = now
        return len(self._met_at) >= self._several

    def forget(self) -> None:
        """It took a message."""
        self._met_at.clear()
