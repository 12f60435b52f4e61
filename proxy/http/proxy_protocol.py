"""The PROXY protocol, versions 1 and 2: what a load balancer says before the first byte of a connection. Pure.

Source: HAProxy's "The PROXY protocol" (doc/proxy-protocol.txt). A receiver must not guess whether a header is
there; so on a listener that asks for one, everything that is not exactly a header is malformed.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

MAX_V1_BYTES = 107
MAX_V2_BYTES = 4096
"""Addresses and TLVs; a header that claims more is malformed."""

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_V2_START_BYTES = 16
_LOCAL, _PROXY = 0x20, 0x21
_ADDRESS_BYTES = {0x00: 0, 0x11: 12, 0x21: 36, 0x31: 216}
"""By family and protocol: unspecified, TCP over IPv4, TCP over IPv6, Unix stream. Datagrams cannot come here."""
_TLV_CRC32C, _TLV_SSL = 0x03, 0x20
_CLIENT_SSL = 0x01
_V1 = re.compile(rb"PROXY TCP([46]) ([0-9A-Fa-f:.]+) ([0-9A-Fa-f:.]+) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})\r\n")
_V1_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: [^\r\n]*)?\r\n")


class MalformedProxyHeader(Exception):
    """These bytes do not begin with a PROXY header; the connection is worth nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyHeader:
    """What the load balancer says about the connection that it accepted."""

    source: IPv4Address | IPv6Address | None
    """The client; None without one (a health check) or without IP address: the peer speaks for itself."""
    is_tls: bool = False
    """Whether the client spoke TLS to the load balancer, which took it off (version 2 only)."""
    length: int
    """The header's bytes; behind them the connection's own begin."""


def parse_proxy_header(data: bytes) -> ProxyHeader | None:
    """The header that `data` begins with; None as long as it is not whole. Raises `MalformedProxyHeader`."""
    if data[:1] == b"P":
        return _parse_v1(data)
    if data[: len(_SIGNATURE)] != _SIGNATURE[: len(data)]:
        raise MalformedProxyHeader("no signature")
    return _parse_v2(data)


def _parse_v1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, MAX_V1_BYTES) + 2
    if end == 1:
        if len(data) >= MAX_V1_BYTES or b"\n" in data or not (b"PROXY ".startswith(data[:6]) and data.isascii()):
            raise MalformedProxyHeader("version 1: no line")
        return None
    line = data[:end]
    if _V1_UNKNOWN.fullmatch(line):
        return ProxyHeader(source=None, length=end)
    match = _V1.fullmatch(line)
    if match is None or int(match[4]) > 65535 or int(match[5]) > 65535:
        raise MalformedProxyHeader("version 1: line")
    kind = IPv4Address if match[1] == b"4" else IPv6Address
    try:
        source = kind(match[2].decode("ascii"))
        kind(match[3].decode("ascii"))
    except ValueError as exc:
        raise MalformedProxyHeader("version 1: address") from exc
    return ProxyHeader(source=source, length=end)


def _parse_v2(data: bytes) -> ProxyHeader | None:
    if len(data) < _V2_START_BYTES:
        return None
    command, family, size = struct.unpack_from("!BBH", data, len(_SIGNATURE))
    length = _V2_START_BYTES + size
    if command not in (_LOCAL, _PROXY) or length > MAX_V2_BYTES:
        raise MalformedProxyHeader("version 2: command or length")
    address_bytes = _ADDRESS_BYTES.get(family)
    if command == _PROXY and (address_bytes is None or size < address_bytes):
        raise MalformedProxyHeader("version 2: family")
    if len(data) < length:
        return None
    if command == _LOCAL or address_bytes is None:
        return ProxyHeader(source=None, length=length)
    is_tls = _read_tlvs(data[:length], _V2_START_BYTES + address_bytes)
    source: IPv4Address | IPv6Address | None = None
    if family == 0x11:
        source = IPv4Address(data[16:20])
    elif family == 0x21:
        source = IPv6Address(data[16:32])
    return ProxyHeader(source=source, is_tls=is_tls, length=length)


def _read_tlvs(header: bytes, position: int) -> bool:
    """Whether one says that the client spoke TLS. The checksum, where there is one, must be right."""
    is_tls = False
    while position < len(header):
        if position + 3 > len(header):
            raise MalformedProxyHeader("version 2: TLV")
        kind, size = struct.unpack_from("!BH", header, position)
        position += 3
        value = header[position : position + size]
        if len(value) != size:
            raise MalformedProxyHeader("version 2: TLV")
        if kind == _TLV_CRC32C:
            blank = header[:position] + bytes(4) + header[position + 4 :]
            if size != 4 or struct.unpack("!I", value)[0] != crc32c(blank):
                raise MalformedProxyHeader("version 2: checksum")
        elif kind == _TLV_SSL:
            is_tls = is_tls or bool(value and value[0] & _CLIENT_SSL)
        position += size
    return is_tls


def _crc32c_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_CRC32C = _crc32c_table()


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum (RFC 9260 appendix A); `zlib.crc32` has another polynomial."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _CRC32C[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF
