"""What is kept of messages that carried a passcode, and of those that were accepted but did not arrive.

They are remembered longer than the challenge, because a failure may be reported hours later. Neither the passcode nor
the number is part of them. Instants are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Protocol

from config.factors import ChannelKind
from proxy.delivery.channel import DeliveryStatus, Outcome

REMEMBERED_SECONDS = 3 * 86_400.0
"""Mail servers try for days before they say that a message could not be delivered. As long an admin can look it up."""
MOST_REMEMBERED = 1000
"""How many failures are kept: the latest ones."""
MOST_LISTED = 500
"""How many messages can be listed: the latest ones."""


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
    country: str = ""
    """ISO region of the number, as far as it is known: for the metrics."""

    entered_at: float | None = None
    """When its passcode was entered, which every message of its challenge had; None: it was not."""

    @property
    def is_under_way(self) -> bool:
        """Whether it was taken, or may have been: then it may arrive."""
        return self.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN)

    @property
    def expires_at(self) -> float:
        return self.sent_at + REMEMBERED_SECONDS


class FailureReason(Enum):
    """Why it did not arrive."""

    NUMBER_REFUSED = "number_refused"
    """The number or address cannot be reached: for the AD admin."""
    SENDER_NOT_TRUSTED = "sender_not_trusted"
    """The relay or gateway takes no messages from us: sender, client, login, rate. For the operator."""
    NO_CREDIT = "no_credit"
    """The account at the SMS gateway is used up: for the operator."""
    GAVE_UP = "gave_up"
    """It could not be passed on, or was refused for a while, or a mailbox is full: the number may be right."""
    UNKNOWN = "unknown"
    """The report does not say why in words that we know."""

    @property
    def advice(self) -> str:
        """What an admin does about it."""
        return _ADVICE[self]


_ADVICE: Mapping[FailureReason, str] = MappingProxyType(
    {
        FailureReason.NUMBER_REFUSED: "correct the number or address that the directory holds",
        FailureReason.SENDER_NOT_TRUSTED: (
            "register the sender of [smtp] at the SMS gateway as trusted, and see that the relay takes mail from it"
        ),
        FailureReason.NO_CREDIT: "buy credit at the SMS gateway",
        FailureReason.GAVE_UP: "look at the relay's log: the mail could not be handed on",
        FailureReason.UNKNOWN: "see what was said, and look at the relay's log",
    }
)

OPERATORS = frozenset((FailureReason.SENDER_NOT_TRUSTED, FailureReason.NO_CREDIT))
"""Reasons that fail every message until the operator acts."""


UNCLEAR = frozenset((FailureReason.GAVE_UP, FailureReason.UNKNOWN))
"""Reasons that may concern one person or everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceReport:
    """What a mail says about the fate of one of our messages."""

    message_id: str
    reason: FailureReason
    detail: str = ""
    """One line for the admin: printable, bounded, without digits but for reply codes, without addresses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailure:
    """A report, and the message that it is about."""

    message_id: str
    guid: str
    """Whom the message was for."""
    realm: str
    username: str
    channel: str
    destination: str
    """Masked."""
    sent_at: float
    reason: FailureReason
    detail: str
    failed_at: float
    """When we learned of it."""


def failure_of(sending: Sending, *, reason: FailureReason, detail: str, failed_at: float) -> DeliveryFailure:
    """What became of this message."""
    return DeliveryFailure(
        message_id=sending.message_id,
        guid=sending.guid,
        realm=sending.realm,
        username=sending.username,
        channel=sending.channel,
        destination=sending.destination,
        sent_at=sending.sent_at,
        reason=reason,
        detail=detail,
        failed_at=failed_at,
    )


class DeliveryStore(Protocol):
    """Messages outlive their challenge and its session."""

    async def put_sending(self, sending: Sending) -> None:
        """Remember it until its `expires_at`, and replace what was known about this message id."""
        ...

    async def sending(self, message_id: str, *, now: float) -> Sending | None: ...

    async def sendings_of(self, challenge_id: str, *, now: float) -> tuple[Sending, ...]:
        """Every message of one challenge, in the order of sending. The caller judges whose challenge it is."""
        ...

    async def latest_sendings(self, *, now: float) -> tuple[Sending, ...]:
        """The `MOST_LISTED` latest of everybody's, the latest first."""
        ...

    async def put_failure(self, failure: DeliveryFailure) -> None:
        """Remember it for `REMEMBERED_SECONDS`, and no more than the `MOST_REMEMBERED` latest. Durable."""
        ...

    async def failures(self, *, since: float) -> tuple[DeliveryFailure, ...]:
        """Those read after that instant, the latest first."""
        ...
