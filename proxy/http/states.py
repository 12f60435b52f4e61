"""How the life of a connection is described: one state at a time, and one table of what may follow what."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Self


class ConnectionState(Enum):
    """To be subclassed with members; `set_table` gives each what may follow it."""

    then: Mapping[Self, Self]
    """``state.then[following]`` is `following`, to go on in. It raises `KeyError` where that may not follow: no request
    goes on from there."""

    # Members are singletons. So their identity is a hash that costs no call of Python, and a step is one look-up.
    __hash__ = object.__hash__

    @classmethod
    def set_table(cls, table: Mapping[Self, tuple[Self, ...]]) -> None:
        """Once, right behind the members. A state that is not in it leads nowhere."""
        for state in cls:
            state.then = {following: following for following in table.get(state, ())}
