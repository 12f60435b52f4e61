"""Settings and messages for the tests of passcode delivery."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from config.settings import (
    AppSettings,
    LocalDirectorySettings,
    SecondFactorSettings,
    ServerSettings,
    Settings,
    SMSSettings,
    SMTPSettings,
    TextSettings,
)
from config.tables.texts import parse_template
from directory.mobile import E164
from proxy.delivery.channel import PasscodeMessage
from proxy.delivery.channels_in_order import Channels
from proxy.delivery.email_channel import EmailChannel
from proxy.delivery.gateway_preset import preset_named
from proxy.delivery.relays import Relays
from proxy.delivery.sms_gateway import SMSByMail
from proxy.delivery.templates import MessageTexts

PASSCODE = "493817"
NUMBER = E164("+447400123456")
TEXT = "{passcode} is your {app} sign-in code. It is valid for {minutes} minutes."
TEXTS = MessageTexts(sms_template=parse_template(TEXT))
KAPOW = preset_named("kapow")


def by_mail(relays: Relays, *, budget: float = 10.0, clock: Callable[[], float] = time.time) -> Channels:
    """Kapow alone, through these relays."""
    sms = SMSByMail(KAPOW, TEXTS, relays, clock=clock)
    return Channels([sms], relays, EmailChannel(TEXTS, relays, clock=clock), budget_seconds=budget)


def relay_settings(port: int, **changes: Any) -> SMTPSettings:
    values: dict[str, Any] = {"host": "127.0.0.1", "port": port, "security": "none", "from": "otp@corp.example"}
    return SMTPSettings.model_validate({**values, **changes})


def delivery_settings(
    *relays: SMTPSettings,
    text: str = TEXT,
    gateway: str = "kapow",
    apps: tuple[str, ...] = ("Wiki",),
    second_factor: dict[str, Any] | None = None,
    sms: dict[str, Any] | None = None,
    texts: Sequence[dict[str, Any]] = (),
) -> Settings:
    """`second_factor` and `sms`: as those tables of the file are written."""
    return Settings(
        server=ServerSettings.model_validate({"public_url": "https://signin.corp.example"}),
        directories=(LocalDirectorySettings.model_validate({"type": "local", "name": "local", "file": "users.toml"}),),
        smtp=relays or (relay_settings(25),),
        sms=SMSSettings.model_validate({"gateway": gateway, "text": text, **(sms or {})}),
        texts=tuple(TextSettings.model_validate(each) for each in texts),
        second_factor=SecondFactorSettings.model_validate(second_factor or {}),
        apps=tuple(
            AppSettings.model_validate(
                {"name": app, "host": f"app{index}.corp.example", "upstream": "http://127.0.0.1:1"}
            )
            for index, app in enumerate(apps)
        ),
    )


def passcode_message(**changes: Any) -> PasscodeMessage:
    values: dict[str, Any] = {
        "passcode": PASSCODE,
        "number": NUMBER,
        "app": "Wiki",
        "host": "wiki.corp.example",
        "minutes": 5,
        "message_id": "aR4nd0mMessageId",
    }
    return PasscodeMessage(**{**values, **changes})
