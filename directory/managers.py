"""Who stands above a person in their directory, as far as it says so: what a manager's vouch rests on. Values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from directory.principal import Principal

MOST_MANAGERS = 16
"""How far a line is followed. One that is longer is taken for one without an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagerLine:
    """A person's manager, that one's manager, and so on."""

    guids: tuple[str, ...] = ()
    """The nearest first. The line ends with who has no manager, with who stands in it already, or at its longest."""
    manager: Principal | None = None
    """The nearest; None: there is none, or they cannot sign in (any more)."""

    def has_loop(self, guid: str) -> bool:
        """Whether this person, or somebody above them, is their own manager in the end; in doubt, they are."""
        line = (guid, *self.guids)
        return len(set(line)) < len(line) or len(self.guids) >= MOST_MANAGERS


def line_above(guid: str, manager_of: Callable[[str], str | None]) -> tuple[str, ...]:
    """The GUIDs of a `ManagerLine`."""
    line = [guid]
    while len(set(line)) == len(line) <= MOST_MANAGERS and (above := manager_of(line[-1])) is not None:
        line.append(above)
    return tuple(line[1:])


@runtime_checkable
class ManagedDirectory(Protocol):
    """A `Directory` that names managers. Raises what a method of `Directory` may raise."""

    async def managers(self, guid: str) -> ManagerLine:
        """As it is at this moment; empty for somebody who is not there (any more)."""
        ...
