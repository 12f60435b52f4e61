"""What all processes that sign in as one service account know of each other's tries: the contract.

Each of them would spend a few tries of a wrong password; together they would lock the account.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """It was refused lately, whoever tried."""

    seconds: float
    """For so long from now on."""


class Turn(Enum):
    YOURS = "yours"
    """To be ended by `taken`, `refused` or `given_up`."""
    ANOTHERS = "another's"
    """Somebody else is trying, and soon knows."""


class SharedTries(Protocol):
    """`account` is a digest of name and password. Every method blocks, for a second at the most, and raises nothing:
    what cannot be known is as if nobody else had tried."""

    def left_alone(self, account: bytes) -> LeftAlone | None: ...

    def begin(self, account: bytes) -> Turn | LeftAlone: ...

    def taken(self, account: bytes) -> None: ...

    def refused(self, account: bytes, *, counts: bool) -> int:
        """How many wrong passwords in a row there were, whoever sent them. `counts`: whether this was one."""
        ...

    def leave_alone(self, account: bytes, *, seconds: float) -> bool:
        """Also ends the turn. Whether others know of it now."""
        ...

    def is_taken_since(self, account: bytes) -> bool:
        """Whether it is known that nobody has to leave it alone any more: somebody was let in, before the time."""
        ...

    def given_up(self, account: bytes) -> None: ...


class AloneTries:
    """Of a process that knows of no other."""

    def left_alone(self, account: bytes) -> LeftAlone | None:
        return None

    def begin(self, account: bytes) -> Turn | LeftAlone:
        return Turn.YOURS

    def taken(self, account: bytes) -> None: ...

    def refused(self, account: bytes, *, counts: bool) -> int:
        return 0

    def leave_alone(self, account: bytes, *, seconds: float) -> bool:
        return False

    def is_taken_since(self, account: bytes) -> bool:
        return False

    def given_up(self, account: bytes) -> None: ...
