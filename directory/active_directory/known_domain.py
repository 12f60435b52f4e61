"""What is known of a domain itself: its names, its lockout, its groups, its rules for passwords.

Read at the first need and again when it is too old. Nothing about a person is kept here.
"""

from __future__ import annotations

from config.settings import ActiveDirectorySettings
from directory.active_directory.domain import Domain, read_domain
from directory.active_directory.groups import ConfiguredGroups, resolve_groups
from directory.active_directory.password_modify import RULE_ATTRIBUTES, password_rules
from directory.active_directory.reader import Reader
from directory.active_directory.remembered import Remembered
from directory.active_directory.wrong_passwords import LOCKOUT_ATTRIBUTES, lockout_policy
from directory.change_outcomes import PasswordRules
from directory.lockout import LockoutPolicy
from directory.login_name import LoginName

REMEMBERED_SECONDS = 300.0
"""How long it is believed."""


class KnownDomain:
    """Shared by all threads. Each method that takes a `Reader` raises what its searches raise, or `DirectoryBusy`."""

    def __init__(self, settings: ActiveDirectorySettings, groups: frozenset[str]) -> None:
        """`groups`: the ones that the configuration names anywhere."""
        self._settings = settings
        self._group_names = groups
        self._domain: Remembered[Domain] = Remembered(REMEMBERED_SECONDS)
        self._lockout: Remembered[LockoutPolicy | None] = Remembered(REMEMBERED_SECONDS)
        self._groups: Remembered[ConfiguredGroups] = Remembered(REMEMBERED_SECONDS)
        self._rules: Remembered[PasswordRules | None] = Remembered(REMEMBERED_SECONDS)

    @property
    def lockout_policy(self) -> LockoutPolicy | None:
        """As read last; None too before it was."""
        return self._lockout.last

    def serves(self, login_name: LoginName) -> bool:
        """Until the domain was reached once, the first label of its DNS name stands in for its NetBIOS name."""
        domain, settings = self._domain.last, self._settings
        if login_name.domain is not None:
            assumed = settings.netbios_name or settings.domain.partition(".")[0][:15]
            names = {domain.netbios_name if domain else assumed, settings.name, settings.domain}
            return login_name.domain.casefold() in {name.casefold() for name in names}
        if login_name.suffix is not None:
            suffixes = {settings.domain, *(domain.upn_suffixes if domain else settings.upn_suffixes or ())}
            return login_name.suffix.casefold() in {suffix.casefold() for suffix in suffixes}
        return False

    def domain(self, reader: Reader) -> Domain:
        domain = self._domain.get(lambda: read_domain(reader, self._settings), deadline=reader.deadline)
        self._lockout.get(
            lambda: lockout_policy(reader.at(domain.root_dn, LOCKOUT_ATTRIBUTES), self._settings),
            deadline=reader.deadline,
        )
        return domain

    def groups(self, reader: Reader) -> ConfiguredGroups:
        domain = self.domain(reader)
        return self._groups.get(lambda: resolve_groups(reader, domain, self._group_names), deadline=reader.deadline)

    def rules(self, reader: Reader) -> PasswordRules | None:
        domain = self.domain(reader)
        return self._rules.get(
            lambda: password_rules(reader.at(domain.root_dn, RULE_ATTRIBUTES)), deadline=reader.deadline
        )

    def learn(self, reader: Reader) -> None:
        """Everything that a sign-in needs."""
        self.domain(reader)
        if self._group_names:
            self.groups(reader)
