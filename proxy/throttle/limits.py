"""The limits there are, how a counter stands against its own, and what is said when one is reached."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

DAY_SECONDS = 86_400.0
UNTIL_CLEARED_SECONDS = 100 * 365 * DAY_SECONDS
"""The window of failures in a row: only a success or an operator ends it."""
ALARM_SHARE = 0.8
"""At this share of a day's passcodes the operator is told, before none are left."""


class Limit(Enum):
    PASSWORDS_PER_PERSON = "passwords_per_person"
    PASSWORDS_FROM_UNFAMILIAR = "passwords_from_unfamiliar_addresses"
    PASSWORDS_AS_TYPED = "passwords_as_typed"  # told on the page; refuses nobody
    PASSWORDS_PER_ADDRESS = "passwords_per_address"
    CREDENTIALS_PER_ADDRESS = "credentials_per_address"
    PASSCODES_PER_PERSON = "passcodes_per_person"
    PASSCODE_FAILURES_IN_A_ROW = "passcode_failures_in_a_row"
    SENDS_PER_PERSON = "sends_per_person"
    SENDS_PER_NUMBER = "sends_per_number"
    SENDS_PER_ADDRESS = "sends_per_address"
    SENDS_PER_DAY = "sends_per_day"


CLEARED = (Limit.PASSCODES_PER_PERSON, Limit.PASSCODE_FAILURES_IN_A_ROW, Limit.SENDS_PER_PERSON)
"""A person's counts of things that only Gatepost counts."""
CLEARED_OF_ADDRESS = (Limit.PASSWORDS_PER_ADDRESS, Limit.CREDENTIALS_PER_ADDRESS, Limit.SENDS_PER_ADDRESS)
"""What is counted for everybody at one address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    limit: Limit
    retry_after_seconds: int
    """At least 1, and at most a day: a factor that is locked until an operator clears it says a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldPause:
    """Nobody gets in with this user name, as far as the page can say without knowing whether anybody has it."""

    ends_at: float
    is_new: bool
    """Whether the try that was just refused began it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterState:
    """One counter as it is now."""

    limit: Limit
    count: int
    most: int
    window_ends_at: float

    @property
    def is_reached(self) -> bool:
        return self.count >= self.most

    @property
    def is_near(self) -> bool:
        """Whether so much is used up that the operator should know."""
        return self.count >= self.most * ALARM_SHARE
