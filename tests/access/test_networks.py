"""Whose word counts on where a request came from."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.access.networks import UNKNOWN, ClientPlace, is_within, parse_address, place_of_client

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
        ("10.0.0.1", [b"a"], UNKNOWN),
        ("10.0.0.1", [b""], UNKNOWN),
        ("10.0.0.1", [b"198.51.100.1, a"], UNKNOWN),
        ("10.0.0.1", [b"198.51.100.1,"], UNKNOWN),
        ("10.0.0.1", [b"unknown, 10.0.0.2"], UNKNOWN),
        ("10.0.0.1", [b"10.0.0.5, unix:"], UNKNOWN),
        ("10.0.0.1", [b"198.51.100.1:evil"], UNKNOWN),
        ("10.0.0.1", [b"198.51.100.1:"], UNKNOWN),
        ("10.0.0.1", [b"[2001:db8::1]evil"], UNKNOWN),
        ("10.0.0.1", [b"[2001:db8::1"], UNKNOWN),
        ("10.0.0.1", [b'"198.51.100.1'], UNKNOWN),
        ("10.0.0.1", [b"198.51.100.01"], UNKNOWN),
        ("10.0.0.1", [b"0x7f.1"], UNKNOWN),
        ("10.0.0.1", [b"1.2.3.4, " * 5000 + b"198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"10.0.0.5, 10.0.0.6, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"10.0.0.5", b"198.51.100.1, 10.0.0.2"], "198.51.100.1"),
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
    assert parse_address(found.address) is not None or found.address in (peer, UNKNOWN)


@given(st.ip_addresses())
def test_an_untrusted_peer_is_the_client_whatever_it_says(address: object) -> None:
    peer = parse_address(str(address))
    if peer is not None and not any(peer in network for network in TRUSTED):
        assert place(str(address), b"10.0.0.9, 198.51.100.1") == ClientPlace(address=str(peer), is_https=False)


addresses = st.ip_addresses().map(str)
strangers = addresses.filter(lambda text: not is_within(parse_address(text), TRUSTED))
proxies = st.integers(1, 2**24 - 1).map(lambda number: str(ip_address(0x0A000000 + number)))
rubbish = st.one_of(st.binary(max_size=30), addresses.map(str.encode), proxies.map(str.encode))


@given(strangers, st.lists(rubbish, max_size=4), st.lists(proxies, max_size=4), proxies)
def test_what_a_client_writes_itself_is_never_believed(
    client: str, spoofed: list[bytes], chain: list[str], nearest: str
) -> None:
    """Each proxy appends whom it saw; whatever the client sent stands to the left of that."""
    honest = [client, *chain]
    for lines in (
        (b", ".join([*spoofed, *(each.encode() for each in honest)]),),
        (*spoofed, b", ".join(each.encode() for each in honest)),
        (*spoofed, *(each.encode() for each in honest)),
    ):
        found = place(nearest, *lines)
        assert found.address == str(parse_address(client))
        assert found.proxies == (*chain, nearest)


@given(proxies, st.lists(rubbish, max_size=4), st.lists(proxies, max_size=3))
def test_a_client_that_a_proxy_cannot_name_is_in_no_network(
    nearest: str, spoofed: list[bytes], chain: list[str]
) -> None:
    """Were it taken to be the proxy, a stranger would be let in where only the inside may."""
    for nameless in (b"unknown", b"", b"unix:", b"_hidden", b"a"):
        found = place(nearest, b",".join([*spoofed, nameless, *(each.encode() for each in chain)]))
        assert found.address == UNKNOWN
        assert not is_within(parse_address(found.address), (ip_network("0.0.0.0/0"), ip_network("::/0")))


@given(st.lists(st.binary(max_size=20), max_size=3), strangers)
def test_a_stranger_never_chooses_its_scheme(protos: list[bytes], peer: str) -> None:
    assert not place(peer, proto=tuple(protos)).is_https


@pytest.mark.parametrize(
    ("protos", "is_https"),
    [
        ((b"https",), True),
        ((b"HTTPS",), True),
        ((b"http", b"https"), True),
        ((b"https", b"http"), False),
        ((b"https, http",), False),
        ((b"https,",), False),
        ((b"https https",), False),
        ((b"https;",), False),
        ((b"wss",), True),
        ((b"WSS",), True),
        ((b"ws",), False),
        ((b"https, ws",), False),
        ((), False),
    ],
)
def test_behind_one_proxy_its_own_word_on_the_scheme_counts(protos: tuple[bytes, ...], is_https: bool) -> None:
    """Traefik names the scheme of a WebSocket by its own name."""
    assert place("10.0.0.1", b"198.51.100.1", proto=protos).is_https is is_https


@pytest.mark.parametrize(
    ("chain", "protos", "is_https"),
    [
        ((b"198.51.100.1, 10.0.0.2",), (b"https, http",), True),
        ((b"198.51.100.1", b"10.0.0.2"), (b"https", b"http"), True),
        ((b"198.51.100.1, 10.0.0.2",), (b"http, https",), False),
        ((b"198.51.100.1, 10.0.0.3, 10.0.0.2",), (b"https, http, http",), True),
        ((b"198.51.100.1, 10.0.0.3, 10.0.0.2",), (b"https, http",), True),
        ((b"198.51.100.1, 10.0.0.2",), (b"https",), True),
        ((b"198.51.100.1, 10.0.0.2",), (b"http",), False),
        # What stands left of the hop that saw the client, the client wrote.
        ((b"198.51.100.1, 10.0.0.2",), (b"https, http, http",), False),
        ((b"10.0.0.9, 198.51.100.1, 10.0.0.2",), (b"https, http, http",), False),
        ((b"198.51.100.1, 10.0.0.2",), (b"http, wss, http",), True),
        # A hop that says nothing leaves the word to the next.
        ((b"198.51.100.1, 10.0.0.2",), (b", https",), True),
        ((b"198.51.100.1, 10.0.0.2",), (b"",), False),
    ],
)
def test_behind_several_proxies_the_one_that_saw_the_client_says_the_scheme(
    chain: tuple[bytes, ...], protos: tuple[bytes, ...], is_https: bool
) -> None:
    assert place("10.0.0.1", *chain, proto=protos).is_https is is_https
