"""`[passcode]`: digits, lifetime, attempts, and what has to agree there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from config.frozen_table import FrozenTable
from config.values import Integer, Seconds


class PasscodeSettings(FrozenTable):
    digits: Annotated[Integer, Field(ge=6, le=10)] = 6
    lifetime: Annotated[Seconds, Field(ge=30, le=600)] = 300.0
    attempts: Annotated[Integer, Field(ge=1, le=10)] = 5
    resend_after: Annotated[Seconds, Field(ge=1)] = 30.0
    """How long the page waits before it offers to send the passcode again."""


def passcode_problems(passcode: PasscodeSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence."""
    if passcode.resend_after >= passcode.lifetime:
        yield "resend_after", "must be shorter than lifetime"
