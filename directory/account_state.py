"""What a directory knows about an account besides the person: whether it may be used, and who says so. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from directory.directory import RefusalReason
from directory.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """One account in any state, as an operator asks about it. It proves nothing."""

    principal: Principal
    refusals: tuple[RefusalReason, ...]
    """Everything that is wrong with the account itself: `DISABLED`, `LOCKED`, `ACCOUNT_EXPIRED`, `LOGON_HOURS` now,
    `WORKSTATION`, and the two that a change of password fixes, `PASSWORD_EXPIRED` and `MUST_CHANGE`."""
    locked_until: float | None = None
    """If it is `LOCKED`: when that ends by itself, if known. Epoch seconds."""
    told_by: str
    """The server, or the file, that was asked."""


@runtime_checkable
class DescribingDirectory(Protocol):
    """A `Directory` that reports an account's state. Raises what a method of `Directory` may raise."""

    async def state(self, guid: str) -> AccountState | None:
        """None if there is no such account (any more)."""
        ...
