"""Which client a packet is from, and what its person is counted by."""

from __future__ import annotations

import pytest

from config.settings import RADIUSClientSettings
from proxy.access.networks import parse_address
from proxy.radius.clients import address_of_person, client_at, folded_name
from proxy.radius.packets import Code, Proves, RADIUSRequest

CALLING_STATION = 31


def client(name: str, address: str, **more: bool) -> RADIUSClientSettings:
    return RADIUSClientSettings.model_validate({"name": name, "address": address, "secret": "secret", **more})


CLIENTS = (client("site", "10.0.0.0/8"), client("vpn", "10.1.2.3"), client("floor", "10.1.0.0/16"))


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("10.1.2.3", "vpn"),
        ("10.1.2.4", "floor"),
        ("10.9.9.9", "site"),
        ("::ffff:10.1.2.3", "vpn"),
        ("192.0.2.1", None),
        ("fe80::1%eth0", None),
    ],
)
def test_the_narrowest_network_decides(address: str, name: str | None) -> None:
    found = client_at(address, CLIENTS)
    assert (found.name if found is not None else None) == name


def request(station: bytes | None = None) -> RADIUSRequest:
    attributes = {} if station is None else {CALLING_STATION: (station,)}
    return RADIUSRequest(
        code=Code.ACCESS_REQUEST,
        identifier=1,
        authenticator=b"r" * 16,
        attributes=attributes,
        proves=Proves.PASSWORD,
    )


def address(name: str, station: bytes | None, **more: bool) -> str:
    asker = client("10.0.0.1", "10.0.0.1", **more)
    return address_of_person(asker, request(station), folded_name=folded_name(name), key=b"k" * 32)


def test_a_trusted_client_tells_the_address() -> None:
    assert address("alice", b"198.51.100.7", trusts_calling_station=True) == "198.51.100.7"
    assert address("alice", b"2001:DB8::7", trusts_calling_station=True) == "2001:db8::7"


@pytest.mark.parametrize("station", [None, b"", b"00-11-22-33-44-55", b"\xff", b"+44 20 7946 0000"])
def test_what_is_no_address_counts_as_none(station: bytes | None) -> None:
    assert address("alice", station, trusts_calling_station=True) == address("alice", None)


def test_others_have_an_address_for_each_name_that_is_in_no_network_and_hides_the_name() -> None:
    found = address("alice", b"198.51.100.7")
    assert found == address(" ALICE", None)
    assert found != address("bob", None)
    assert "alice" not in found
    assert parse_address(found) is None
