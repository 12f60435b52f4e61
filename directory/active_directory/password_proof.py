"""Proving a password with one bind, and changing it with one modify; then the person is read from the same server.

All of this blocks, and runs in a thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

from directory.active_directory.bind_result import refusal_reason
from directory.active_directory.domain_controllers import DomainControllers
from directory.active_directory.filters import guid_base
from directory.active_directory.known_domain import KnownDomain
from directory.active_directory.password_modify import (
    RequestedChange,
    UnknownAnswer,
    change_refusal,
    kinds_of_characters,
    unicode_pwd,
)
from directory.active_directory.persons import PersonReader
from directory.active_directory.reader import Reader
from directory.active_directory.server_address import ServerAddress
from directory.change_outcomes import ChangeRefusal, PasswordChanged, PasswordChangeRefused, PasswordRules
from directory.directory import PasswordRefused, RefusalReason
from directory.errors import DirectoryError, OutcomeUnknown
from directory.password import are_usable_octets
from directory.principal import Account, Principal


class PasswordProof:
    """Of one realm; shared by all threads. Deadlines are of `time.monotonic`."""

    def __init__(
        self,
        realm: str,
        servers: DomainControllers,
        domain: KnownDomain,
        persons: PersonReader,
        *,
        timeout_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        """`timeout_seconds`: a new time-out for reading the person, after the bind."""
        self._realm = realm
        self._servers = servers
        self._domain = domain
        self._persons = persons
        self._timeout_seconds = timeout_seconds
        self._clock = clock

    def authenticate(self, account: Account | None, password: str, deadline: float) -> Principal | PasswordRefused:
        try:
            octets = password.encode("utf-8")  # as bytes: ldap3 would normalise text (SASLprep), AD does not
        except UnicodeEncodeError:
            return PasswordRefused(RefusalReason.UNUSABLE_PASSWORD)
        if not are_usable_octets(octets):
            return PasswordRefused(RefusalReason.UNUSABLE_PASSWORD)
        if account is None or account.realm != self._realm or not account.locator:
            domain = self._servers.read(self._domain.domain, deadline=deadline)
            judged = self._servers.bind_once(f"CN={uuid4()},{domain.base_dn}", octets, deadline=deadline)
            return PasswordRefused(RefusalReason.UNKNOWN, told_by=judged.peer)
        return self._prove(account, octets, deadline)

    def change(self, guid: str, old: str, new: str, deadline: float) -> PasswordChanged | PasswordChangeRefused:
        try:
            base, octets = guid_base(guid), new.encode("utf-8")
            values = unicode_pwd(old), unicode_pwd(new)
            usable = are_usable_octets(old.encode("utf-8")) and are_usable_octets(octets)
        except ValueError:  # UnicodeEncodeError is one
            usable = False
        if not usable:
            return PasswordChangeRefused(ChangeRefusal.UNUSABLE_PASSWORD)
        found = self._servers.read(lambda reader: self._changeable(reader, base, guid), deadline=deadline)
        if isinstance(found, ChangeRefusal):
            return PasswordChangeRefused(found)
        dn, rules, age_seconds = found
        judged = self._servers.change_password_once(dn, *values, deadline=deadline)
        try:
            asked = RequestedChange(length=len(new), kinds=kinds_of_characters(new), age_seconds=age_seconds)
            refusal = change_refusal(judged.outcome, asked=asked, rules=rules)
        except UnknownAnswer as exc:
            raise OutcomeUnknown(self._realm, f"{judged.server}: {exc}") from exc
        if refusal is not None:
            return PasswordChangeRefused(refusal, told_by=judged.peer)
        # From here on the password is changed, whatever happens.
        account = Account(guid=guid, realm=self._realm, username="", locator=dn)
        try:
            signed_in = self._prove(account, octets, time.monotonic() + self._timeout_seconds, only_at=judged.server)
        except DirectoryError:
            return PasswordChanged(None)
        return PasswordChanged(signed_in if isinstance(signed_in, Principal) else None)

    def _prove(
        self, account: Account, octets: bytes, deadline: float, *, only_at: ServerAddress | None = None
    ) -> Principal | PasswordRefused:
        judged = self._servers.bind_once(account.locator, octets, deadline=deadline, only_at=only_at)
        reason = refusal_reason(judged.outcome)
        if reason is not None and not reason.is_fixed_by_a_change:
            return PasswordRefused(reason, told_by=judged.peer)

        def work(reader: Reader) -> Principal | PasswordRefused:
            # As the service account, so that this and a later `read` see the same. By the DN whose password was proven,
            # so that a rename in between is noticed. From the same server, because another may not have the change yet.
            person = self._persons.at(reader, account.locator)
            if person is None or person.guid != account.guid:
                return PasswordRefused(RefusalReason.UNKNOWN, told_by=judged.peer)
            refusal = person.refusal(self._clock())
            if refusal is not None:
                return PasswordRefused(refusal, told_by=judged.peer)
            principal = self._persons.principal(reader, person)
            if reason is not None:
                return PasswordRefused(reason, principal, told_by=judged.peer)
            return replace(principal, told_by=judged.peer)

        fresh_deadline = time.monotonic() + self._timeout_seconds
        return self._servers.read(work, deadline=fresh_deadline, only_at=judged.server)

    def _changeable(
        self, reader: Reader, base: str, guid: str
    ) -> tuple[str, PasswordRules | None, float | None] | ChangeRefusal:
        """The DN of a person who may change their password, the rules for it, and the age of the one they have.

        AD would change it for a disabled account too.
        """
        person = self._persons.at(reader, base)
        entry = reader.at(base, ())
        if person is None or person.guid != guid or entry is None:
            return ChangeRefusal.NOT_USABLE
        refusal = person.refusal(self._clock())
        if refusal is not None:
            return ChangeRefusal.LOCKED if refusal is RefusalReason.LOCKED else ChangeRefusal.NOT_USABLE
        set_at = person.password_set_at
        return entry.dn, self._domain.rules(reader), None if set_at is None else self._clock() - set_at
