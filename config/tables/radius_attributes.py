"""Attributes of a RADIUS answer, as text in the configuration and as bytes on the wire (RFC 2865 section 5).

Those that Gatepost sets itself, and those that only a request or an EAP method has, are not among them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from config.addresses import Parsed
from config.problems import nearest

VENDOR_SPECIFIC = 26
_LONGEST, _LONGEST_OF_VENDOR = 253, 247

_Write = Callable[[str], bytes]
_NAMED_NUMBERS: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        "Service-Type": {"Login-User": 1, "Framed-User": 2, "Administrative-User": 6, "NAS-Prompt-User": 7},
        "Framed-Protocol": {"PPP": 1},
        "Tunnel-Type": {"GRE": 10, "VLAN": 13},
        "Tunnel-Medium-Type": {"IPv4": 1, "IPv6": 2, "IEEE-802": 6},
    }
)


def _text(value: str) -> bytes:
    return value.encode()


def _octets(value: str) -> bytes:
    """Text, or bytes written in hexadecimal with ``0x`` before."""
    if not value.lower().startswith("0x"):
        return value.encode()
    try:
        return bytes.fromhex(value[2:])
    except ValueError:
        raise ValueError("holds something else than hexadecimal digits after 0x") from None


def _number(value: str) -> bytes:
    if not value.isascii() or not value.isdigit() or int(value) >= 1 << 32:
        raise ValueError("must be a whole number below 4294967296")
    return int(value).to_bytes(4)


def _tagged_number(value: str) -> bytes:
    """RFC 2868 section 3.1: a tag, here none, and three bytes."""
    number = _number(value)
    if number[0]:
        raise ValueError("must be a whole number below 16777216")
    return number


def _ipv4(value: str) -> bytes:
    try:
        return ipaddress.IPv4Address(value).packed
    except ValueError:
        raise ValueError("must be an IPv4 address") from None


_KNOWN: Mapping[str, tuple[int, int, _Write]] = MappingProxyType(
    {
        "Service-Type": (0, 6, _number),
        "Framed-Protocol": (0, 7, _number),
        "Framed-IP-Address": (0, 8, _ipv4),
        "Framed-IP-Netmask": (0, 9, _ipv4),
        "Filter-Id": (0, 11, _text),
        "Framed-MTU": (0, 12, _number),
        "Framed-Route": (0, 22, _text),
        "Class": (0, 25, _octets),
        "Idle-Timeout": (0, 28, _number),
        "Port-Limit": (0, 62, _number),
        "Tunnel-Type": (0, 64, _tagged_number),
        "Tunnel-Medium-Type": (0, 65, _tagged_number),
        "Tunnel-Private-Group-Id": (0, 81, _text),
        "Acct-Interim-Interval": (0, 85, _number),
        "Framed-Pool": (0, 88, _text),
        "Framed-IPv6-Pool": (0, 100, _text),
        "Cisco-AVPair": (9, 1, _text),
        "MS-Primary-DNS-Server": (311, 28, _ipv4),
        "MS-Secondary-DNS-Server": (311, 29, _ipv4),
        "ASA-Group-Policy": (3076, 25, _text),
        "Fortinet-Group-Name": (12356, 1, _text),
        "Aruba-User-Role": (14823, 1, _text),
        "Mikrotik-Group": (14988, 3, _text),
        "PaloAlto-User-Group": (25461, 5, _text),
    }
)
"""Vendor (0: none), type and how a value is written: of RFC 2865, 2868, 2869, 3162 and the vendors' dictionaries."""


class _Attribute(NamedTuple):
    vendor: int
    """0: it is no vendor's."""
    type: int
    value: bytes


class ReplyAttribute(Parsed, _Attribute):
    """One attribute with its value, from ``"Filter-Id = staff"`` or, of any vendor, ``"Attr-26.9.1 = text"``."""

    @property
    def kind(self) -> tuple[int, int]:
        return self.vendor, self.type

    @classmethod
    def parse(cls, text: str) -> ReplyAttribute:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not value or not value.isprintable():
            raise ValueError('not an attribute with its value: write "Filter-Id = staff"')
        vendor, number, write = _kind_of(name)
        named = _NAMED_NUMBERS.get(name, {})
        try:
            written = write(str(named.get(value, value)))
        except ValueError as error:
            names = f" (or {', '.join(named)})" if named else ""
            raise ValueError(f"{name}: its value {error}{names}") from None
        longest = _LONGEST_OF_VENDOR if vendor else _LONGEST
        if len(written) > longest:
            raise ValueError(f"{name}: its value is longer than {longest} bytes")
        return cls(vendor, number, written)


def _kind_of(name: str) -> tuple[int, int, _Write]:
    if name in _KNOWN:
        return _KNOWN[name]
    numbers = name.removeprefix(f"Attr-{VENDOR_SPECIFIC}.").split(".")
    if len(numbers) == 2 and all(each.isascii() and each.isdigit() for each in numbers):
        vendor, number = map(int, numbers)
        if 0 < vendor < 1 << 24 and 0 < number < 256:
            return vendor, number, _octets
    raise ValueError(
        f"not an attribute that an answer may hold: {name}{nearest(name, _KNOWN)} (any vendor's: Attr-26.VENDOR.TYPE)"
    )
