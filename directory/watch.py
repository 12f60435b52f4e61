"""What a directory says about changes to its persons, so that live sessions follow it without asking for each one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from directory.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What one server has come to know since it was asked before."""

    seen_at: str
    """Which server: others may not know of it yet, so that it is read again there (`read_at`)."""
    entries: frozenset[str] = frozenset()
    """GUIDs of the entries that changed, whoever's they are; what changed in them is not said."""
    groups: frozenset[str] = frozenset()
    """Configured groups, as written, whose members may have changed, nested ones included."""
    is_gap: bool = False
    """Whether more may have changed than is told here: everybody has to be read again."""
    is_partial: bool = False
    """Whether something changed that cannot be seen: perhaps a deletion, so that everybody is to be looked at
    (`doubtful`)."""


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
        """Those of these persons who are to be read again: not found, or their state stands against them.

        No change tells of a deleted entry, or of an expiry that comes by itself.
        """
        ...

    async def read_at(self, guid: str, seen_at: str) -> Principal | None:
        """`Directory.read` from the server that told of a change; from any other where that one is gone."""
        ...
