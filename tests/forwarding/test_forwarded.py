"""``Forwarded`` in the grammar of RFC 7239, and everything else as a hop that saw nobody."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.access.networks import UNKNOWN, is_within, parse_address, place_of_client
from proxy.http.forwarded import NOBODY, read_forwarded
from tests.forwarding.stage import StageMaker, get

TRUSTED = (ip_network("10.0.0.0/8"),)


@pytest.mark.parametrize(
    ("lines", "nodes", "protos"),
    [
        ([], (), ()),
        ([b"for=192.0.2.43"], (b"192.0.2.43",), ()),
        ([b"for=192.0.2.60;proto=http;by=203.0.113.43"], (b"192.0.2.60",), (b"http",)),
        ([b"For=192.0.2.43, for=198.51.100.17"], (b"192.0.2.43", b"198.51.100.17"), ()),
        ([b"for=192.0.2.43", b"for=198.51.100.17"], (b"192.0.2.43", b"198.51.100.17"), ()),
        ([b'For="[2001:db8:cafe::17]:4711"'], (b"[2001:db8:cafe::17]:4711",), ()),
        ([b'for="198.51.100.17:80" ; Proto=HTTPS'], (b"198.51.100.17:80",), (b"HTTPS",)),
        ([b'for="1\\98.51.100.17";host="a,b;c=\\"d"'], (b"198.51.100.17",), ()),
        ([b"for=192.0.2.43;proto=https, for=198.51.100.17"], (b"192.0.2.43", b"198.51.100.17"), (b"https", b"")),
        ([b'for=192.0.2.43;proto="https,http"'], (b"192.0.2.43",), ()),
        ([b"for=unknown"], (NOBODY,), ()),
        ([b"for=_hidden"], (NOBODY,), ()),
        ([b"proto=https"], (NOBODY,), (b"https",)),
        ([b'for="10.0.0.1,10.0.0.2"'], (NOBODY,), ()),
        ([b""], (NOBODY,), ()),
        ([b"192.0.2.43"], (NOBODY,), ()),
        ([b"for=192.0.2.43:80"], (NOBODY,), ()),
        ([b"for=[2001:db8::1]"], (NOBODY,), ()),
        ([b"for = 192.0.2.43"], (NOBODY,), ()),
        ([b"for=192.0.2.43;for=10.0.0.1"], (NOBODY,), ()),
        ([b"for=192.0.2.43,"], (NOBODY,), ()),
        ([b"for=192.0.2.43 for=10.0.0.1"], (NOBODY,), ()),
        ([b'for=10.0.0.1;x=", for=192.0.2.43'], (NOBODY,), ()),
        ([b'for=10.0.0.1;x="', b"for=192.0.2.43"], (NOBODY, b"192.0.2.43"), ()),
    ],
)
def test_what_the_grammar_says_and_nothing_else(
    lines: list[bytes], nodes: tuple[bytes, ...], protos: tuple[bytes, ...]
) -> None:
    found = read_forwarded(lines)
    assert (found.nodes, found.protos) == (nodes, protos)


@given(st.lists(st.binary(max_size=60), max_size=4))
@example([b'for="' + b"\\" * 2000])
@example([b"for=a;" * 2000])
def test_nothing_in_the_field_raises_or_gets_through(lines: list[bytes]) -> None:
    found = read_forwarded(lines)
    assert len(found.nodes) >= len(lines)
    assert all(b"," not in node for node in found.nodes)


addresses = st.ip_addresses().map(str)
strangers = addresses.filter(lambda text: not is_within(parse_address(text), TRUSTED))
proxies = st.integers(1, 2**24 - 1).map(lambda number: str(ip_address(0x0A000000 + number)))
pieces = st.sampled_from(
    [b'"', b"\\", b",", b";", b"for=", b"10.0.0.9", b"proto=https", b"x=", b" ", b"a", b"=", b"[", b"]"]
)
written_by_clients = st.lists(pieces, max_size=12).map(b"".join)


def element(address: str) -> bytes:
    """As a proxy writes whom it saw."""
    return f'for="[{address}]";proto=https'.encode() if ":" in address else f"for={address};proto=https".encode()


@given(written_by_clients, strangers, st.lists(proxies, max_size=3), proxies, st.booleans())
def test_what_a_client_writes_itself_is_never_believed(
    spoofed: bytes, client: str, chain: list[str], nearest: str, is_one_line: bool
) -> None:
    """Each proxy appends whom it saw, to the line or as one of its own; at worst nobody knows the client any more."""
    honest = [element(each) for each in (client, *chain)]
    lines = [b", ".join([spoofed, *honest])] if is_one_line else [spoofed, *honest]
    hops = read_forwarded(lines)
    found = place_of_client(
        peer=nearest, is_tls=False, forwarded_for=hops.nodes, forwarded_proto=hops.protos, trusted=TRUSTED
    )
    assert found.address in (str(parse_address(client)), UNKNOWN)
    if not is_one_line:
        assert found.address == str(parse_address(client))
        assert found.is_https


@pytest.mark.parametrize(("header", "client"), [("forwarded", b"198.51.100.1"), ("x-forwarded-for", b"198.51.100.2")])
async def test_an_app_is_told_the_client_that_the_named_header_names(
    staged: StageMaker, header: str, client: bytes
) -> None:
    said = "Forwarded: for=198.51.100.1;proto=https\r\nX-Forwarded-For: 198.51.100.2\r\nX-Forwarded-Proto: https\r\n"
    async with staged(server={"trusted_proxies": ["127.0.0.1/32"], "forwarded_header": header}) as stage:
        assert (await stage.ask(get("/", lines=said))).status == 200
        (request,) = stage.upstream.requests
        assert request.get("X-Forwarded-For") == client + b", 127.0.0.1"
        assert request.get("X-Forwarded-Proto") == b"https"
        (forwarded,) = request.all("Forwarded")
        assert forwarded.startswith(b"for=" + client + b";")
