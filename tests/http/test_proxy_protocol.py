"""PROXY headers: read whole and strictly, or not at all."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.proxy_protocol import (
    MAX_V1_BYTES,
    MAX_V2_BYTES,
    MalformedProxyHeader,
    ProxyHeader,
    crc32c,
    parse_proxy_header,
)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = bytes((192, 0, 2, 1, 198, 51, 100, 1, 0x30, 0x39, 0x01, 0xBB))


def v2(command: int = 0x21, family: int = 0x11, body: bytes = V4, size: int | None = None) -> bytes:
    return SIGNATURE + struct.pack("!BBH", command, family, len(body) if size is None else size) + body


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack("!BH", kind, len(value)) + value


def with_checksum(body: bytes) -> bytes:
    blank = v2(body=body + tlv(3, bytes(4)))
    return v2(body=body + tlv(3, struct.pack("!I", crc32c(blank))))


ports = st.integers(0, 65535)
v1_headers = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4), ports, ports),
    st.tuples(st.ip_addresses(v=6).filter(lambda a: "%" not in str(a)), st.ip_addresses(v=6), ports, ports),
).map(lambda t: (t[0], f"PROXY TCP{t[0].version} {t[0]} {t[1]} {t[2]} {t[3]}\r\n".encode()))
tlvs = st.lists(st.tuples(st.sampled_from([1, 2, 4, 5, 0x21, 0x30, 0xE0]), st.binary(max_size=30)), max_size=3).map(
    lambda all: b"".join(tlv(kind, value) for kind, value in all)
)
v2_headers = st.tuples(st.ip_addresses(), st.binary(min_size=4, max_size=4), tlvs).map(
    lambda t: (
        t[0],
        v2(
            family=0x11 if t[0].version == 4 else 0x21,
            body=t[0].packed + bytes(len(t[0].packed)) + t[1] + t[2],
        ),
    )
)


@given(st.one_of(v1_headers, v2_headers), st.binary(max_size=40))
def test_a_header_is_read_whole_and_not_a_byte_more(
    header: tuple[IPv4Address | IPv6Address, bytes], rest: bytes
) -> None:
    source, raw = header
    assert parse_proxy_header(raw + rest) == ProxyHeader(source=source, length=len(raw))
    for end in range(len(raw)):
        assert parse_proxy_header(raw[:end]) is None, end


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda data: SIGNATURE + data)))
def test_any_bytes_are_a_header_incomplete_or_malformed(data: bytes) -> None:
    try:
        header = parse_proxy_header(data)
    except MalformedProxyHeader:
        return
    assert header is None or 0 < header.length <= len(data)


@given(st.integers(16 * 8, 28 * 8 - 1))
def test_a_changed_address_does_not_pass_the_checksum(bit: int) -> None:
    broken = bytearray(with_checksum(V4))
    broken[bit // 8] ^= 1 << bit % 8
    with pytest.raises(MalformedProxyHeader, match="checksum"):
        parse_proxy_header(bytes(broken))


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY TCP4 192.0.2.1 198.51.100.1 1 65536\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n",
        b"PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 1.1.1.256 1 2\r\n",
        b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        b"PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n",
        b"PROXY TCP6 fe80::1%eth0 2001:db8::2 1 2\r\n",
        b"PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n",
        b"PROXY tcp4 192.0.2.1 198.51.100.1 1 2\r\n",
        b"proxy TCP4 192.0.2.1 198.51.100.1 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n",
        b"PROXY\tTCP4 192.0.2.1 198.51.100.1 1 2\r\n",
        b"PROXY UNKNOWNX\r\n",
        b"PROXY UNKNOWN " + b"x" * MAX_V1_BYTES + b"\r\n",
        b"POST / HTTP/1.1\r\n",
        b"PROPFIND / HTTP/1.1\r\n",
        b"PUT",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01",
        b"\r\n\r\n",
    ],
)
def test_a_line_that_is_not_exactly_version_1_is_malformed(line: bytes) -> None:
    if line == b"\r\n\r\n":  # the beginning of version 2's signature
        assert parse_proxy_header(line) is None
        return
    with pytest.raises(MalformedProxyHeader):
        parse_proxy_header(line)


@pytest.mark.parametrize(
    "raw",
    [
        v2(command=0x11),
        v2(command=0x22),
        v2(command=0x31),
        v2(family=0x12),
        v2(family=0x22),
        v2(family=0x41),
        v2(family=0xFF),
        v2(body=V4[:-1]),
        v2(family=0x21, body=V4),
        v2(size=MAX_V2_BYTES),
        v2(body=V4 + b"\x04"),
        v2(body=V4 + b"\x04\x00"),
        v2(body=V4 + b"\x04\x00\x05abc"),
        v2(body=V4 + tlv(3, b"\0\0\0\0")),
        v2(body=V4 + tlv(3, b"\0\0\0")),
        SIGNATURE[:-1] + b"\r" + bytes(4),
    ],
)
def test_a_header_that_is_not_exactly_version_2_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedProxyHeader):
        parse_proxy_header(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN 192.0.2.1 198.51.100.1 1 2\r\n",
        v2(command=0x20),
        v2(command=0x20, family=0, body=b""),
        v2(command=0x20, family=0x12),
        v2(family=0, body=tlv(4, b"")),
        v2(family=0x31, body=bytes(216)),
    ],
)
def test_a_connection_without_a_client_address_speaks_for_itself(raw: bytes) -> None:
    assert parse_proxy_header(raw + b"GET /") == ProxyHeader(source=None, length=len(raw))


def test_tlvs_are_passed_over_but_for_tls_and_the_checksum() -> None:
    ssl_tlv = tlv(0x20, b"\x01" + bytes(4) + tlv(0x21, b"TLSv1.3"))
    for body, is_tls in [
        (V4 + tlv(1, b"h2") + ssl_tlv, True),
        (V4 + tlv(0x20, b"\x06" + bytes(4)), False),
        (V4 + tlv(0x20, b""), False),
    ]:
        raw = with_checksum(body)
        assert parse_proxy_header(raw) == ProxyHeader(source=ip_address("192.0.2.1"), is_tls=is_tls, length=len(raw))


def test_the_checksum_is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283
