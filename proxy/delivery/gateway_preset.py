"""What is known of an e-mail-to-SMS gateway: the mail that it reads, and the texts that it sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config.settings import SMSSettings
from config.tables.gateway_values import placeholders
from config.tables.sms_gateways import NumberFormat, SMSGatewaySettings, gateway_named, subject_and_body
from proxy.delivery.text_rules import TextRules


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPreset:
    """One SMS gateway. Its `repr` shows no credentials."""

    name: str
    address: str = field(repr=False)
    """With ``{number}``, unless that stands elsewhere."""
    subject: str = field(repr=False)
    body: str = field(repr=False)
    number_format: NumberFormat
    home_region: str
    """Whose numbers "national" is about."""
    rules: TextRules
    credentials: Mapping[str, str] = field(repr=False)


def preset_of(name: str, gateway: SMSGatewaySettings, *, home_region: str) -> GatewayPreset:
    """The settings of a gateway as `config.tables.sms_gateways` let them pass."""
    subject, body = subject_and_body(gateway)
    password = gateway.password.get_secret_value() if gateway.password is not None else ""
    return GatewayPreset(
        name=name,
        address=gateway.address or "",
        subject=subject,
        body=body,
        number_format=gateway.number_format,
        home_region=home_region,
        rules=TextRules(
            gateway=name,
            in_subject="text" in placeholders(subject),
            gsm7=gateway.gsm7,
            seven_bit=gateway.seven_bit,
            several_lines=gateway.several_lines,
            terminator=gateway.terminator,
            max_characters=gateway.max_characters,
        ),
        credentials={"username": gateway.username or "", "password": password, "account": gateway.account or ""},
    )


def preset_named(name: str, sms: SMSSettings | None = None, *, home_region: str = "GB") -> GatewayPreset | None:
    """A gateway that `gateways.toml` or `[sms.gateways]` describes."""
    gateway = gateway_named(name, sms.gateways if sms is not None else {})
    return None if gateway is None else preset_of(name, gateway, home_region=home_region)
