"""What changed in a domain, found by the update sequence numbers that each domain controller gives its own copy.

`uSNChanged` is indexed, readable by an ordinary account and the same on Samba. Change notifications hold one search
open per server and do not report what was missed. DirSync needs a right that the service account does not have. A USN
means something only on the controller that gave it, and only together with its invocationId, which changes when the
controller is restored (MS-ADTS section 3.1.1.1.9). All of this blocks, and belongs to one thread at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence

from directory.active_directory.account import (
    DISABLED,
    UnreadableAccount,
    first_text,
    guid_of,
    instant_or_none,
    number_or_none,
    texts,
)
from directory.active_directory.domain_controllers import DomainControllers
from directory.active_directory.filters import any_of_guids, any_of_sids, changed_since, groups_inside
from directory.active_directory.groups import ConfiguredGroups
from directory.active_directory.known_domain import KnownDomain
from directory.active_directory.messages import Entry
from directory.active_directory.reader import Reader
from directory.active_directory.server_address import ServerAddress
from directory.directory import Changes
from directory.errors import DirectoryMisconfigured, DirectoryUnavailable

MOST_SERVERS = 4
"""How many controllers are asked, best first: so a change is seen where it is made, before it is replicated."""
MOST_ENTRIES = 1000
"""AD gives at most this many in one answer (MaxPageSize). With more, everybody is read again instead."""
MOST_LOOKED_AT = 200
"""Persons in one search of `doubtful`: with more, Samba takes longer for each."""
_SERVER_SECONDS = 2.0
"""How long one controller may take, so that one that hangs does not hold up what the others know."""
_DNS_A_SEARCH = 50


class DomainWatch:
    """The watch on one domain, from its first call on."""

    def __init__(self, realm: str, servers: DomainControllers, known: KnownDomain) -> None:
        self._realm = realm
        self._servers = servers
        self._known = known
        self._quiet_at: dict[ServerAddress, int] = {}
        """The highest USN of each controller at the last call: if it is still the same, nothing happened there."""
        self._known_to: dict[bytes, int] = {}
        """By invocationId: the USN up to which everything was reported."""
        self._configured: ConfiguredGroups | None = None
        self._nested: Mapping[str, frozenset[str]] = {}
        """By GUID of a group: the configured groups that it is, or is inside of."""

    def changes(self, deadline: float) -> list[Changes]:
        """Raises `DirectoryUnavailable` if no controller answers."""
        told: list[Changes] = []
        failures: list[DirectoryUnavailable] = []
        asked = [each for each in self._servers.all(deadline=deadline) if each.is_asked]
        asked = sorted(asked, key=lambda each: each.rank)[:MOST_SERVERS]
        for position, server in enumerate(asked):
            share = (deadline - time.monotonic()) / (len(asked) - position)
            until = time.monotonic() + min(share, _SERVER_SECONDS)
            try:
                seen = self._servers.read(self._changes_at, deadline=until, only_at=server.address)
            except DirectoryUnavailable as exc:
                failures.append(exc)
                continue
            if seen is not None:
                told.append(seen)
        if len(failures) == len(asked):
            raise failures[0] if failures else DirectoryUnavailable(self._realm, "no domain controller answers")
        return told

    def doubtful(self, reader: Reader, guids: Sequence[str], now: float) -> frozenset[str]:
        domain = self._known.domain(reader)
        sound: set[str] = set()
        for start in range(0, len(guids), MOST_LOOKED_AT):
            some = any_of_guids(guids[start : start + MOST_LOOKED_AT])
            entries = reader.search(domain.root_dn, some, ["objectGUID", "userAccountControl", "accountExpires"])
            sound |= {guid for entry in entries if (guid := _guid(entry)) is not None and _is_sound(entry, now)}
        return frozenset(guids) - sound

    def _changes_at(self, reader: Reader) -> Changes | None:
        root = reader.at("", ["highestCommittedUSN", "dsServiceName"])
        highest = number_or_none(root, "highestCommittedUSN")
        if root is None or highest is None:
            raise DirectoryMisconfigured(self._realm, f"{reader.server} does not tell its update sequence number")
        is_resolved_anew = self._configured is not self._known.groups(reader)
        if self._quiet_at.get(reader.server) == highest and not is_resolved_anew:
            return None
        invocation = self._invocation(reader, root)
        told_to = self._known_to.get(invocation)
        entries: frozenset[str] = frozenset()
        is_gap, is_partial = told_to is None, False
        if told_to is not None and told_to < highest:
            found = reader.search(self._known.domain(reader).root_dn, changed_since(told_to + 1), ["objectGUID"])
            is_gap = reader.is_cut or len(found) >= MOST_ENTRIES
            # Each change takes a number, and so does a deletion. But an ordinary account cannot see a deleted entry.
            is_partial = not is_gap and len(found) < highest - told_to
            entries = frozenset(guid for entry in found if (guid := _guid(entry)) is not None)
        groups = self._groups_changed(reader, entries, look=is_gap or is_resolved_anew)
        # Only now: after a failure on the way everything is reported again.
        self._known_to[invocation] = self._quiet_at[reader.server] = highest
        return Changes(
            seen_at=str(reader.server),
            entries=entries - self._nested.keys(),
            groups=groups,
            is_gap=is_gap,
            is_partial=is_partial,
        )

    def _invocation(self, reader: Reader, root: Entry) -> bytes:
        """The invocationId: which copy of the domain the numbers belong to, since its last restore."""
        service = first_text(root, "dsServiceName")
        entry = reader.at(service, ["invocationId"]) if service else None
        values = entry.attributes.get("invocationid", ()) if entry is not None else ()
        return values[0] if values else str(reader.server).encode()

    def _groups_changed(self, reader: Reader, entries: frozenset[str], *, look: bool) -> frozenset[str]:
        """The configured groups whose members may be others now."""
        before = self._nested
        changed = entries & before.keys()
        if not look and not changed and not self._has_lost_one(reader):
            return frozenset()
        self._configured = self._known.groups(reader)
        self._nested = _nested_groups(reader, self._known.domain(reader).root_dn, self._configured)
        differing = {guid for guid in before.keys() | self._nested.keys() if before.get(guid) != self._nested.get(guid)}
        nobody: frozenset[str] = frozenset()
        return nobody.union(
            *(before.get(guid, nobody) | self._nested.get(guid, nobody) for guid in changed | differing)
        )

    def _has_lost_one(self, reader: Reader) -> bool:
        """Whether one of the groups is gone: its deletion does not count as a change of the groups that held it."""
        guids = list(self._nested)
        found = 0
        for start in range(0, len(guids), MOST_LOOKED_AT):
            some = any_of_guids(guids[start : start + MOST_LOOKED_AT])
            found += len(reader.search(self._known.domain(reader).root_dn, some, ["objectGUID"]))
        return found < len(guids)


def _nested_groups(reader: Reader, root_dn: str, configured: ConfiguredGroups) -> dict[str, frozenset[str]]:
    """Level by level by `memberOf`, which is indexed; matching in chain would cost the controller more."""
    names: dict[str, frozenset[str]] = {}
    guids: dict[str, str] = {}
    sids = list(configured.names_by_sid)
    for start in range(0, len(sids), _DNS_A_SEARCH):
        some = any_of_sids(sids[start : start + _DNS_A_SEARCH])
        for entry in reader.search(root_dn, some, ["objectGUID", "objectSid"]):
            guid, sid = _guid(entry), entry.attributes.get("objectsid", (b"",))[0]
            if guid is not None:
                names[entry.dn.casefold()] = configured.names_by_sid.get(sid, frozenset())
                guids[entry.dn.casefold()] = guid
    level = list(names)
    while level:
        grown: set[str] = set()
        for entry in _groups_inside(reader, root_dn, level):
            dn, guid = entry.dn.casefold(), _guid(entry)
            parents = (names.get(parent.casefold(), frozenset()) for parent in texts(entry, "memberOf"))
            inherited = names.get(dn, frozenset()).union(*parents)
            if guid is not None and inherited != names.get(dn):
                names[dn], guids[dn] = inherited, guid
                grown.add(dn)
        level = sorted(grown)
    return {guids[dn]: of for dn, of in names.items()}


def _groups_inside(reader: Reader, root_dn: str, dns: Sequence[str]) -> Iterable[Entry]:
    for start in range(0, len(dns), _DNS_A_SEARCH):
        filter_text = groups_inside(dns[start : start + _DNS_A_SEARCH])
        yield from reader.search(root_dn, filter_text, ["objectGUID", "memberOf"])


def _is_sound(entry: Entry, now: float) -> bool:
    """Whether the account is in order as far as this search can read it; `Person.refusal` has the full answer."""
    controls, expires_at = number_or_none(entry, "userAccountControl"), instant_or_none(entry, "accountExpires")
    return controls is not None and not controls & DISABLED and (expires_at is None or expires_at > now)


def _guid(entry: Entry) -> str | None:
    try:
        return guid_of(entry)
    except UnreadableAccount:
        return None
