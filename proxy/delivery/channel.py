"""The ways to deliver a passcode, and what may be said of the outcome.

A channel is one way. All of them together are a channel too: that one the portal gets.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from config.factors import ChannelKind
from directory.mobile import E164

SMS_ONLY = frozenset((ChannelKind.SMS,))
EMAIL_ONLY = frozenset((ChannelKind.EMAIL,))


@dataclass(frozen=True, slots=True, kw_only=True)
class PasscodeMessage:
    """What to say to whom. Its `repr` shows neither passcode nor number nor mail address."""

    passcode: str = field(repr=False)
    number: E164 | None = field(repr=False)
    """None: no SMS channel reaches this person."""
    app: str
    host: str
    minutes: int
    message_id: str
    """For the log and the Message-ID: random, derived from nothing."""
    mail: str | None = field(default=None, repr=False)
    """The mail address that the directory holds, as it stands there."""
    tag: str = field(default="", repr=False)
    """Words that page and message share, so that people can tell several late messages apart."""
    language: str = "en"
    name: str = field(default="", repr=False)
    """Of the person, as it stands in the directory."""


class Outcome(Enum):
    ACCEPTED = "accepted"
    """A relay or gateway took it: the most that an e-mail gateway lets us know."""
    UNKNOWN = "unknown"
    """The connection broke after the end of the message was sent: it may arrive, so it is never sent again
    automatically."""
    REFUSED = "refused"
    """This recipient was refused for good."""
    UNAVAILABLE = "unavailable"
    """Nobody took it; a later try may succeed."""


class DeliveryStatus(Enum):
    """What became of an accepted message, if the gateway reports it."""

    WAITING = "waiting"
    """At the gateway."""
    SENT = "sent"
    """With the phone network."""
    DELAYED = "delayed"
    """With the phone network, which tries again: the phone is off or out of reach."""
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The gateway could not be asked, or its answer was useless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    outcome: Outcome
    channel: str
    """Its name in `second_factor.channels`."""
    kind: ChannelKind | None = None
    """None: no channel of the kinds that were allowed reaches this person."""
    destination: str = ""
    """Masked: the last digits of the number, or the first letter and the domain of the mail address."""
    relay: str = ""
    """``host:port`` of the relay or gateway, for the log."""
    code: int | None = None
    """The SMTP reply code or HTTP status, if there was one."""
    reason: str = ""
    """For the log; holds no passcode, subject, number or credential."""
    can_report: bool = False
    """Whether `PasscodeChannels.delivery_status` can say what became of it."""
    report_id: str = field(default="", repr=False)
    """What to ask with."""


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


class Notifier(Protocol):
    """Tells a person something that holds no passcode. Never raises for what a relay or network does."""

    async def tell_number(self, number: E164, text: str, message_id: str, instead: Sequence[str] = ()) -> Delivery:
        """`text` as an SMS, one line; where a gateway does not pass it on, the first of `instead` that it does."""
        ...

    async def tell_mail(self, address: str, subject: str, text: str, message_id: str) -> Delivery: ...


class PasscodeChannels(Notifier, Protocol):
    """Every configured channel, in order: what the portal is given."""

    @property
    def name(self) -> str: ...

    async def send(
        self, message: PasscodeMessage, *, kinds: Collection[ChannelKind] | None = None, after: str = ""
    ) -> Delivery:
        """Deliver by the first channel of `kinds` that takes it. The next is tried only if that one certainly did not.

        Never raises for what a relay or network does: that is the outcome.

        `kinds` None: what may prove a scheme's "sms", which is an SMS unless the operator set
        `second_factor.email_for_sms`. `after`: the name of a channel (`Delivery.channel`) that did not serve. The one
        behind it goes first, and it goes last.
        """
        ...

    def names(self, kinds: Collection[ChannelKind] | None = None) -> tuple[str, ...]:
        """The channels of these kinds, in order; `kinds` as in `send`."""
        ...

    def kind_of(self, name: str) -> ChannelKind | None: ...

    def has_tag(self, channel: str, language: str) -> bool:
        """Whether the message that this channel sends shows the tag."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that have texts, the default one first."""
        ...

    async def delivery_status(self, report_id: str) -> DeliveryStatus:
        """What became of a message whose `Delivery.can_report` was true; never raises for what a gateway does."""
        ...

    async def check(self) -> Delivery:
        """Connect, verify the certificate and log in, but send nothing (for `gatepost check` and readiness)."""
        ...

    async def close(self) -> None: ...
