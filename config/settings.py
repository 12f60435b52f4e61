"""The settings as the program sees them: frozen, typed, checked.

Field names are the keys of the TOML file. Durations are seconds here and strings such as ``"5m"`` in the
file. Secrets are `pydantic.SecretStr`, so that no `repr`, log line or traceback shows them. Each part of the
program is handed its own piece (`settings.sms`), never the whole.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.frozen_table import FrozenTable
from config.tables.admin import AdminSettings
from config.tables.apps import AppSettings
from config.tables.bounces import BouncesSettings
from config.tables.delivery import SecondFactorSettings, SMSSettings, SMTPSettings, TextSettings
from config.tables.directories import ActiveDirectorySettings, DirectorySettings, LocalDirectorySettings, MobileSettings
from config.tables.rules import PathRuleSettings
from config.tables.schemes import SchemeSettings
from config.tables.server import CertificateSettings, ServerSettings
from config.tables.store import StoreSettings
from config.values import Integer, Seconds

__all__ = [
    "ActiveDirectorySettings",
    "AppSettings",
    "CertificateSettings",
    "DirectorySettings",
    "LocalDirectorySettings",
    "MobileSettings",
    "PasscodeSettings",
    "PathRuleSettings",
    "SMSSettings",
    "SMTPSettings",
    "SchemeSettings",
    "SecondFactorSettings",
    "ServerSettings",
    "SessionSettings",
    "Settings",
    "StoreSettings",
    "TextSettings",
    "ThrottleSettings",
]


class PasscodeSettings(FrozenTable):
    digits: Annotated[Integer, Field(ge=6, le=10)] = 6
    lifetime: Annotated[Seconds, Field(ge=30, le=600)] = 300.0
    attempts: Annotated[Integer, Field(ge=1, le=10)] = 5
    resend_after: Annotated[Seconds, Field(ge=1)] = 30.0
    """How long the page waits before it offers to send the passcode again."""


class ThrottleSettings(FrozenTable):
    """How often something may fail or be sent, each within `window` (sends per day: 24 hours)."""

    window: Annotated[Seconds, Field(ge=60)] = 1800.0
    passwords_per_person: Annotated[Integer, Field(ge=1)] = 4
    passwords_per_address: Annotated[Integer, Field(ge=1)] = 100
    passcodes_per_person: Annotated[Integer, Field(ge=1)] = 15
    sends_per_person: Annotated[Integer, Field(ge=1)] = 8
    sends_per_number: Annotated[Integer, Field(ge=1)] = 8
    sends_per_address: Annotated[Integer, Field(ge=1)] = 60
    sends_per_day: Annotated[Integer, Field(ge=1)] = 10_000
    passcode_failures_in_a_row: Annotated[Integer, Field(ge=1, le=100)] = 100
    """NIST SP 800-63B-4 section 3.2.2: then the factor is locked until an operator clears it."""


class SessionSettings(FrozenTable):
    idle: Annotated[Seconds, Field(ge=60)] = 1800.0
    absolute: Annotated[Seconds, Field(ge=60)] = 43_200.0
    kept_request_bytes: Annotated[Integer, Field(ge=0, le=16 * 1024 * 1024)] = 1024 * 1024
    """How large a form may be that is kept while its sender signs in again; 0: none is."""
    store_grace: Annotated[Seconds, Field(ge=1, le=3600)] = 60.0
    """How long sessions that a worker has seen go on while the store is away.

    Not less than the end of a session waits to be heard of: a worker is always a little behind.
    """


class Settings(FrozenTable):
    server: ServerSettings
    store: StoreSettings = StoreSettings()
    directories: Annotated[tuple[DirectorySettings, ...], Field(min_length=1)]
    mobile: MobileSettings = MobileSettings()
    smtp: Annotated[tuple[SMTPSettings, ...], Field(min_length=1)]
    sms: SMSSettings = SMSSettings()
    second_factor: SecondFactorSettings = SecondFactorSettings()
    bounces: BouncesSettings = BouncesSettings()
    texts: tuple[TextSettings, ...] = ()
    passcode: PasscodeSettings = PasscodeSettings()
    throttle: ThrottleSettings = ThrottleSettings()
    sessions: SessionSettings = SessionSettings()
    schemes: Annotated[tuple[SchemeSettings, ...], Field(min_length=1)] = (
        SchemeSettings(name="browser", factors=("password", "sms")),
    )
    apps: Annotated[tuple[AppSettings, ...], Field(min_length=1)]
    admin: AdminSettings = AdminSettings()

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels that passcodes go by, in order."""
        return self.second_factor.channels or (self.sms.gateway,)

    @property
    def default_realm(self) -> str:
        """The realm of login names without a domain."""
        return next((each.name for each in self.directories if each.default), self.directories[0].name)

    @property
    def group_names(self) -> frozenset[str]:
        """Every group that an app, a scheme or the admin pages name, as written: what directories are asked about."""
        return frozenset(
            group
            for groups in (
                *(app.groups for app in self.apps),
                *(rule.groups for app in self.apps for rule in app.rules),
                *(scheme.groups for scheme in self.schemes),
                self.admin.groups,
            )
            for group in groups or ()
        )
