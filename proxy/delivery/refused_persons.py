"""Counting the persons whose messages one relay or gateway refuses in a row.

One person's number may be odd. What several persons meet is the relay's fault, and the operator should know. Instants
are seconds of the given clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from proxy.delivery.channel import Blame, Outcome, SendResult

REMEMBERED_SECONDS = 3600.0
NUMBERS_IN_A_ROW = 3
"""A relay that refuses this many persons' numbers, and took no message in between, refuses us. OpenSMTPD, for one,
calls the recipient invalid when it may not relay."""


class RefusedPersons:
    """Since it last took a message."""

    def __init__(self, several: int = 2, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`several`: how many persons are more than chance."""
        self._several = several
        self._clock = clock
        self._met_at: dict[int, float] = {}

    def met_by(self, person: str) -> bool:
        """Note one more; whether several persons have met it within the last hour.

        `person`: anything that tells persons apart, such as a number. Only a hash of it is kept, which means nothing to
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


class BesideOthers:
    """What one relay's or gateway's answer means, given its answers to other persons' messages."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._unclear = RefusedPersons(clock=clock)
        self._numbers = RefusedPersons(NUMBERS_IN_A_ROW, clock=clock)

    def judge(self, verdict: SendResult, person: str) -> SendResult:
        """`person`: as in `RefusedPersons.met_by`."""
        if verdict.blame is Blame.UNCLEAR and self._unclear.met_by(person):
            reason = f"{verdict.reason}, to several persons' messages, and does not say why: see its log"
            return replace(verdict, reason=reason, blame=Blame.SETTINGS)
        if verdict.blame is Blame.RECIPIENT and self._numbers.met_by(person):
            reason = f"{verdict.reason}: it refuses everybody's number, so it may refuse us"
            return replace(verdict, outcome=Outcome.UNAVAILABLE, reason=reason, blame=Blame.SETTINGS)
        if verdict.outcome is Outcome.ACCEPTED:
            self._unclear.forget()
            self._numbers.forget()
        return verdict
