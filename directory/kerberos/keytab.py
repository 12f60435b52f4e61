"""Which keys a keytab holds (MIT Kerberos documentation, "Keytab file format", version 2): pure, and never the keys."""

from __future__ import annotations

from dataclasses import dataclass

_VERSION_2 = b"\x05\x02"
# RFC 3961 section 8, RFC 8009: those that AD has and that are still held to be sound.
AES_TYPES = frozenset({17, 18, 19, 20})


class NotAKeytab(ValueError):
    """It is none, or not whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeytabEntry:
    principal: str
    """``HTTP/signin.corp.example@CORP.EXAMPLE``."""
    encryption_type: int

    @property
    def is_aes(self) -> bool:
        return self.encryption_type in AES_TYPES


def read_keytab(octets: bytes) -> list[KeytabEntry]:
    """Raises `NotAKeytab`."""
    if octets[:2] != _VERSION_2:
        raise NotAKeytab("not a keytab of version 2")
    entries = []
    at = 2
    while at < len(octets):
        length = int.from_bytes(_piece(octets, at, 4), "big", signed=True)
        if length > 0:  # otherwise a deleted entry
            entries.append(_entry(_piece(octets, at + 4, length)))
        at += 4 + abs(length)
    return entries


def _entry(octets: bytes) -> KeytabEntry:
    count = int.from_bytes(_piece(octets, 0, 2), "big")
    at = 2
    names = []
    for _ in range(count + 1):
        length = int.from_bytes(_piece(octets, at, 2), "big")
        names.append(_piece(octets, at + 2, length).decode("utf-8", "replace"))
        at += 2 + length
    realm, *components = names
    # A name type, a timestamp and the key's 8-bit version stand between the name and the key's type.
    encryption_type = int.from_bytes(_piece(octets, at + 9, 2), "big")
    return KeytabEntry(principal="/".join(components) + "@" + realm, encryption_type=encryption_type)


def _piece(octets: bytes, at: int, length: int) -> bytes:
    if at + length > len(octets):
        raise NotAKeytab("it ends in the middle of an entry")
    return octets[at : at + length]
