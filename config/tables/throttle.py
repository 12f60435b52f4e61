"""`[throttle]`: how often something may fail or be sent."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.frozen_table import FrozenTable
from config.values import Integer, Seconds


class ThrottleSettings(FrozenTable):
    """How often something may fail or be sent, each within `window` (sends per day: 24 hours)."""

    window: Annotated[Seconds, Field(ge=60)] = 1800.0
    """The time within which each limit counts, but for `sends_per_day`."""
    passwords_per_person: Annotated[Integer, Field(ge=1)] = 4
    """Wrong passwords of one person. Fewer if the domain would lock the account (`lockout_margin`). A third of them is
    reserved for addresses where the person signed in before."""
    passwords_per_address: Annotated[Integer, Field(ge=1)] = 100
    """Wrong passwords from one client address, including those that are not passed on to the directory."""
    credentials_per_address: Annotated[Integer, Field(ge=1)] = 30
    """Wrong app passwords and tokens from one client address."""
    passcodes_per_person: Annotated[Integer, Field(ge=1)] = 15
    """Wrong passcodes of one person."""
    sends_per_person: Annotated[Integer, Field(ge=1)] = 8
    """Passcodes sent to one person."""
    sends_per_number: Annotated[Integer, Field(ge=1)] = 8
    """Passcodes sent to one number."""
    sends_per_address: Annotated[Integer, Field(ge=1)] = 60
    """Passcodes sent on behalf of one client address."""
    sends_per_day: Annotated[Integer, Field(ge=1)] = 10_000
    """Passcodes sent in all within 24 hours."""
    passcode_failures_in_a_row: Annotated[Integer, Field(ge=1, le=100)] = 100
    """Wrong passcodes of one person without a right one between them. Then the factor is locked until an operator
    clears it (NIST SP 800-63B-4 section 3.2.2)."""
