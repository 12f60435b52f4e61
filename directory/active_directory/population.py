"""All persons of a domain with their groups, worked out here: `tokenGroups` can be asked for one person at a time.

Two paged searches, one of all groups and one of all persons, each with what it is a direct member of. The rest is the
closure over that, as a domain controller makes it (MS-ADTS section 3.1.1.4.5.19): nested groups and the primary group
count, and a group that is no security group neither counts nor passes on.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from config.settings import ActiveDirectorySettings
from directory.active_directory.account import (
    DISABLED,
    UnreadableAccount,
    first_text,
    guid_of,
    instant,
    number_or_none,
    texts,
    username_of,
)
from directory.active_directory.connection import Connection
from directory.active_directory.deadline_socket import ConnectionFailed
from directory.active_directory.domain import Domain
from directory.active_directory.filters import GROUP, IS_PERSON
from directory.active_directory.groups import is_security_group, resolve_groups
from directory.active_directory.messages import Entry, Search
from directory.active_directory.paged_search import SearchRefused
from directory.active_directory.reader import Reader
from directory.active_directory.sweep import WAIT_SECONDS, domain_and_base, entries_in_whole, service_connection
from directory.directory import RefusalReason
from directory.errors import DirectoryMisconfigured, DirectoryUnavailable
from directory.known_person import KnownPerson, Population
from directory.principal import Principal

_MEMBER_OF, _PRIMARY = "memberOf", "primaryGroupID"
_OF_GROUPS = ("objectSid", "groupType", _MEMBER_OF)
_OF_PERSONS = (
    *("objectGUID", "objectSid", "sAMAccountName", "displayName", "cn", "mail", "userAccountControl", "accountExpires"),
    *(_MEMBER_OF, _PRIMARY),
)
_RID_OCTETS = 4


def population(
    settings: ActiveDirectorySettings, groups: Collection[str], *, without: Collection[str] = (), now: float
) -> Population:
    """See `directory.population.population`."""
    with service_connection(settings) as connection:
        try:
            domain, base = domain_and_base(connection, settings, None)
            reader = Reader(settings.name, connection, time.monotonic() + WAIT_SECONDS)
            asked = resolve_groups(reader, domain, groups)
            gone = resolve_groups(reader, domain, without)
            members = _memberships(settings, connection, domain)
            found = _Names(members, asked.names_by_sid)
            found_without = _Names(members.without(gone.names_by_sid), asked.names_by_sid)
            persons = {}
            wanted = (*_OF_PERSONS, *settings.mobile_attributes)
            search = Search(base_dn=base, filter_text=IS_PERSON, attributes=wanted)
            for entry in entries_in_whole(settings, connection, search):
                person = _person(entry, settings, found, found_without if without else found, now)
                persons[person.principal.guid] = person
        except ConnectionFailed as exc:
            raise DirectoryUnavailable(settings.name, str(exc)) from exc
        except (SearchRefused, UnreadableAccount) as exc:
            raise DirectoryMisconfigured(settings.name, str(exc)) from exc
    return Population(persons=persons, group_problems={**asked.problems, **gone.problems})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Memberships:
    """Of the domain's security groups."""

    sid_by_dn: Mapping[str, bytes]
    """DNs in one case."""
    above: Mapping[bytes, tuple[str, ...]]
    """By SID, the DNs of what it is a direct member of."""

    def without(self, sids: Collection[bytes]) -> _Memberships:
        """As if these groups were not there."""
        left = {dn: sid for dn, sid in self.sid_by_dn.items() if sid not in sids}
        return _Memberships(sid_by_dn=left, above=self.above)


class _Names:
    """Of the groups asked about: those that somebody is in who is a direct member of given ones."""

    def __init__(self, members: _Memberships, names_by_sid: Mapping[bytes, frozenset[str]]) -> None:
        self._members = members
        self._names_by_sid = names_by_sid
        self._known: dict[tuple[Sequence[str], bytes], frozenset[str]] = {}
        self._standing = frozenset(members.sid_by_dn.values())

    def of(self, direct: Sequence[str], primary: bytes) -> frozenset[str]:
        """`direct`: DNs as the server sends them; `primary`: a SID. Many persons are in the very same groups."""
        key = (tuple(sorted(direct)), primary)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._closure(direct, primary)
        return known

    def _closure(self, direct: Iterable[str], primary: bytes) -> frozenset[str]:
        sids = self._members.sid_by_dn
        waiting = [sids.get(dn.casefold()) for dn in direct]
        waiting.append(primary if primary in self._standing else None)
        reached: set[bytes] = set()
        while waiting:
            sid = waiting.pop()
            if sid is not None and sid not in reached:
                reached.add(sid)
                waiting += [sids.get(dn) for dn in self._members.above[sid]]
        return frozenset(name for sid in reached for name in self._names_by_sid.get(sid, ()))


def _memberships(settings: ActiveDirectorySettings, connection: Connection, domain: Domain) -> _Memberships:
    sid_by_dn, above = {}, {}
    search = Search(base_dn=domain.root_dn, filter_text=f"(&{GROUP})", attributes=_OF_GROUPS)
    for entry in entries_in_whole(settings, connection, search):
        sids = entry.attributes.get("objectsid")
        if sids and is_security_group(entry):
            sid_by_dn[entry.dn.casefold()] = sids[0]
            above[sids[0]] = tuple(dn.casefold() for dn in texts(entry, _MEMBER_OF))
    return _Memberships(sid_by_dn=sid_by_dn, above=above)


def _person(
    entry: Entry, settings: ActiveDirectorySettings, found: _Names, found_without: _Names, now: float
) -> KnownPerson:
    username = username_of(entry)
    direct, primary = texts(entry, _MEMBER_OF), _primary(entry)
    expires = number_or_none(entry, "accountExpires")
    expires_at = None if expires is None else instant(expires)
    found_wrong = (
        # Who may not be read in whole is taken for one who can sign in: the sign-in itself will say no.
        (RefusalReason.DISABLED, bool((number_or_none(entry, "userAccountControl") or 0) & DISABLED)),
        (RefusalReason.ACCOUNT_EXPIRED, expires_at is not None and expires_at <= now),
    )
    return KnownPerson(
        principal=Principal(
            guid=guid_of(entry),
            realm=settings.name,
            username=username,
            display_name=first_text(entry, "displayName") or first_text(entry, "cn") or username,
            mail=first_text(entry, "mail") or None,
            mobiles=tuple(value for name in settings.mobile_attributes for value in texts(entry, name)),
            groups=found.of(direct, primary),
        ),
        refusals=tuple(reason for reason, holds in found_wrong if holds),
        groups_without=found_without.of(direct, primary),
    )


def _primary(entry: Entry) -> bytes:
    """The SID of the primary group: the domain's, as in the person's own, with another last part (MS-DTYP section
    2.4.2.2)."""
    number = number_or_none(entry, _PRIMARY)
    own = next(iter(entry.attributes.get("objectsid", ())), b"")
    return b"" if number is None else own[:-_RID_OCTETS] + number.to_bytes(_RID_OCTETS, "little")
