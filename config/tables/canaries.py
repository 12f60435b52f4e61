"""`[[canaries]]`: passcodes that Gatepost sends to the operator, to know that they arrive; and what has to agree."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.addresses import Machine
from config.frozen_table import FrozenTable, repeated
from config.problems import nearest, told
from config.tables.bounces import BouncesSettings
from config.tables.gateway_values import EMAIL, ChannelName
from config.tables.mailboxes import MailboxSettings, mailbox_problems
from config.values import Flag, Integer, Seconds, Secret, Text, duration_text, matching

CanaryName = Annotated[
    str, matching(r"[a-z0-9][a-z0-9_-]{0,39}", "must be 1 to 40 small letters, digits, dashes or underscores")
]
_EVERY_MAIL_SECONDS = 300.0
_EVERY_SMS_SECONDS = 1800.0


class CanaryInboxSettings(FrozenTable):
    """The mailbox in which a canary's messages arrive, read over IMAP. Gatepost deletes those, and nothing else."""

    host: Machine
    """The mailbox's server."""
    port: Annotated[Integer, Field(ge=1, le=65535)] | None = None
    """Its TCP port. Not set: 993 with `tls`, else 143."""
    security: Literal["tls", "starttls", "none"] = "tls"
    """`tls`, `starttls`, or `none`, which is for this machine only."""
    allow_insecure: Flag = False
    """Permits `security = "none"` to another machine."""
    username: Text
    """The login."""
    password: Secret
    """Its password."""
    ca_file: Path | None = None
    """The certificate authority that signed the server's certificate, a PEM file. Not set: those that the operating
    system trusts."""
    mailbox: Text = "INBOX"
    """The name of the mailbox, in ASCII (modified UTF-7, RFC 3501)."""
    poll: Annotated[Seconds, Field(ge=5, le=600)] = 10.0
    """How often Gatepost looks into it. The time of an arrival is known as exactly as this."""
    timeout: Annotated[Seconds, Field(ge=1, le=60)] = 10.0
    """How long one answer of the server may take."""

    @property
    def then(self) -> Literal["delete"]:
        return "delete"


class CanarySettings(FrozenTable):
    """A passcode that Gatepost sends to the operator again and again, to know whether those of people arrive."""

    name: CanaryName
    """A name of your choice, in small letters, for metrics, log and commands."""
    channel: ChannelName
    """Which of `second_factor.channels`, or of the channels of a rung of `[[degrade]]`, it goes through."""
    to: Annotated[Text, Field(repr=False)]
    """A mobile number of yours, or with the channel `email` a mail address."""
    every: Annotated[Seconds, Field(ge=60, le=86_400)] | None = None
    """How often one is sent. Not set: 30 minutes, as an SMS costs money, or 5 minutes with the channel `email`."""
    within: Annotated[Seconds, Field(ge=10, le=3600)] = 120.0
    """How long one may take to arrive."""
    inbox: CanaryInboxSettings | None = None
    """The mailbox in which it arrives. Not set: `gatepost canary arrived` says that it has."""

    @property
    def is_mail(self) -> bool:
        return self.channel == EMAIL

    @property
    def every_seconds(self) -> float:
        """As set, or as the channel has it."""
        if self.every is not None:
            return self.every
        return _EVERY_MAIL_SECONDS if self.is_mail else _EVERY_SMS_SECONDS


def canary_problems(
    canaries: Sequence[CanarySettings], channels: Collection[str], bounces: BouncesSettings
) -> Iterator[tuple[int, str, str]]:
    """Position, key and sentence of what keeps a canary from telling anything."""
    for position in repeated(getattr(each, "name", None) for each in canaries):
        yield position, "name", "there is another canary of this name"
    for position, each in enumerate(canaries):
        for key, message in told(_channel(each, channels), _within(each), _inbox(each, bounces)):
            yield position, key, message


def _channel(canary: CanarySettings, channels: Collection[str]) -> Iterator[tuple[str, str]]:
    if canary.channel not in channels:
        listed = ", ".join(f'"{each}"' for each in channels)
        hint = nearest(canary.channel, channels)
        yield "channel", f'"{canary.channel}" is none of the channels; there is {listed}{hint}'


def _within(canary: CanarySettings) -> Iterator[tuple[str, str]]:
    if canary.within >= canary.every_seconds:
        yield (
            "within",
            f'must be less than "{duration_text(canary.every_seconds)}", the time from one message to the next',
        )


def _inbox(canary: CanarySettings, bounces: BouncesSettings) -> Iterator[tuple[str, str]]:
    inbox = canary.inbox
    if inbox is None:
        return
    if inbox.poll >= canary.within:
        yield "inbox.poll", f'must be less than "{duration_text(canary.within)}", the time that a message may take'
    for key, message in mailbox_problems(inbox, "messages"):
        yield f"inbox.{key}", message
    if bounces.inbox == "imap" and _place_of(inbox) == _place_of(bounces):
        yield "inbox.mailbox", "is the one of [bounces], which would take the messages away: use another"


def _place_of(settings: MailboxSettings) -> tuple[str | None, str | None, str]:
    return settings.host, settings.username, settings.mailbox
