"""Settings and messages for the tests of passcode delivery."""

from __future__ import annotations

from typing import Any

from config.settings import AppSettings, LocalDirectorySettings, ServerSettings, Settings, SMSSettings, SMTPSettings
from directory.mobile import E164
from proxy.delivery.channel import PasscodeMessage

PASSCODE = "493817"
NUMBER = E164("+447400123456")
TEXT = "{passcode} is your {app} sign-in code. It is valid for {minutes} minutes."


def relay_settings(port: int, **changes: Any) -> SMTPSettings:
    values: dict[str, Any] = {"host": "127.0.0.1", "port": port, "security": "none", "from": "otp@corp.example"}
    return SMTPSettings.model_validate({**values, **changes})


def delivery_settings(
    *relays: SMTPSettings, text: str = TEXT, gateway: str = "kapow", apps: tuple[str, ...] = ("Wiki",)
) -> Settings:
    return Settings(
        server=ServerSettings.model_validate({"public_url": "https://signin.corp.example"}),
        directories=(LocalDirectorySettings.model_validate({"type": "local", "name": "local", "file": "users.toml"}),),
        smtp=relays or (relay_settings(25),),
        sms=SMSSettings(gateway=gateway, text=text),
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
