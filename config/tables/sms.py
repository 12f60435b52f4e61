"""`[sms]`: the SMS gateway and what is said through it; `[sms.gateways.NAME]` and `[sms.http.NAME]` describe others."""

from __future__ import annotations

from pydantic import Field

from config.frozen_table import FrozenTable
from config.tables.gateway_values import GatewayName
from config.tables.sms_gateways import HTTPGatewaySettings, SMSGatewaySettings
from config.tables.texts import SMSText, parse_template
from config.values import Flag, Text


class SMSSettings(FrozenTable):
    gateway: Text = "kapow"
    """The only channel, where `second_factor.channels` names none."""
    text: SMSText = parse_template("{passcode} is your {app} sign-in code. It is valid for {minutes} minutes.")
    webotp: Flag = False
    """Whether the last line is ``@host #passcode``, where the gateway passes several lines on."""
    gateways: dict[GatewayName, SMSGatewaySettings] = Field(default_factory=dict)
    """E-mail-to-SMS gateways of the operator's own, and changes to the presets."""
    http: dict[GatewayName, HTTPGatewaySettings] = Field(default_factory=dict)
    """SMS gateways that are asked over HTTPS."""
