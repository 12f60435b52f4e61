"""How many numbers could not be used, sweep by sweep: what is kept of a whole report on mobile fields.

A sweep counts where it read all directories, by the admin pages or by `gatepost mobiles`. Nothing in it is about a
person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from directory.mobile_report import Summary

MOST_SWEEPS = 60
"""Kept: the latest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepCount:
    made_at: float
    """Epoch seconds."""
    persons: int
    unusable: int
    """How many of them cannot receive a passcode."""


class SweepCountStore(Protocol):
    """Methods raise `StoreUnavailable`."""

    async def put_sweep(self, sweep: SweepCount, *, most: int) -> None:
        """In place of one of the same instant; only the latest `most` stay."""
        ...

    async def sweeps(self) -> tuple[SweepCount, ...]:
        """The earliest first."""
        ...


def counted(summary: Summary) -> SweepCount:
    persons = summary.all.persons
    return SweepCount(made_at=summary.made_at, persons=persons, unusable=persons - summary.all.good)
