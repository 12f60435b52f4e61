"""One way to deliver a passcode, and what may be said of the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from directory.mobile import E164


@dataclass(frozen=True, slots=True, kw_only=True)
class PasscodeMessage:
    """What is to be said to whom. Its `repr` shows neither passcode nor number."""

    passcode: str = field(repr=False)
    number: E164 = field(repr=False)
    app: str
    host: str
    minutes: int
    message_id: str
    """For the log and the Message-ID: random, derived from nothing."""


class Outcome(Enum):
    ACCEPTED = "accepted"
    """The relay took it: the most that an e-mail gateway lets us know."""
    UNKNOWN = "unknown"
    """The connection broke after the message's end was sent: it may arrive. Never sent again by itself."""
    REFUSED = "refused"
    """The relay refused this recipient for good."""
    UNAVAILABLE = "unavailable"
    """Nobody took it; trying later may help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    outcome: Outcome
    channel: str
    relay: str = ""
    """``host:port``, for the log."""
    code: int | None = None
    """The SMTP reply code, where there was one."""
    reason: str = ""
    """For the log; holds no passcode, subject or number."""


class Notifier(Protocol):
    """Tells a person something that holds no passcode. Never raises for what a relay or network does."""

    async def tell_number(self, number: E164, text: str, message_id: str) -> Delivery:
        """`text` as an SMS: one line."""
        ...

    async def tell_mail(self, address: str, subject: str, text: str, message_id: str) -> Delivery: ...


class Channel(Protocol):
    @property
    def name(self) -> str: ...

    async def send(self, message: PasscodeMessage) -> Delivery:
        """Deliver once. Never raises for what a relay or network does: that is the outcome."""
        ...

    async def check(self) -> Delivery:
        """Connect, verify the certificate and log in, but send nothing (for `gatepost check` and readiness)."""
        ...

    async def close(self) -> None: ...
