"""One message that carried a passcode: how it was sent, and what is known about its fate.

It is remembered longer than its challenge, because a failure may be reported hours later. Instants are epoch seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from config.factors import ChannelKind
from proxy.delivery.channel import DeliveryStatus, Outcome

REMEMBERED_SECONDS = 3 * 86_400.0
"""Mail servers try for days before they say that a message could not be delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """Named by its message id, which is also that of the mail or the request."""

    message_id: str
    challenge_id: str = field(repr=False)
    guid: str
    realm: str
    username: str
    channel: str
    """Its name in the configuration."""
    kind: ChannelKind | None
    """None: no channel reaches this person."""
    destination: str
    """Masked."""
    outcome: Outcome
    sent_at: float
    report_id: str = field(default="", repr=False)
    """The id to ask the channel about its fate; empty if the channel does not report it."""
    status: DeliveryStatus | None = None
    """The last known status; None: none."""
    reason: str = ""
    """Why it failed, for the person who has to fix it; holds no number and no text."""
    has_tag: bool = False
    """Whether the message showed the tag."""

    @property
    def is_under_way(self) -> bool:
        """Whether it was taken, or may have been: then it may arrive."""
        return self.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)

    @property
    def expires_at(self) -> float:
        return self.sent_at + REMEMBERED_SECONDS
