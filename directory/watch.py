"""What a directory says about changes to its persons, so that live sessions follow it without asking for each one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from directory.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one server has learned since it was last asked."""

    seen_at: str
    """Which server. Others may not have the change yet, so the person is read again from this one (`read_at`)."""
    entries: frozenset[str] = frozenset()
    """GUIDs of the entries that changed, of persons and others. It does not say what changed in them."""
    groups: frozenset[str] = frozenset()
    """Configured groups, as written, whose members may have changed, nested ones included."""
    is_gap: bool = False
    """Whether more may have changed than is told here: everybody has to be read again."""
    is_partial: bool = False
    """Whether something changed that we cannot see, perhaps a deletion: everybody has to be looked up (`doubtful`)."""


@runtime_checkable
class WatchedDirectory(Protocol):
    """A `Directory` that can be asked for changes. Every method may raise what the ones of `Directory` may."""

    @property
    def recheck_seconds(self) -> float:
        """How long a person with a live session may go without being read, whatever the changes say."""
        ...

    async def changes(self) -> Sequence[Changes]:
        """What changed since the last call, by server. Nothing is lost between two calls, however far apart."""
        ...

    async def doubtful(self, guids: Sequence[str]) -> frozenset[str]:
        """Which of these persons have to be read again: those not found, and those whose state no longer allows a
        sign-in.

        No change reports a deleted entry, or an expiry that comes with time.
        """
        ...

    async def read_at(self, guid: str, seen_at: str) -> Principal | None:
        """`Directory.read` from the server that reported a change, or from any other if that one is gone."""
        ...
