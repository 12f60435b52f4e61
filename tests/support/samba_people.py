"""The persons and groups of a throwaway domain, as LDIF (RFC 2849) for Samba's offline tools: pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

NORMAL_ACCOUNT = 0x200
ACCOUNT_DISABLED = 0x2


class State(Enum):
    """What stops an account. `LOCKED` and `PASSWORD_EXPIRED` are written below Samba's modules."""

    GOOD = "good"
    DISABLED = "disabled"
    ACCOUNT_EXPIRED = "account expired"
    MUST_CHANGE = "must change the password"
    PASSWORD_EXPIRED = "password expired"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainPerson:
    username: str
    password: str = field(repr=False)
    display_name: str | None = None
    user_principal_name: str | None = None
    """None: ``USERNAME@DOMAIN``; empty: none at all."""
    mail: str | None = None
    mobile: str | None = None
    state: State = State.GOOD
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def cn(self) -> str:
        return self.username


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainGroup:
    """`members` are user names or names of groups that stand before this one."""

    name: str
    members: Sequence[str] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)


def filetime(epoch_seconds: float) -> int:
    """100 ns since 1601 (MS-DTYP section 2.3.3)."""
    return int((epoch_seconds + 11_644_473_600) * 10_000_000)


def policy_ldif(base_dn: str, upn_suffixes: Sequence[str], lockout_threshold: int) -> str:
    """The domain's own settings: passwords as short and plain as tests and demos want them."""
    policy = {"minPwdLength": "7", "pwdProperties": "0", "minPwdAge": "0"}
    changes = [_change(base_dn, "replace", name, [value]) for name, value in policy.items()]
    changes.append(lockout_ldif(base_dn, lockout_threshold))
    if upn_suffixes:
        changes.append(_change(f"CN=Partitions,CN=Configuration,{base_dn}", "add", "uPNSuffixes", upn_suffixes))
    return "".join(changes)


def lockout_ldif(base_dn: str, threshold: int) -> str:
    """How many wrong passwords lock an account."""
    return _change(base_dn, "replace", "lockoutThreshold", [str(threshold)])


def person_ldif(base_dn: str, domain: str, persons: Sequence[DomainPerson]) -> str:
    return "".join(_record(person_dn(each, base_dn), _attributes(each, domain)) for each in persons)


def group_ldif(base_dn: str, groups: Sequence[DomainGroup], dns: Mapping[str, str]) -> str:
    """`dns` maps the members' names to their DNs."""
    records = []
    for group in groups:
        named = [("objectClass", "group"), ("sAMAccountName", group.name), *group.attributes.items()]
        members = [("member", dns[member]) for member in group.members]
        records.append(_record(group_dn(group, base_dn), named + members))
    return "".join(records)


def must_change_ldif(base_dn: str, persons: Sequence[DomainPerson]) -> str:
    """A second step: setting the password sets `pwdLastSet` too."""
    return "".join(
        _change(person_dn(each, base_dn), "replace", "pwdLastSet", ["0"])
        for each in persons
        if each.state is State.MUST_CHANGE
    )


def raw_ldif(base_dn: str, persons: Sequence[DomainPerson], *, now: float) -> str:
    """Changes to the partition's own database: times that only AD itself sets."""
    changes = []
    for person in persons:
        if person.state is State.LOCKED:
            changes.append(_change(person_dn(person, base_dn), "replace", "lockoutTime", [str(filetime(now))]))
        elif person.state is State.PASSWORD_EXPIRED:
            year_ago = str(filetime(now - 365 * 86_400))
            changes.append(_change(person_dn(person, base_dn), "replace", "pwdLastSet", [year_ago]))
    return "".join(changes)


def older_ldif(found: str, dns: Collection[str], *, seconds: int) -> str:
    """`found`: LDIF with the replication metadata of those whose DN is in `dns`, and of others. All of it is so much
    older afterwards (MS-DRSR section 5.162: a head of 16 octets, then records of 48 with the seconds at octet 8)."""
    changes = []
    for record in found.replace("\n ", "").split("\n\n"):
        dn = re.search(r"^dn: (.*)$", record, re.MULTILINE)
        kept = re.search(r"^replPropertyMetaData:: (.*)$", record, re.MULTILINE)
        if dn is None or kept is None or dn[1] not in dns:
            continue
        metadata = bytearray(base64.b64decode(kept[1]))
        for start in range(16 + 8, len(metadata), 48):
            written = int.from_bytes(metadata[start : start + 8], "little")
            metadata[start : start + 8] = (written - seconds).to_bytes(8, "little")
        older = base64.b64encode(metadata).decode()
        changes.append(
            f"dn: {dn[1]}\nchangetype: modify\nreplace: replPropertyMetaData\nreplPropertyMetaData:: {older}\n-\n\n"
        )
    return "".join(changes)


def person_dn(person: DomainPerson, base_dn: str) -> str:
    return f"CN={escape_rdn(person.cn)},CN=Users,{base_dn}"


def group_dn(group: DomainGroup, base_dn: str) -> str:
    return f"CN={escape_rdn(group.name)},CN=Users,{base_dn}"


def escape_rdn(value: str) -> str:
    """RFC 4514 section 2.4."""
    escaped = "".join(f"\\{char}" if char in ',+"\\<>;=' else char for char in value)
    if escaped.startswith((" ", "#")):
        escaped = "\\" + escaped
    return escaped


def _attributes(person: DomainPerson, domain: str) -> list[tuple[str, str]]:
    disabled = ACCOUNT_DISABLED if person.state is State.DISABLED else 0
    upn = f"{person.username}@{domain}" if person.user_principal_name is None else person.user_principal_name
    optional = {
        "displayName": person.display_name,
        "userPrincipalName": upn or None,
        "mail": person.mail,
        "mobile": person.mobile,
        "accountExpires": str(filetime(0)) if person.state is State.ACCOUNT_EXPIRED else None,
    }
    return [
        ("objectClass", "user"),
        ("sAMAccountName", person.username),
        ("userAccountControl", str(NORMAL_ACCOUNT | disabled)),
        # What `unicodePwd` takes only in quotes and only over TLS, Samba's tools take under this name.
        ("clearTextPassword", person.password),
        *((name, value) for name, value in optional.items() if value is not None),
        *person.attributes.items(),
    ]


def _record(dn: str, attributes: Sequence[tuple[str, str]]) -> str:
    return "\n".join([_line("dn", dn), *(_line(name, value) for name, value in attributes), "", ""])


def _change(dn: str, kind: str, attribute: str, values: Sequence[str]) -> str:
    head = [_line("dn", dn), "changetype: modify", f"{kind}: {attribute}"]
    return "\n".join([*head, *(_line(attribute, value) for value in values), "-", "", ""])


def _line(name: str, value: str) -> str:
    """Always in base64, so that no value can be taken for LDIF."""
    encoding = "utf-16-le" if name == "clearTextPassword" else "utf-8"
    return f"{name}:: {base64.b64encode(value.encode(encoding)).decode('ascii')}"
