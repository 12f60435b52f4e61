"""The groups that the configuration names, found in the domain once, and compared with a person's tokenGroups.

A group is known by its SID. A group that cannot be found, or is ambiguous, has no members here and admits nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from directory.active_directory.account import sid_bytes, sid_text, texts
from directory.active_directory.domain import Domain
from directory.active_directory.filters import GROUP, UnusableName, any_of_sids, group_called, sid_base
from directory.active_directory.messages import Entry
from directory.active_directory.reader import Reader
from directory.errors import DirectoryMisconfigured

MAX_ALL_GROUPS = 500
_SIDS_A_SEARCH = 100
_SECURITY_ENABLED = 0x8000_0000
"""groupType (MS-ADTS section 2.2.12). tokenGroups holds no others."""
_ATTRIBUTES = ["objectSid", "groupType", "sAMAccountName"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredGroups:
    names_by_sid: Mapping[bytes, frozenset[str]]
    """Two ways to write one group are one SID."""
    problems: Mapping[str, str]
    """Why a configured group has no members, by its configured name."""

    def of(self, sids: frozenset[bytes]) -> frozenset[str]:
        """The configured names of the groups with these SIDs."""
        return frozenset().union(*(names for sid, names in self.names_by_sid.items() if sid in sids))


def resolve_groups(reader: Reader, domain: Domain, names: Iterable[str]) -> ConfiguredGroups:
    """Find each group: ``Wiki Users``, ``CORP\\Wiki Users``, a DN or a SID.

    A SID need not be found: a universal group of another domain of the forest is in tokenGroups, too.
    """
    found: dict[bytes, set[str]] = {}
    problems: dict[str, str] = {}
    for name in sorted(names):
        group = _find(reader, domain, name)
        sid = _sid_in(name)
        if isinstance(group, str):
            problems[name] = group
        else:
            sid = group.attributes["objectsid"][0]
        if sid is not None:
            found.setdefault(sid, set()).add(name)
    return ConfiguredGroups(
        names_by_sid={sid: frozenset(spellings) for sid, spellings in found.items()}, problems=problems
    )


def group_names(reader: Reader, domain: Domain, sids: Iterable[bytes]) -> dict[bytes, str]:
    """sAMAccountName by SID; a group of another domain has none here and is left out."""
    names: dict[bytes, str] = {}
    wanted = sorted(sids)
    for start in range(0, len(wanted), _SIDS_A_SEARCH):
        filter_text = any_of_sids(wanted[start : start + _SIDS_A_SEARCH])
        for entry in reader.search(domain.root_dn, filter_text, ["objectSid", "sAMAccountName"]):
            if entry.attributes.get("objectsid") and texts(entry, "sAMAccountName"):
                names[entry.attributes["objectsid"][0]] = texts(entry, "sAMAccountName")[0]
    return names


def is_security_group(entry: Entry) -> bool:
    """Whether AD counts it among a person's groups, and the groups that it is in."""
    group_type = texts(entry, "groupType")
    return bool(group_type) and bool(int(group_type[0]) & _SECURITY_ENABLED)


def _find(reader: Reader, domain: Domain, name: str) -> Entry | str:
    """The group, or why there is none."""
    entries = _candidates(reader, domain, name)
    if len(entries) > 1:
        return "more than one group has this name: write its DN or SID"
    if not entries or not entries[0].attributes.get("objectsid"):
        return "there is no such group in this domain"
    if not is_security_group(entries[0]):
        return "is a distribution group: AD does not count it among a person's groups"
    return entries[0]


def _candidates(reader: Reader, domain: Domain, name: str) -> list[Entry]:
    is_group = f"(&{GROUP})"
    sid = _sid_in(name)
    base = sid_base(sid_text(sid)) if sid else name if "=" in name else None
    if base is not None:
        try:
            entry = reader.at(base, _ATTRIBUTES, is_group)
        except DirectoryMisconfigured:  # a DN of another domain is answered with a referral
            entry = None
        if entry or base != name:
            return [entry] if entry else []
    qualifier, _, bare = name.rpartition("\\")
    if qualifier and qualifier.casefold() != domain.netbios_name.casefold():
        return []
    for attribute in ("sAMAccountName", "cn"):
        try:
            entries = reader.search(domain.root_dn, group_called(attribute, bare), _ATTRIBUTES)
        except UnusableName:
            return []
        if entries:
            return entries
    return []


def _sid_in(name: str) -> bytes | None:
    try:
        return sid_bytes(name)
    except ValueError:
        return None
