"""What became of a message with a passcode, as far as anybody can know. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from config.factors import ChannelKind
from proxy.delivery.channel import DeliveryStatus, Outcome
from proxy.delivery.delivery_store import OPERATORS, FailureReason, Sending


class Fate(Enum):
    """What is known of a challenge's latest message."""

    SENDING = "sending"
    """It is being handed over."""
    NOT_SENT = "not_sent"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"
    """It may be on its way: whoever handed it over learned no result, or was stopped before."""
    WAITING = "waiting"
    SENT = "sent"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNREACHABLE = "failed: the number or address cannot be reached"
    OPERATORS = "failed: every message does, until the operator acts"


_HEARD = {each: Fate(each.value) for each in DeliveryStatus if each is not DeliveryStatus.UNKNOWN}
_FAILED = {FailureReason.NUMBER_REFUSED.value: Fate.UNREACHABLE} | {each.value: Fate.OPERATORS for each in OPERATORS}
"""By the `Sending.reason` that a report of a failed delivery left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The latest message of a challenge, as it is told to the person who waits for it."""

    fate: Fate
    is_mail: bool
    """Whether it went, or is to go, by mail."""
    destination: str
    """Masked."""
    shows_tag: bool
    offer_at: float
    """When to offer another one: not before the time by which messages usually arrive."""
    other_way: ChannelKind | None
    """What the channel behind the last one sends by, if one reaches this person; None: there is none."""
    channel: str = ""
    """The one that its latest message went by; empty: none did."""
    slow_seconds: int | None = None
    """How long messages of its channel take today, if that is long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """One message, as it is told to the help desk."""

    realm: str
    username: str
    channel: str
    destination: str
    """Masked."""
    sent_at: float
    fate: Fate
    reason: str
    """Why it failed; empty: nobody said."""
    entered_at: float | None
    """When its passcode was entered; None: it was not."""


def told_of(sending: Sending) -> SentMessage:
    return SentMessage(
        realm=sending.realm,
        username=sending.username,
        channel=sending.channel,
        destination=sending.destination,
        sent_at=sending.sent_at,
        fate=fate_of(sending),
        reason=sending.reason,
        entered_at=sending.entered_at,
    )


class Unsent(Enum):
    """Why a message that was tried just now is not under way."""

    REFUSED = "refused"
    """This recipient was refused for good."""
    NOT_TAKEN = "not taken"


def unsent(sending: Sending) -> Unsent | None:
    if sending.is_under_way:
        return None
    return Unsent.REFUSED if sending.outcome is Outcome.REFUSED else Unsent.NOT_TAKEN


def fate_of(sending: Sending | None, *, is_begun: bool = False) -> Fate:
    """Without a `sending` its result is not known yet. `is_begun`: it may still be being handed over."""
    if sending is None:
        return Fate.SENDING if is_begun else Fate.UNKNOWN
    if sending.status is DeliveryStatus.FAILED:
        return _FAILED.get(sending.reason, Fate.FAILED)
    if sending.status is DeliveryStatus.DELIVERED:
        return Fate.DELIVERED
    if not sending.is_under_way:
        return Fate.NOT_SENT
    if sending.status in _HEARD:
        return _HEARD[sending.status]
    return Fate.UNKNOWN if sending.outcome is Outcome.UNKNOWN else Fate.ACCEPTED


def latest_of(sendings: Sequence[Sending]) -> Sending | None:
    """The latest message that is or may be under way, else the latest one that was tried."""
    under_way = [each for each in sendings if each.is_under_way]
    return next(reversed(under_way or list(sendings)), None)


def may_arrive(sending: Sending) -> bool:
    return sending.is_under_way and sending.status is not DeliveryStatus.FAILED


def kinds_under_way(sendings: Sequence[Sending]) -> frozenset[ChannelKind]:
    """The channels of all messages that may have arrived: the person may have read the passcode in any of them."""
    return frozenset(each.kind for each in sendings if each.is_under_way and each.kind is not None)
