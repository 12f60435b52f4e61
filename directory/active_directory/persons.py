"""Finding and reading persons as the service account: which account a login name means, and who that is."""

from __future__ import annotations

from collections.abc import Callable

from config.settings import ActiveDirectorySettings
from directory.active_directory.account import (
    IDENTITY_ATTRIBUTES,
    LOGON_HOURS,
    PASSWORD_SET,
    WORKSTATIONS,
    PersonEntry,
    UnreadableAccount,
    attributes_to_read,
    first_text,
    guid_of,
    instant_or_none,
    limits_against,
    read_person,
    username_of,
)
from directory.active_directory.domain import Domain
from directory.active_directory.filters import IS_PERSON, UnusableName, guid_base, person_called
from directory.active_directory.groups import MAX_ALL_GROUPS, group_names
from directory.active_directory.known_domain import KnownDomain
from directory.active_directory.messages import Entry
from directory.active_directory.reader import HeldElsewhere, Reader
from directory.active_directory.wrong_passwords import LOCKED_SINCE
from directory.directory import AccountState
from directory.errors import DirectoryMisconfigured
from directory.login_name import LoginName
from directory.managers import ManagerLine, line_above
from directory.principal import Account, Principal, password_version

_MANAGER = "manager"
_FOUND_ATTRIBUTES = (*IDENTITY_ATTRIBUTES, PASSWORD_SET)


class PersonReader:
    """Of one realm; shared by all threads. Every method raises what a search raises."""

    def __init__(
        self,
        settings: ActiveDirectorySettings,
        domain: KnownDomain,
        groups: frozenset[str],
        want_all_groups: bool,
        *,
        clock: Callable[[], float],
    ) -> None:
        """`groups`: the ones that the configuration names. `want_all_groups`: fill `Principal.all_groups`."""
        self._realm = settings.name
        self._mobile_attributes = settings.mobile_attributes
        self._domain = domain
        self._has_groups = bool(groups)
        self._want_all_groups = want_all_groups
        self._attributes = attributes_to_read(
            settings.mobile_attributes,
            with_groups=want_all_groups or bool(groups),
            with_expiry=settings.warn_before_expiry > 0,
        )
        self._clock = clock

    def account_called(self, reader: Reader, login_name: LoginName) -> Account | None:
        """The one account of that name; None if there is none or more than one."""
        domain = self._domain.domain(reader)
        if (login_name.domain is not None or login_name.suffix is not None) and not self._domain.serves(login_name):
            return None
        try:
            entry = _entry_called(reader, domain, login_name)
        except UnusableName:
            return None
        if entry is None:
            return None
        try:
            return Account(
                guid=guid_of(entry),
                realm=self._realm,
                username=username_of(entry),
                locator=entry.dn,
                password_version=password_version(instant_or_none(entry, PASSWORD_SET)),
            )
        except UnreadableAccount as exc:
            raise DirectoryMisconfigured(self._realm, str(exc)) from exc

    def at(self, reader: Reader, base_dn: str) -> PersonEntry | None:
        """The person with this DN (or `<GUID=...>`), in whatever state; None if there is none in scope."""
        domain = self._domain.domain(reader)
        entry = reader.at(base_dn, self._attributes, IS_PERSON)
        if entry is None or not domain.holds(entry.dn):
            return None
        try:
            return read_person(entry, self._mobile_attributes)
        except UnreadableAccount as exc:
            raise DirectoryMisconfigured(self._realm, str(exc)) from exc

    def usable_at(self, reader: Reader, base_dn: str, guid: str) -> Principal | None:
        """The person with this DN and this GUID; None if they are gone or cannot sign in any more."""
        person = self.at(reader, base_dn)
        if person is None or person.guid != guid or person.refusal(self._clock()) is not None:
            return None
        return self.principal(reader, person)

    def managers_of(self, reader: Reader, guid: str) -> ManagerLine:
        """Who is named above the person with this GUID. What is named but is no person in scope ends the line."""
        domain = self._domain.domain(reader)
        named: dict[str, str] = {guid: first_text(reader.at(guid_base(guid), (_MANAGER,), IS_PERSON), _MANAGER)}

        def manager_of(each: str) -> str | None:
            try:
                entry = reader.at(named[each], ("objectGUID", _MANAGER), IS_PERSON) if named[each] else None
            except HeldElsewhere:  # it ends the line; any other error stops this, for it could hide a loop
                entry = None
            if entry is None or not domain.holds(entry.dn):
                return None
            above = guid_of(entry)
            named[above] = first_text(entry, _MANAGER)
            return above

        try:
            guids = line_above(guid, manager_of)
        except UnreadableAccount as exc:
            raise DirectoryMisconfigured(self._realm, str(exc)) from exc
        manager = self.usable_at(reader, guid_base(guids[0]), guids[0]) if guids else None
        return ManagerLine(guids=guids, manager=manager)

    def state_at(self, reader: Reader, base_dn: str) -> AccountState | None:
        """The account with this DN, in whatever state; None if there is none in scope."""
        person = self.at(reader, base_dn)
        if person is None:
            return None
        of_password = () if person.password_refusal is None else (person.password_refusal,)
        entry = reader.at(base_dn, (LOCKED_SINCE, LOGON_HOURS, WORKSTATIONS), IS_PERSON)
        policy = self._domain.lockout_policy
        locked_until = None
        if person.is_locked and policy is not None and policy.duration_seconds is not None:
            locked_at = instant_or_none(entry, LOCKED_SINCE)
            locked_until = None if locked_at is None else locked_at + policy.duration_seconds
        return AccountState(
            principal=self.principal(reader, person),
            refusals=(
                *person.refusals(self._clock()),
                *limits_against(entry, reader.server, self._clock()),
                *of_password,
            ),
            locked_until=locked_until,
            told_by=str(reader.server),
        )

    def principal(self, reader: Reader, person: PersonEntry) -> Principal:
        sids: frozenset[bytes] = person.group_sids or frozenset()
        groups: frozenset[str] = frozenset()
        all_groups: tuple[str, ...] = ()
        domain = self._domain.domain(reader)
        if self._has_groups:
            groups = self._domain.groups(reader).of(sids)
        if self._want_all_groups:
            all_groups = tuple(sorted(group_names(reader, domain, sids).values())[:MAX_ALL_GROUPS])
        return Principal(
            guid=person.guid,
            realm=self._realm,
            username=person.username,
            display_name=person.display_name,
            mail=person.mail,
            language=person.language,
            mobiles=person.mobiles,
            mobile_changed_at=person.mobile_changed_at,
            is_mobile_change_unread=person.is_mobile_change_unread,
            account_mark=person.account_mark,
            groups=groups,
            all_groups=all_groups,
            password_expires_at=person.password_expires_at,
            password_set_at=person.password_set_at,
        )


def _entry_called(reader: Reader, domain: Domain, login_name: LoginName) -> Entry | None:
    """The typed form decides the attribute. One filter for two attributes could match somebody else."""
    if login_name.suffix is None:
        return reader.only(domain.base_dn, person_called("sAMAccountName", login_name.name), _FOUND_ATTRIBUTES)
    filter_text = person_called("userPrincipalName", f"{login_name.name}@{login_name.suffix}")
    explicit = reader.search(domain.base_dn, filter_text, _FOUND_ATTRIBUTES, size_limit=2)
    if login_name.suffix.casefold() != domain.dns_name.casefold():
        return explicit[0] if len(explicit) == 1 else None
    # NAME@DOMAIN is a name of NAME even if another UPN is set (MS-ADTS section 5.1.1.1.1). Always ask for it, so that
    # the time does not reveal whether anybody has the name.
    implicit = reader.only(domain.base_dn, person_called("sAMAccountName", login_name.name), _FOUND_ATTRIBUTES)
    if explicit:
        return explicit[0] if len(explicit) == 1 else None
    return implicit
