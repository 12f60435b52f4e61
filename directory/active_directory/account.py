"""A person's entry: what AD's attributes say about it, and whether the account may be used now. Pure.

Instants are epoch seconds. A missing attribute was not readable, which never means 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from directory.active_directory.change_time import (
    account_mark,
    is_change_time_read,
    metadata_to_read,
    numbers_changed_at,
)
from directory.active_directory.messages import Entry
from directory.active_directory.server_address import ServerAddress
from directory.directory import RefusalReason
from directory.kerberos.ticket import KerberosTicket, TicketRefusal

IDENTITY_ATTRIBUTES = ("objectGUID", "sAMAccountName")
PASSWORD_SET = "pwdLastSet"  # noqa: S105  # an attribute's name
STATE_ATTRIBUTES = ("userAccountControl", "msDS-User-Account-Control-Computed", "accountExpires", "pwdLastSet")
_LANGUAGE = "preferredLanguage"
_LONGEST_LANGUAGE = 100
_ATTRIBUTES = (*IDENTITY_ATTRIBUTES, *STATE_ATTRIBUTES, "objectSid", "displayName", "cn", "mail", _LANGUAGE)

_PASSWORD_EXPIRY = "msDS-UserPasswordExpiryTimeComputed"  # noqa: S105  # an attribute's name
LOGON_HOURS, WORKSTATIONS = "logonHours", "userWorkstations"
_HOURS_OCTETS = 21

# MS-ADTS sections 2.2.16 and 3.1.1.4.5.17.
DISABLED = 0x2
_LOCKED_OUT = 0x10
_PASSWORD_EXPIRED = 0x80_0000
_NEVER = (0, 0x7FFF_FFFF_FFFF_FFFF)
_FILETIME_OF_EPOCH = 11_644_473_600


class UnreadableAccount(Exception):
    """The service account may not read something that decides about a person. Names the attribute, not the person."""

    def __init__(self, attribute: str) -> None:
        super().__init__(f"the service account cannot read {attribute}")
        self.attribute = attribute


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonEntry:
    """An entry taken apart."""

    guid: str
    sid: str
    username: str
    display_name: str
    mail: str | None = field(repr=False)
    language: str
    """preferredLanguage, unread."""
    mobiles: tuple[str, ...] = field(repr=False)
    mobile_changed_at: float | None
    is_mobile_change_unread: bool
    """Both: see `directory.principal.Principal`."""
    account_mark: str = field(repr=False)
    """The same."""
    is_disabled: bool
    is_locked: bool
    is_password_expired: bool
    expires_at: float | None
    password_set_at: float | None
    """None: never, or it must be changed at the next sign-in."""
    password_expires_at: float | None
    """From msDS-UserPasswordExpiryTimeComputed, so that fine-grained policies count. None: never, or not asked for."""
    group_sids: frozenset[bytes] | None = field(repr=False)
    """From tokenGroups, as AD sends them: nested groups and the primary group too. None: not asked for, or not
    readable."""

    def refusal(self, now: float) -> RefusalReason | None:
        """Why this account may not be used now, from its state alone; None if it may."""
        return next(iter(self.refusals(now)), None)

    def refusals(self, now: float) -> tuple[RefusalReason, ...]:
        """Everything that is wrong with the account, apart from its password."""
        found = (
            (RefusalReason.DISABLED, self.is_disabled),
            (RefusalReason.LOCKED, self.is_locked),
            (RefusalReason.ACCOUNT_EXPIRED, self.expires_at is not None and self.expires_at <= now),
        )
        return tuple(reason for reason, holds in found if holds)

    @property
    def password_refusal(self) -> RefusalReason | None:
        """Why the password has to be changed before anything else, if it has to be."""
        if not self.is_password_expired:
            return None
        return RefusalReason.MUST_CHANGE if self.password_set_at is None else RefusalReason.PASSWORD_EXPIRED


def ticket_refusal(
    person: PersonEntry | None, ticket: KerberosTicket, now: float
) -> RefusalReason | TicketRefusal | None:
    """Why an account's state lets no Kerberos ticket stand for its person; None if it does.

    `person` is the one who has the ticket's SID now. A ticket is valid for hours, whatever happens to the account in
    the meantime. So everything that a domain controller checks before it gives one is checked again here, except logon
    hours and workstations, which only it can judge.
    """
    if person is None or person.sid != ticket.sid:
        return RefusalReason.UNKNOWN
    refusal = person.refusal(now)
    if refusal is not None:
        return refusal
    if person.password_set_at is None:
        return RefusalReason.MUST_CHANGE
    if person.is_password_expired:
        return RefusalReason.PASSWORD_EXPIRED
    if ticket.password_set_at is None or person.password_set_at >= ticket.password_set_at + 1.0:
        return TicketRefusal.OLD_PASSWORD  # perhaps set again because somebody else knew it
    return None


def limits_against(entry: Entry | None, server: ServerAddress, now: float) -> tuple[RefusalReason, ...]:
    """When and where an account may be used, as AD judges it after the password (results 530 and 531).

    Only an explanation needs this: a sign-in learns it from the bind. `server` is the controller that was asked: a
    bind counts as a logon there.
    """
    if entry is None:
        return ()
    hours = next(iter(entry.attributes.get(LOGON_HOURS.lower(), ())), b"")
    computers = {name.strip().casefold() for text in texts(entry, WORKSTATIONS) for name in text.split(",")}
    found = (
        (RefusalReason.LOGON_HOURS, not is_within_hours(hours, now)),
        (RefusalReason.WORKSTATION, bool(computers) and server.host.partition(".")[0].casefold() not in computers),
    )
    return tuple(reason for reason, holds in found if holds)


def is_within_hours(octets: bytes, now: float) -> bool:
    """A bit for each hour of the week from Sunday 00:00 UTC, the lowest one of each octet first (MS-SAMR section
    2.2.6.5). Without them, always."""
    if len(octets) != _HOURS_OCTETS:
        return True
    moment = datetime.fromtimestamp(now, UTC)
    hour = (moment.isoweekday() % 7) * 24 + moment.hour
    return bool(octets[hour // 8] >> (hour % 8) & 1)


def attributes_to_read(
    mobile_attributes: Sequence[str], *, with_groups: bool, with_expiry: bool = False
) -> tuple[str, ...]:
    """Constructed attributes are asked for only if they matter: tokenGroups is expensive for a DC."""
    constructed = (("tokenGroups",) if with_groups else ()) + ((_PASSWORD_EXPIRY,) if with_expiry else ())
    return (*_ATTRIBUTES, *mobile_attributes, *metadata_to_read(mobile_attributes), *constructed)


def read_person(entry: Entry, mobile_attributes: Sequence[str]) -> PersonEntry:
    """Raises `UnreadableAccount` if an attribute that decides whether the account may be used is missing."""
    mobiles = [value for name in mobile_attributes for value in texts(entry, name)]
    try:
        sid = sid_text(_required(entry, "objectSid"))
    except ValueError:
        raise UnreadableAccount("objectSid") from None
    token_groups = entry.attributes.get("tokengroups")
    names = [*texts(entry, "displayName"), *texts(entry, "cn"), *texts(entry, "sAMAccountName")]
    return PersonEntry(
        guid=guid_of(entry),
        sid=sid,
        username=username_of(entry),
        display_name=names[0],
        mail=first_text(entry, "mail") or None,
        language=first_text(entry, _LANGUAGE)[:_LONGEST_LANGUAGE],
        mobiles=tuple(mobiles),
        mobile_changed_at=numbers_changed_at(entry, mobile_attributes),
        is_mobile_change_unread=not is_change_time_read(entry, mobile_attributes),
        account_mark=account_mark(entry),
        is_disabled=bool(number(entry, "userAccountControl") & DISABLED),
        is_locked=bool(number(entry, "msDS-User-Account-Control-Computed") & _LOCKED_OUT),
        is_password_expired=bool(number(entry, "msDS-User-Account-Control-Computed") & _PASSWORD_EXPIRED),
        expires_at=instant(number(entry, "accountExpires")),
        password_set_at=instant(number(entry, "pwdLastSet")),
        # Only a warning depends on it, so nobody is refused because it cannot be read.
        password_expires_at=instant_or_none(entry, _PASSWORD_EXPIRY),
        group_sids=None if token_groups is None else frozenset(token_groups),
    )


def guid_of(entry: Entry) -> str:
    """objectGUID as text, in the mixed byte order of MS-DTYP section 2.3.4.2."""
    octets = _required(entry, "objectGUID")
    if len(octets) != 16:
        raise UnreadableAccount("objectGUID")
    return str(UUID(bytes_le=octets))


def username_of(entry: Entry) -> str:
    return _required(entry, "sAMAccountName").decode("utf-8", "replace")


def texts(entry: Entry, name: str) -> list[str]:
    """The values of an attribute as text, blank ones left out."""
    values = (value.decode("utf-8", "replace") for value in entry.attributes.get(name.lower(), ()))
    return [value for value in values if value.strip()]


def first_text(entry: Entry | None, name: str) -> str:
    """The first of them; empty if there is none, or no entry."""
    return next(iter(texts(entry, name)), "") if entry is not None else ""


def sid_text(octets: bytes) -> str:
    """``S-1-5-21-...`` (MS-DTYP sections 2.4.2.1 and 2.4.2.2). Raises `ValueError`."""
    if len(octets) < 8 or octets[0] != 1 or len(octets) != 8 + 4 * octets[1]:
        raise ValueError("not a SID")
    # The authority is big-endian and the sub-authorities are little-endian, in one structure.
    parts = [int.from_bytes(octets[at : at + 4], "little") for at in range(8, len(octets), 4)]
    return "-".join(["S-1", str(int.from_bytes(octets[2:8], "big")), *map(str, parts)])


def sid_bytes(text: str) -> bytes:
    """The inverse of `sid_text`. Raises `ValueError`."""
    letter, revision, *numbers = text.upper().split("-")
    if letter != "S" or revision != "1" or not 1 <= len(numbers) <= 16 or not all(map(_is_decimal, numbers)):
        raise ValueError("not a SID")
    authority, *parts = map(int, numbers)
    if authority >= 1 << 48 or any(part >= 1 << 32 for part in parts):
        raise ValueError("not a SID")
    octets = bytes([1, len(parts)]) + authority.to_bytes(6, "big")
    return octets + b"".join(part.to_bytes(4, "little") for part in parts)


def instant(filetime: int) -> float | None:
    """Epoch seconds from 100 ns since 1601 (MS-DTYP section 2.3.3); None for AD's two ways to say never."""
    return None if filetime in _NEVER else filetime / 10_000_000 - _FILETIME_OF_EPOCH


def _is_decimal(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 15


def _required(entry: Entry, name: str) -> bytes:
    values = entry.attributes.get(name.lower(), ())
    if not values:
        raise UnreadableAccount(name)
    return values[0]


def number(entry: Entry, name: str) -> int:
    """Raises `UnreadableAccount`."""
    text = _required(entry, name)
    try:
        return int(text)
    except ValueError:
        raise UnreadableAccount(name) from None


def number_or_none(entry: Entry | None, name: str) -> int | None:
    """None: there is no entry, or the attribute cannot be read."""
    try:
        return number(entry, name) if entry is not None else None
    except UnreadableAccount:
        return None


def instant_or_none(entry: Entry | None, name: str) -> float | None:
    """Epoch seconds; None: never, there is no entry, or the attribute cannot be read."""
    filetime = number_or_none(entry, name)
    return None if filetime is None else instant(filetime)
