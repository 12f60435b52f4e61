"""What is kept of numbers, and of how long passcodes take. Methods raise `StoreUnavailable`."""

from __future__ import annotations

from typing import Protocol

from proxy.factors.passcode.arrival_times import PasscodeArrival
from proxy.factors.passcode.known_numbers import KnownNumber


class NumberStore(Protocol):
    async def put_known_number(self, guid: str, known: KnownNumber) -> None:
        """Remember this one number of a person, and forget the previous one. Durable."""
        ...

    async def known_number(self, guid: str) -> KnownNumber | None: ...

    async def first_seen(self, digest: bytes, *, now: float, see: bool) -> float | None:
        """When somebody's number was first seen; None if it never was. `see`: then it is seen now, durably.

        It is forgotten after `known_numbers.REMEMBERED_SECONDS`.
        """
        ...


class ArrivalStore(Protocol):
    async def put_arrival(self, channel: str, arrival: PasscodeArrival) -> None:
        """Remember how long one took: of each channel the `arrival_times.MOST_KEPT` that were put last.

        They are forgotten if none came for `KEPT_SECONDS`.
        """
        ...

    async def arrivals(self, channel: str) -> tuple[PasscodeArrival, ...]:
        """Those of this channel, in any order."""
        ...
