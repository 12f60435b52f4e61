"""What one attempt says about the message, and about who tried to take it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from proxy.delivery.channel import Outcome


class Blame(Enum):
    """Whom a failure is about."""

    RECIPIENT = "recipient"
    """The number or address: nobody takes it."""
    MESSAGE = "message"
    """This recipient or content, perhaps for a while: the relay or gateway is well."""
    UNCLEAR = "unclear"
    """It was refused, and nothing says whose fault that is: others are asked, and the persons who meet it are
    counted."""
    SERVICE = "service"
    """It is down, slow or broken: others go first until it answers again."""
    SETTINGS = "settings"
    """Login, sender, certificate, credit: the operator has to act."""

    @property
    def is_not_the_service(self) -> bool:
        """Whether the relay or gateway is well, as far as this shows."""
        return self in (Blame.RECIPIENT, Blame.MESSAGE, Blame.UNCLEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    outcome: Outcome
    code: int | None = None
    reason: str = ""
    blame: Blame = Blame.MESSAGE
    report_id: str = field(default="", repr=False)
    """What the gateway knows an accepted message by."""
    credit: int | None = None
    """Messages left, if the answer says so."""
