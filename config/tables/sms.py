"""`[sms]`: the SMS gateway and what is said through it; `[sms.gateways.NAME]` and `[sms.http.NAME]` describe others."""

from __future__ import annotations

from pydantic import Field

from config.frozen_table import FrozenTable
from config.tables.gateway_values import GatewayName
from config.tables.sms_gateways import HTTPGatewaySettings, SMSGatewaySettings
from config.tables.texts import SMSText, parse_template
from config.values import Flag, Text


class SMSSettings(FrozenTable):
    """The SMS gateway and what is said through it."""

    gateway: Text = "kapow"
    """The e-mail-to-SMS gateway, where `second_factor.channels` names none."""
    text: SMSText = parse_template("{passcode} is your {app} sign-in code. It is valid for {minutes} minutes.")
    """The SMS: a single line that holds `{passcode}` once, and may hold `{app}`, `{host}`, `{minutes}`, `{name}` and
    `{tag}`. At most as long as the gateway takes."""
    webotp: Flag = False
    """Whether an SMS ends with a line (`@host #passcode`) by which phones fill in the passcode on the sign-in page
    alone. Needs a gateway that passes on several lines."""
    gateways: dict[GatewayName, SMSGatewaySettings] = Field(default_factory=dict)
    """E-mail-to-SMS gateways of your own, by a name of your choice, and changes to the known ones."""
    http: dict[GatewayName, HTTPGatewaySettings] = Field(default_factory=dict)
    """SMS gateways that are asked over HTTPS."""
