"""`[smtp]`, `[sms]`, `[second_factor]`, `[[texts]]`: the ways that passcodes go, and what is said with them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from config.addresses import Machine
from config.frozen_table import FrozenTable
from config.gateway_values import ChannelName, GatewayName
from config.tables.sms_gateways import HTTPGatewaySettings, SMSGatewaySettings
from config.text_values import Language, LongText, MailSubject, SMSText
from config.values import Flag, Integer, NotEmpty, PlainAddress, Seconds, Secret, Text


class SMTPSettings(FrozenTable):
    host: Machine
    port: Annotated[Integer, Field(ge=1, le=65535)] = 587
    security: Literal["tls", "starttls", "none"] = "starttls"
    allow_insecure: Flag = False
    """Permits ``security = "none"`` to a host that is not loopback."""
    username: Text | None = None
    password: Secret | None = None
    sender: Annotated[PlainAddress, Field(alias="from")]
    """The address registered at the SMS gateway as trusted: envelope sender and From."""
    ca_file: Path | None = None
    connections: Annotated[Integer, Field(ge=1, le=32)] = 4
    timeout: Seconds = 8.0


class SMSSettings(FrozenTable):
    gateway: Text = "kapow"
    """The only channel, where `second_factor.channels` names none."""
    text: SMSText = "{passcode} is your {app} sign-in code. It is valid for {minutes} minutes."
    webotp: Flag = False
    """Whether the last line is ``@host #passcode``, where the gateway passes several lines on."""
    gateways: dict[GatewayName, SMSGatewaySettings] = Field(default_factory=dict)
    """E-mail-to-SMS gateways of the operator's own, and changes to the presets."""
    http: dict[GatewayName, HTTPGatewaySettings] = Field(default_factory=dict)
    """SMS gateways that are asked over HTTPS."""


class SecondFactorSettings(FrozenTable):
    """By which ways passcodes go."""

    channels: Annotated[tuple[ChannelName, ...], NotEmpty] | None = None
    """Tried in this order: e-mail-to-SMS gateways, HTTP gateways, ``email``. None: the gateway that `[sms]` names."""
    budget: Annotated[Seconds, Field(ge=1, le=60)] = 10.0
    """How long all channels together may take: a person is waiting for the page."""
    language: Language = "en"
    """Of `sms.text`, and of messages to people whose browser asks for none that there are texts in."""
    email_for_sms: Flag = False
    """Whether ``email`` may stand in where a scheme asks for "sms" and no SMS channel took the passcode."""


class TextSettings(FrozenTable):
    """What is said in one language: by one channel, or by all SMS channels."""

    language: Language | None = None
    """None: the default one."""
    channel: ChannelName | None = None
    """None: every SMS channel that has no text of its own in this language."""
    text: LongText | None = None
    """Of an SMS."""
    subject: MailSubject | None = None
    body: LongText | None = None
    """Of a mail."""
