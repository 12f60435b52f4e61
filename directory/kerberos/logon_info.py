"""Whose ticket it is, out of its PAC's KERB_VALIDATION_INFO (MS-PAC section 2.5), which is NDR. Pure.

Read up to the domain's SID, the last thing that is needed. All lengths are checked against what is there.
"""

from __future__ import annotations

from dataclasses import dataclass

from directory.active_directory.account import instant, sid_text

_VERSION_AND_ORDER = b"\x01\x10\x08\x00"
"""Of the common type header (MS-RPCE section 2.2.6.1): version 1, little-endian, 8 bytes."""
_FIRST = 20
"""Behind both type headers and the pointer to the structure."""
_PASSWORD_LAST_SET = _FIRST + 3 * 8
_NAMES = _FIRST + 6 * 8
"""Six of them, and two after the groups: length, room for, pointer (MS-DTYP section 2.3.10)."""
_USER_ID = _NAMES + 6 * 8 + 4
_GROUPS = _USER_ID + 12
_SERVER_AND_DOMAIN = _GROUPS + 4 + 4 + 16
_DOMAIN_ID = _SERVER_AND_DOMAIN + 2 * 8
_POINTED_AT = _DOMAIN_ID + 4 + 60
"""What the pointers stand for, in their order."""


class NotLogonInfo(ValueError):
    """It is none, or names nobody of a domain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogonInfo:
    sid: str
    password_set_at: float | None
    """Epoch seconds."""


def read_logon_info(octets: bytes) -> LogonInfo:
    """Raises `NotLogonInfo`."""
    if octets[:4] != _VERSION_AND_ORDER or not _number(octets, 16):
        raise NotLogonInfo("type headers")
    relative_id = _number(octets, _USER_ID)
    if relative_id == 0 or not _number(octets, _DOMAIN_ID):
        raise NotLogonInfo("nobody of the domain")
    at = _POINTED_AT
    for pointer in range(_NAMES + 4, _NAMES + 6 * 8, 8):
        at = _behind_name(octets, at, pointer)
    if _number(octets, _GROUPS):
        at += 4 + 8 * _number(octets, at)
    for pointer in range(_SERVER_AND_DOMAIN + 4, _DOMAIN_ID, 8):
        at = _behind_name(octets, at, pointer)
    length = 8 + 4 * _number(octets, at)
    try:
        domain = sid_text(octets[at + 4 : at + 4 + length])
    except ValueError as exc:
        raise NotLogonInfo("the domain's SID") from exc
    filetime = int.from_bytes(octets[_PASSWORD_LAST_SET : _PASSWORD_LAST_SET + 8], "little")
    return LogonInfo(sid=f"{domain}-{relative_id}", password_set_at=instant(filetime))


def _behind_name(octets: bytes, at: int, pointer: int) -> int:
    """Where a name that stands at `at` ends: room for, offset, length in 16-bit units, then these, in fours."""
    if not _number(octets, pointer):
        return at
    end = at + 12 + 2 * _number(octets, at + 8)
    return (end + 3) & ~3


def _number(octets: bytes, at: int) -> int:
    if at + 4 > len(octets):
        raise NotLogonInfo("too short")
    return int.from_bytes(octets[at : at + 4], "little")
