"""What one attempt says about the message, and about who tried to take it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from proxy.delivery.channel import Outcome


class Blame(Enum):
    """Whom a failure is about."""

    MESSAGE = "message"
    """This recipient or content: the relay or gateway is well."""
    SERVICE = "service"
    """It is away, slow or broken: others go first until it answers again."""
    SETTINGS = "settings"
    """Login, sender, certificate, credit: the operator has to act."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    outcome: Outcome
    code: int | None = None
    reason: str = ""
    blame: Blame = Blame.MESSAGE
    report_id: str = field(default="", repr=False)
    """What the gateway knows an accepted message by."""
    credit: int | None = None
    """Messages left, where the answer says so."""
