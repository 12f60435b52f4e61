"""The settings as the program sees them: frozen, typed, checked.

Field names are the keys of the TOML file. Durations are seconds here and strings such as ``"5m"`` in the
file. Secrets are `pydantic.SecretStr`, so that no `repr`, log line or traceback shows them. Each part of the
program is handed its own piece (`settings.sms`), never the whole.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator

from config.frozen_table import FrozenTable
from config.tables.admin import AdminSettings
from config.tables.api import APISettings as APISettings
from config.tables.apps import AppSettings as AppSettings
from config.tables.audit import AuditSettings as AuditSettings
from config.tables.bounces import BouncesSettings
from config.tables.canaries import CanarySettings as CanarySettings
from config.tables.degrade import DegradeSettings as DegradeSettings
from config.tables.degrade import RungKind as RungKind
from config.tables.degrade import rung_channels, with_mail_for_sms
from config.tables.directories import ActiveDirectorySettings as ActiveDirectorySettings
from config.tables.directories import DirectorySettings as DirectorySettings
from config.tables.directories import LocalDirectorySettings as LocalDirectorySettings
from config.tables.help_desk import HelpDeskSettings as HelpDeskSettings
from config.tables.help_desk import with_passes
from config.tables.mobile import MobileSettings as MobileSettings
from config.tables.networks import NetworkSettings as NetworkSettings
from config.tables.pages import PagesSettings as PagesSettings
from config.tables.passcode import PasscodeSettings as PasscodeSettings
from config.tables.password import PasswordSettings
from config.tables.radius import RADIUSAttributesSettings as RADIUSAttributesSettings
from config.tables.radius import RADIUSClientSettings as RADIUSClientSettings
from config.tables.radius import RADIUSSettings as RADIUSSettings
from config.tables.rules import PathRuleSettings as PathRuleSettings
from config.tables.schemes import BROWSER
from config.tables.schemes import SchemeSettings as SchemeSettings
from config.tables.second_factor import SecondFactorSettings as SecondFactorSettings
from config.tables.second_factor import channels_of
from config.tables.server import CertificateSettings as CertificateSettings
from config.tables.server import ServerSettings as ServerSettings
from config.tables.sessions import SessionSettings as SessionSettings
from config.tables.sms import SMSSettings as SMSSettings
from config.tables.smtp import SMTPSettings as SMTPSettings
from config.tables.ssh import SSHSettings as SSHSettings
from config.tables.store import StoreSettings as StoreSettings
from config.tables.texts import TextSettings as TextSettings
from config.tables.throttle import ThrottleSettings as ThrottleSettings
from config.tables.tracing import TracingSettings as TracingSettings


class Settings(FrozenTable):
    server: ServerSettings
    store: StoreSettings = StoreSettings()
    directories: Annotated[tuple[DirectorySettings, ...], Field(min_length=1)]
    mobile: MobileSettings = MobileSettings()
    smtp: Annotated[tuple[SMTPSettings, ...], Field(min_length=1)]
    sms: SMSSettings = SMSSettings()
    second_factor: SecondFactorSettings = SecondFactorSettings()
    bounces: BouncesSettings = BouncesSettings()
    canaries: tuple[CanarySettings, ...] = ()
    texts: tuple[TextSettings, ...] = ()
    passcode: PasscodeSettings = PasscodeSettings()
    password: PasswordSettings = PasswordSettings()
    throttle: ThrottleSettings = ThrottleSettings()
    sessions: SessionSettings = SessionSettings()
    help_desk: HelpDeskSettings = HelpDeskSettings()
    pages: PagesSettings = PagesSettings()
    networks: tuple[NetworkSettings, ...] = ()
    degrade: tuple[DegradeSettings, ...] = ()
    schemes: Annotated[tuple[SchemeSettings, ...], Field(min_length=1, validate_default=True)] = (BROWSER,)
    """As written, and with what `degrade` and `help_desk` let stand in for second factors."""
    apps: Annotated[tuple[AppSettings, ...], Field(min_length=1)]
    admin: AdminSettings = AdminSettings()
    radius: RADIUSSettings = RADIUSSettings()
    api: APISettings = APISettings()
    ssh: SSHSettings = SSHSettings()
    audit: AuditSettings = AuditSettings()
    tracing: TracingSettings = TracingSettings()

    @field_validator("schemes")
    @classmethod
    def _with_stand_ins(cls, schemes: tuple[SchemeSettings, ...], info: ValidationInfo) -> tuple[SchemeSettings, ...]:
        help_desk = info.data.get("help_desk")
        schemes = with_mail_for_sms(schemes, info.data.get("degrade", ()))
        return with_passes(schemes) if help_desk is not None and help_desk.lets_passes_stand_in else schemes

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels that passcodes go by, in order."""
        return channels_of(self.sms, self.second_factor)

    @property
    def all_channels(self) -> tuple[str, ...]:
        """The same, and those that a rung of `degrade` names."""
        return tuple(dict.fromkeys((*self.channels, *rung_channels(self.degrade))))

    @property
    def message_language(self) -> str:
        """That of `sms.text`, and of messages to people of whom nobody knows another one."""
        is_set = "language" in self.second_factor.model_fields_set
        return self.second_factor.language if is_set else self.pages.languages[0]

    @property
    def default_realm(self) -> str:
        """The realm of login names without a domain."""
        return next((each.name for each in self.directories if each.default), self.directories[0].name)

    @property
    def group_names(self) -> frozenset[str]:
        """Every group that an app, a scheme, the admin pages or `radius` name, as written: what directories are asked
        about."""
        return frozenset(
            group
            for groups in (
                *(app.groups for app in self.apps),
                *(rule.groups for app in self.apps for rule in app.rules),
                *(scheme.groups for scheme in self.schemes),
                self.admin.open_to,
                self.admin.people_groups,
                *(entry.groups for entry in self.radius.attributes),
                *(target.groups for target in self.ssh.targets),
            )
            for group in groups or ()
        )
