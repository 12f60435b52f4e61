"""Whose word counts on where a request came from."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.networks import ClientPlace, parse_address, place_of_client

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def place(peer: str, *forwarded_for: bytes, proto: tuple[bytes, ...] = ()) -> ClientPlace:
    return place_of_client(peer=peer, is_tls=False, forwarded_for=forwarded_for, forwarded_proto=proto, trusted=TRUSTED)


@pytest.mark.parametrize(
    ("peer", "lines", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", [b"198.51.100.1"], "192.0.2.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"1.1.1.1, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"1.1.1.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", [b"198.51.100.1", b"10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", [b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [b"198.51.100.1:1234"], "198.51.100.1"),
        ("10.0.0.1", [b"[2001:db8::1]:1234"], "2001:db8::1"),
        ("10.0.0.1", [b"2001:DB8::1"], "2001:db8::1"),
        ("::ffff:10.0.0.1", [b"::ffff:198.51.100.1"], "198.51.100.1"),
        ("fd00::1", [b"198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"a"], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1, a"], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1,"], "10.0.0.1"),
        ("10.0.0.1", [b"unknown, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", [b"1.2.3.4, " * 5000 + b"198.51.100.1"], "198.51.100.1"),
    ],
)
def test_the_chain_is_believed_from_right_to_left(peer: str, lines: list[bytes], address: str) -> None:
    assert place(peer, *lines).address == address


def test_the_scheme_is_believed_from_a_trusted_peer_only() -> None:
    assert place("10.0.0.1", proto=(b"https",)).is_https
    assert place("10.0.0.1", proto=(b"http, HTTPS ",)).is_https
    assert not place("10.0.0.1", proto=(b"https, gopher",)).is_https
    assert not place("192.0.2.1", proto=(b"https",)).is_https


@given(st.sampled_from(["10.0.0.1", "192.0.2.1", "", "unix:"]), st.lists(st.binary(max_size=40), max_size=4))
def test_nothing_in_a_header_raises(peer: str, lines: list[bytes]) -> None:
    found = place(peer, *lines, proto=tuple(lines))
    assert parse_address(found.address) is not None or found.address == peer


@given(st.ip_addresses())
def test_an_untrusted_peer_is_the_client_whatever_it_says(address: object) -> None:
    peer = parse_address(str(address))
    if peer is not None and not any(peer in network for network in TRUSTED):
        assert place(str(address), b"10.0.0.9, 198.51.100.1") == ClientPlace(address=str(peer), is_https=False)
