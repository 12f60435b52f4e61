"""Which services accept tickets, and with which keys: from the settings, and whether the keys can be used.

Keytabs are those of version 2 (MIT Kerberos documentation, "Keytab file format"). The keys in them are never read.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from config.factors import Factor
from config.problems import ConfigurationError, ConfigurationProblem
from config.settings import ActiveDirectorySettings, Settings
from config.system_errors import file_reason
from directory.directory import CheckResult

_VERSION_2 = b"\x05\x02"
# RFC 3961 section 8, RFC 8009: those that AD has and that are still held to be sound.
AES_TYPES = frozenset({17, 18, 19, 20})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceKey:
    """One domain's: the service principal that browsers ask the domain's KDC for, and the file with its keys."""

    realm: str
    """The directory's."""
    principal: str
    keytab: Path

    @property
    def kerberos_realm(self) -> str:
        """That of the domain whose KDC has this key, in capitals."""
        return self.principal.rpartition("@")[2].upper()


class KerberosUnusable(ConfigurationError):
    """A scheme asks for Kerberos, and no ticket could be accepted. One line for the operator."""

    def __init__(self, key: ServiceKey | None, reason: str) -> None:
        if key is None:
            super().__init__([ConfigurationProblem("", "schemes", "factors", f'"kerberos": {reason}')])
        else:
            super().__init__([ConfigurationProblem("", f'directories ("{key.realm}")', "kerberos_keytab", reason)])


def service_keys(settings: Settings) -> tuple[ServiceKey, ...]:
    """None if no scheme begins with a ticket: then nobody is asked for one, even if there are keys."""
    if first_kerberos(settings) is None:
        return ()
    found = (service_key(settings, position) for position in range(len(settings.directories)))
    return tuple(key for key in found if key is not None)


def first_kerberos(settings: Settings) -> int | None:
    """The position of the first scheme that begins with a ticket."""
    return next((at for at, scheme in enumerate(settings.schemes) if Factor.KERBEROS in scheme.factors[0]), None)


def service_key(settings: Settings, position: int) -> ServiceKey | None:
    """That of the directory at `position`, if it has one."""
    each = settings.directories[position]
    if not isinstance(each, ActiveDirectorySettings) or each.kerberos_keytab is None:
        return None
    principal = each.kerberos_service or f"HTTP/{settings.server.public_url.host}@{each.domain.upper()}"
    return ServiceKey(realm=each.name, principal=principal, keytab=each.kerberos_keytab)


def check_service_key(key: ServiceKey) -> list[CheckResult]:
    """What `gatepost check` says of a keytab. A file that others may read is told of, and refused nothing."""
    subject = f"{key.realm} keytab {key.keytab.name}"
    try:
        mode = key.keytab.stat().st_mode
        entries = read_keytab(key.keytab.read_bytes())
    except OSError as error:
        return [CheckResult(subject=subject, ok=False, detail=f"cannot be read: {file_reason(key.keytab, error)}")]
    except NotAKeytab as error:
        return [CheckResult(subject=subject, ok=False, detail=str(error))]
    own = [entry for entry in entries if entry.principal == key.principal]
    if not any(entry.is_aes for entry in own):
        there = ", ".join(sorted({entry.principal for entry in entries})) or "nothing"
        missing = f"no AES key for {key.principal}" if own else f"no key for {key.principal}, but for {there}"
        return [CheckResult(subject=subject, ok=False, detail=missing)]
    detail = f"holds AES keys for {key.principal}"
    if not all(entry.is_aes for entry in own):
        detail += "; weaker ones too: make a new one with AES alone"
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        detail += f"; warning: others may read it (mode {stat.S_IMODE(mode):04o}, should be 0600)"
    return [CheckResult(subject=subject, ok=True, detail=detail)]


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
