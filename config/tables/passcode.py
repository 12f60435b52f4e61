"""`[passcode]`: digits, lifetime, attempts, and what has to agree there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from config.frozen_table import FrozenTable
from config.values import Integer, Seconds


class PasscodeSettings(FrozenTable):
    """The passcodes that Gatepost sends."""

    digits: Annotated[Integer, Field(ge=6, le=10)] = 6
    """How many digits a passcode has."""
    lifetime: Annotated[Seconds, Field(ge=30, le=600)] = 300.0
    """How long a passcode can be used."""
    attempts: Annotated[Integer, Field(ge=1, le=10)] = 5
    """Wrong tries before the sign-in starts again."""
    resend_after: Annotated[Seconds, Field(ge=1)] = 30.0
    """How long the page waits before it offers to send the passcode again. Shorter than `lifetime`."""


def passcode_problems(passcode: PasscodeSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence."""
    if passcode.resend_after >= passcode.lifetime:
        yield "resend_after", "must be shorter than lifetime"
