"""Growing waits after a login is refused: each try may count towards a lock of the account."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

WAITS_SECONDS = (60.0, 480.0, 3600.0)
"""How long it is not tried again after the first refusal in a row, the second, and all others.

Three tries fit before a wait that is longer than the window in which a domain usually counts (30 minutes).
"""


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """The password was refused recently, in this process or another."""

    seconds: float
    """How long from now the account has to be left alone."""


class Turn(Enum):
    YOURS = "yours"
    """To be ended by `taken`, `refused` or `given_up`."""
    ANOTHERS = "another's"
    """Another process is trying, and will know soon."""


def wait_seconds(in_a_row: int) -> float:
    """After so many refusals, at least one."""
    return WAITS_SECONDS[min(in_a_row, len(WAITS_SECONDS)) - 1]
