"""The limiter: how often a person, an address or a number may try or be sent something."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from config.settings import ThrottleSettings
from directory.mobile import E164
from proxy.store.store import Store


class Limit(Enum):
    PASSWORDS_PER_PERSON = "passwords_per_person"  # a limit's name
    PASSWORDS_PER_ADDRESS = "passwords_per_address"
    PASSCODES_PER_PERSON = "passcodes_per_person"
    PASSCODE_FAILURES_IN_A_ROW = "passcode_failures_in_a_row"
    SENDS_PER_PERSON = "sends_per_person"
    SENDS_PER_NUMBER = "sends_per_number"
    SENDS_PER_ADDRESS = "sends_per_address"
    SENDS_PER_DAY = "sends_per_day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    limit: Limit
    retry_after_seconds: int


class Throttle:
    """Reserves before the work is done, so that parallel tries cannot pass the same check.

    `person` is an objectGUID, or ``"name:" + LoginName.folded`` while the person is unknown.
    """

    def __init__(self, store: Store, settings: ThrottleSettings, *, key: bytes) -> None: ...

    async def reserve_password(self, *, person: str, address: str, now: float) -> Throttled | None:
        """Count one password attempt; `Throttled` (and nothing counted for the person) if a limit is reached."""
        raise NotImplementedError

    async def password_accepted(self, *, person: str, address: str, now: float) -> None:
        """Give back what a right password had reserved, and clear the person's count."""
        raise NotImplementedError

    async def password_not_judged(self, *, person: str, address: str, now: float) -> None:
        """Give back one attempt that never reached the directory."""
        raise NotImplementedError

    async def reserve_passcode(self, *, person: str, now: float) -> Throttled | None:
        """Count one passcode attempt across all challenges of a person."""
        raise NotImplementedError

    async def passcode_accepted(self, *, person: str, now: float) -> None:
        """Clear the person's passcode counts, the failures in a row included."""
        raise NotImplementedError

    async def reserve_send(self, *, person: str, number: E164, address: str, now: float) -> Throttled | None:
        """Count one passcode about to be sent. Nothing is counted if any of the four limits is reached."""
        raise NotImplementedError
