"""Failures of messages that were accepted but did not arrive: values.

Instants are epoch seconds. Neither the passcode nor the number is part of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from proxy.delivery.sending import Sending

REMEMBERED_SECONDS = 3 * 86_400.0
"""How long an admin can look up a failure."""
MOST_REMEMBERED = 1000
"""How many failures are kept: the latest ones."""


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
