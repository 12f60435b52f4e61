"""What is kept for limits: counters within windows, addresses from which persons have signed in, and whom a limit has
stopped recently.

A counter's key names what is counted and holds no personal data in the clear. Methods raise `StoreUnavailable`. A
change of a counter is durable: it survives a loss of power once the method has returned. Only what is given back may be
counted again after one, which errs on the safe side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from proxy.throttle.limits import Limit

MOST_THROTTLED = 200
"""How many are listed: those who were stopped last."""


@dataclass(frozen=True, slots=True)
class Count:
    """One counter within its window."""

    value: int
    window_ends_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A counter that must not pass `limit` within its window."""

    key: bytes = field(repr=False)
    limit: int
    window_seconds: float
    is_sliding: bool = False
    """Whether each count starts the window again, so that only a whole window without a count clears the counter."""


@dataclass(frozen=True, slots=True)
class Reached:
    """Which of the counters that were to be reserved had reached its limit."""

    index: int
    window_ends_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ThrottledPerson:
    """Somebody whom the directory knows, stopped by one of their own limits. Counters are named by digests, which
    nobody can list; so this is written down when it happens, for the help desk."""

    guid: str
    realm: str
    username: str
    limit: Limit
    at: float
    """When it stopped them last."""
    until: float
    """When its window ends, if nobody tries again."""


class CounterStore(Protocol):
    async def add(self, key: bytes, *, now: float, window_seconds: float) -> Count:
        """Count one more; the window opens with its first count."""
        ...

    async def read(self, key: bytes, *, now: float) -> Count | None:
        """None where no window is open: nothing was counted, or that is over."""
        ...

    async def give_back(self, key: bytes, amount: int = 1, *, now: float) -> None:
        """Count so many less, never below zero. Opens no window and does not move the end of one. Not durable."""
        ...

    async def reserve(self, counters: Sequence[Counter], *, now: float) -> Reached | None:
        """Add one to all of these, or to none: then say which one had reached its limit. Atomic."""
        ...

    async def reset_count(self, key: bytes) -> None: ...


class ThrottleStore(CounterStore, Protocol):
    """Counters, the addresses that are familiar (person and address are digests, the person part of both), and whom a
    limit has stopped."""

    async def put_throttled(self, person: ThrottledPerson) -> None:
        """In place of what was known of this person and limit; of all, the `MOST_THROTTLED` latest. Not durable."""
        ...

    async def throttled(self, *, now: float) -> tuple[ThrottledPerson, ...]:
        """Those whose window is open still, the latest first."""
        ...

    async def drop_throttled(self, guid: str, limit: Limit) -> None: ...

    async def add_familiar(self, person: bytes, address: bytes, *, now: float, expires_at: float, most: int) -> None:
        """Remember an address of a person until `expires_at`; the `most` latest of one person."""
        ...

    async def is_familiar(self, person: bytes, address: bytes, *, now: float) -> bool: ...
