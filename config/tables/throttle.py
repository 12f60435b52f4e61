"""`[throttle]`: how often something may fail or be sent."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.frozen_table import FrozenTable
from config.values import Integer, Seconds


class ThrottleSettings(FrozenTable):
    """How often something may fail or be sent, each within `window` (sends per day: 24 hours)."""

    window: Annotated[Seconds, Field(ge=60)] = 1800.0
    passwords_per_person: Annotated[Integer, Field(ge=1)] = 4
    passwords_per_address: Annotated[Integer, Field(ge=1)] = 100
    credentials_per_address: Annotated[Integer, Field(ge=1)] = 30
    """Wrong app passwords and tokens."""
    passcodes_per_person: Annotated[Integer, Field(ge=1)] = 15
    sends_per_person: Annotated[Integer, Field(ge=1)] = 8
    sends_per_number: Annotated[Integer, Field(ge=1)] = 8
    sends_per_address: Annotated[Integer, Field(ge=1)] = 60
    sends_per_day: Annotated[Integer, Field(ge=1)] = 10_000
    passcode_failures_in_a_row: Annotated[Integer, Field(ge=1, le=100)] = 100
    """NIST SP 800-63B-4 section 3.2.2: then the factor is locked until an operator clears it."""
