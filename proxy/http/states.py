"""How the life of a connection is described: one state at a time, and one table of what may follow what."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Self


class ConnectionState(Enum):
    """To be subclassed with members; `set_table` gives each what may follow it."""

    after: tuple[Self, ...]

    @classmethod
    def set_table(cls, table: Mapping[Self, tuple[Self, ...]]) -> None:
        """Once, right behind the members. A state that is not in it leads nowhere."""
        for state in cls:
            state.after = table.get(state, ())

    def then(self, state: Self) -> Self:
        """`state`, to go on in; raises `AssertionError` where it may not follow: no request goes on from there."""
        if state not in self.after:
            raise AssertionError(f"{type(self).__name__}: {self.name}, then {state.name}")
        return state
