"""What every part of a store has whose records end by themselves."""

from __future__ import annotations

from typing import Protocol


class Expiring(Protocol):
    async def remove_expired(self, *, now: float) -> int:
        """Remove what is over, for good; how many records. Raises `StoreUnavailable`."""
        ...
