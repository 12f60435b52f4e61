"""LDAP filters (RFC 4515): the one place where a value from outside becomes part of a filter. Pure."""

from __future__ import annotations

import string
from collections.abc import Sequence
from uuid import UUID

from directory.login_name import MAX_LENGTH

PERSON = "(objectCategory=person)(objectClass=user)"
"""Users, but neither computers nor contacts."""
IS_PERSON = f"(&{PERSON})"
GROUP = "(objectCategory=group)"
ANYTHING = "(objectClass=*)"

_PLAIN = frozenset(string.ascii_letters + string.digits)


class UnusableName(ValueError):
    """A name that no account can have, or that LDAP would read as another one."""


def escape(value: str | bytes) -> str:
    r"""`value` as an assertion value: everything but ASCII letters and digits as ``\xx`` (RFC 4515 section 3).

    More than the rule asks for, so that nothing depends on how a parser trims spaces or reads characters.
    """
    octets = value.encode("utf-8") if isinstance(value, str) else value
    return "".join(chr(octet) if chr(octet) in _PLAIN else f"\\{octet:02x}" for octet in octets)


def person_called(attribute: str, name: str) -> str:
    """The filter for a person whose `attribute` is `name`. Raises `UnusableName`."""
    if attribute not in ("sAMAccountName", "userPrincipalName"):
        raise ValueError(attribute)
    # The name first: Samba looks at no further term once an index has left one entry.
    return f"(&({attribute}={escape(_usable(name))}){PERSON})"


def group_called(attribute: str, name: str) -> str:
    """The filter for a group whose `attribute` is `name`. Raises `UnusableName`."""
    if attribute not in ("sAMAccountName", "cn"):
        raise ValueError(attribute)
    return f"(&({attribute}={escape(_usable(name))}){GROUP})"


def any_of_sids(sids: list[bytes]) -> str:
    return f"(|{''.join(f'(objectSid={escape(sid)})' for sid in sids)})"


def any_of_guids(guids: Sequence[str]) -> str:
    """Raises `ValueError` for what is no GUID."""
    return f"(|{''.join(f'(objectGUID={escape(UUID(guid).bytes_le)})' for guid in guids)})"


def changed_since(usn: int) -> str:
    """Persons and groups whose entry was given this update sequence number or a later one."""
    return f"(&(uSNChanged>={usn:d})(|(objectCategory=person){GROUP}))"


def groups_inside(dns: Sequence[str]) -> str:
    """Groups that are direct members of any of these."""
    return f"(&{GROUP}(|{''.join(f'(memberOf={escape(dn)})' for dn in dns)}))"


def guid_base(guid: str) -> str:
    """The base DN that names an object by its objectGUID (MS-ADTS section 3.1.1.3.1.2.4). Raises `ValueError`."""
    return f"<GUID={UUID(guid)}>"


def sid_base(sid: str) -> str:
    """The base DN that names an object by its objectSid."""
    return f"<SID={sid}>"


def _usable(name: str) -> str:
    if not name or len(name) > MAX_LENGTH or name != name.strip() or "\0" in name:
        raise UnusableName("empty, too long, with spaces around it or with NUL")
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise UnusableName("not Unicode") from None
    return name
