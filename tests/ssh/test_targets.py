"""Who may open what through the jump host: by name or by address, by group, and where a name leads to."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.tables.ssh import SSHTargetSettings
from proxy.factors.confinement import Confinement
from proxy.sessions.session import Session
from proxy.ssh.targets import (
    Destination,
    OwnPlaces,
    TargetRefusal,
    create_targets,
    parse_destination,
    permitting,
    reachable,
)
from tests.support.people import principal, session

TARGETS = create_targets(
    SSHTargetSettings.model_validate(each)
    for each in (
        {"host": "db1.corp.example", "ports": (22, 5432), "groups": ("DBAs",)},
        {"host": "*.servers.corp.example", "groups": ("Admins",)},
        {"host": "10.0.0.5", "groups": ("Admins",)},
        {"host": "10.1.0.0/16", "ports": (22, 9090), "groups": ("Admins",)},
        {"host": "2001:db8::5", "groups": ("Admins",)},
        {"host": "open.corp.example"},
    )
)
MALFORMED, NOT_PERMITTED = TargetRefusal.MALFORMED, TargetRefusal.NOT_PERMITTED


def of(*groups: str, **fields: object) -> Session:
    return session(principal=principal(groups=frozenset(groups)), **fields)


def asked(host: str, port: int, *groups: str) -> str:
    """The canonical host that may be asked for, or why not."""
    destination = parse_destination(host, port)
    if isinstance(destination, TargetRefusal):
        return destination.name
    found = permitting(TARGETS, of(*groups), destination)
    return found.name if isinstance(found, TargetRefusal) else destination.host


@pytest.mark.parametrize(
    ("host", "port", "group", "expected"),
    [
        ("db1.corp.example", 22, "DBAs", "db1.corp.example"),
        ("DB1.Corp.Example.", 5432, "DBAs", "db1.corp.example"),
        ("db1.corp.example", 22, "Admins", "NOT_PERMITTED"),
        ("db1.corp.example", 23, "DBAs", "NOT_PERMITTED"),
        ("db1.corp.example.evil.example", 22, "DBAs", "NOT_PERMITTED"),
        ("db1", 22, "DBAs", "NOT_PERMITTED"),
        ("a.servers.corp.example", 22, "Admins", "a.servers.corp.example"),
        ("a.b.servers.corp.example", 22, "Admins", "a.b.servers.corp.example"),
        ("servers.corp.example", 22, "Admins", "NOT_PERMITTED"),
        ("evilservers.corp.example", 22, "Admins", "NOT_PERMITTED"),
        ("open.corp.example", 22, "Nobody", "open.corp.example"),
        # By address only what is written as an address, and nothing that is written so by its name.
        ("10.0.0.5", 22, "Admins", "10.0.0.5"),
        ("10.0.0.6", 22, "Admins", "NOT_PERMITTED"),
        ("::ffff:10.0.0.5", 22, "Admins", "10.0.0.5"),
        ("[2001:DB8:0::5]", 22, "Admins", "2001:db8::5"),
        ("10.1.2.3", 22, "Admins", "10.1.2.3"),
        ("10.1.2.3", 80, "Admins", "NOT_PERMITTED"),
        ("127.0.0.1", 22, "Admins", "NOT_PERMITTED"),
        ("[::1]", 22, "Admins", "NOT_PERMITTED"),
        ("::1", 22, "Admins", "NOT_PERMITTED"),
        ("0.0.0.0", 22, "Admins", "NOT_PERMITTED"),
        # What resolvers would take for an address.
        ("127.1", 22, "Admins", "MALFORMED"),
        ("0x7f.1", 22, "Admins", "MALFORMED"),
        ("2130706433", 22, "Admins", "MALFORMED"),
        ("0177.0.0.1", 22, "Admins", "MALFORMED"),
        ("127.0.0.1.", 22, "Admins", "MALFORMED"),
        ("x.servers.corp.example.0x1", 22, "Admins", "MALFORMED"),
        ("fe80::1%eth0", 22, "Admins", "MALFORMED"),
        # What is no destination at all.
        ("db1.corp.example", 0, "DBAs", "MALFORMED"),
        ("db1.corp.example", 65558, "DBAs", "MALFORMED"),
        ("db1.corp.example", 2**32 - 1, "DBAs", "MALFORMED"),
        ("", 22, "Admins", "MALFORMED"),
        (".", 22, "Admins", "MALFORMED"),
        ("*.servers.corp.example", 22, "Admins", "MALFORMED"),
        ("db1.corp.example\0.evil", 22, "DBAs", "MALFORMED"),
        ("db1.corp.example\n", 22, "DBAs", "MALFORMED"),
        ("db1.corp.example/24", 22, "DBAs", "MALFORMED"),
        ("/run/gatepost.sock", 22, "Admins", "MALFORMED"),
        ("user@db1.corp.example", 22, "DBAs", "MALFORMED"),
        ("a" * 300, 22, "Admins", "MALFORMED"),
    ],
)
def test_what_may_be_asked_for(host: str, port: int, group: str, expected: str) -> None:
    assert asked(host, port, group) == expected


def test_a_session_that_is_half_way_or_confined_opens_nothing() -> None:
    destination = Destination(host="open.corp.example", port=22)
    assert not isinstance(permitting(TARGETS, of(), destination), TargetRefusal)
    assert permitting(TARGETS, of(is_half=True), destination) is TargetRefusal.SESSION
    confined = Confinement(pass_id="p", apps=("Wiki",), ends_at=2e9)
    assert permitting(TARGETS, of(confined=confined), destination) is TargetRefusal.SESSION


def leads(host: str, port: int, addresses: list[str], own: OwnPlaces | None = None, targets: object = TARGETS) -> str:
    destination = Destination(host=host, port=port)
    permitted = permitting(targets, of("Admins", "DBAs"), destination)  # type: ignore[arg-type]
    assert not isinstance(permitted, TargetRefusal), permitted
    found = reachable(permitted, destination, [ip_address(each) for each in addresses], own or OwnPlaces())
    return found.name if isinstance(found, TargetRefusal) else " ".join(map(str, found))


HERE = OwnPlaces(addresses={ip_address("10.0.0.9")}, ports={443, 2222, 9090, 22})


@pytest.mark.parametrize(
    ("host", "port", "addresses", "own", "expected"),
    [
        ("db1.corp.example", 22, ["10.0.0.8"], OwnPlaces(), "10.0.0.8"),
        ("db1.corp.example", 22, ["2001:db8::8", "10.0.0.8"], OwnPlaces(), "2001:db8::8 10.0.0.8"),
        ("db1.corp.example", 22, ["127.0.0.1"], OwnPlaces(), "THIS_MACHINE"),
        ("db1.corp.example", 22, ["127.8.8.8"], OwnPlaces(), "THIS_MACHINE"),
        ("db1.corp.example", 22, ["::1"], OwnPlaces(), "THIS_MACHINE"),
        ("db1.corp.example", 22, ["::ffff:127.0.0.1"], OwnPlaces(), "THIS_MACHINE"),
        ("db1.corp.example", 22, ["169.254.169.254"], OwnPlaces(), "LINK_LOCAL"),
        ("db1.corp.example", 22, ["fe80::1"], OwnPlaces(), "LINK_LOCAL"),
        ("db1.corp.example", 22, ["fd00:ec2::254"], OwnPlaces(), "CLOUD"),
        ("db1.corp.example", 22, ["fd20:ce::254"], OwnPlaces(), "CLOUD"),
        ("db1.corp.example", 22, ["100.100.100.200"], OwnPlaces(), "CLOUD"),
        ("db1.corp.example", 22, ["::ffff:168.63.129.16"], OwnPlaces(), "CLOUD"),
        ("db1.corp.example", 22, ["64:ff9b::169.254.169.254"], OwnPlaces(), "NOWHERE"),
        ("db1.corp.example", 22, ["0.0.0.0"], OwnPlaces(), "NOWHERE"),
        ("db1.corp.example", 22, ["::"], OwnPlaces(), "NOWHERE"),
        ("db1.corp.example", 22, ["::127.0.0.1"], OwnPlaces(), "NOWHERE"),
        ("db1.corp.example", 22, ["255.255.255.255"], OwnPlaces(), "NOWHERE"),
        ("db1.corp.example", 22, ["224.0.0.1"], OwnPlaces(), "NOWHERE"),
        ("db1.corp.example", 22, [], OwnPlaces(), "NOWHERE"),
        ("db1.corp.example", 22, ["127.0.0.1", "10.0.0.8", "::1"], OwnPlaces(), "10.0.0.8"),
        ("db1.corp.example", 22, ["10.0.0.9"], HERE, "OWN_PORT"),
        ("db1.corp.example", 5432, ["10.0.0.9"], HERE, "10.0.0.9"),
        ("10.1.0.9", 9090, ["10.1.0.9"], OwnPlaces(addresses={ip_address("10.1.0.9")}, ports={9090}), "OWN_PORT"),
    ],
)
def test_where_it_may_lead(host: str, port: int, addresses: list[str], own: OwnPlaces, expected: str) -> None:
    assert leads(host, port, addresses, own) == expected


@pytest.mark.parametrize(
    ("target", "host", "address", "own_ports", "expected"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", set(), "127.0.0.1"),
        ("127.0.0.0/8", "127.0.0.2", "127.0.0.2", set(), "127.0.0.2"),
        ("::1", "::1", "::1", set(), "::1"),
        ("localhost", "localhost", "127.0.0.1", set(), "127.0.0.1"),
        ("localhost", "localhost", "169.254.1.1", set(), "LINK_LOCAL"),
        ("0.0.0.0/0", "127.0.0.1", "127.0.0.1", set(), "THIS_MACHINE"),
        ("0.0.0.0/0", "169.254.169.254", "169.254.169.254", set(), "LINK_LOCAL"),
        ("169.254.0.0/16", "169.254.0.7", "169.254.0.7", set(), "169.254.0.7"),
        ("100.64.0.0/10", "100.100.100.200", "100.100.100.200", set(), "CLOUD"),
        ("100.100.100.200", "100.100.100.200", "100.100.100.200", set(), "100.100.100.200"),
        # Gatepost's own ports are meant only where the very address is written.
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", {22}, "127.0.0.1"),
        ("127.0.0.0/8", "127.0.0.1", "127.0.0.1", {22}, "OWN_PORT"),
        ("localhost", "localhost", "127.0.0.1", {22}, "OWN_PORT"),
    ],
)
def test_this_machine_is_reached_where_it_is_written_for_what_it_is(
    target: str, host: str, address: str, own_ports: set[int], expected: str
) -> None:
    targets = create_targets([SSHTargetSettings.model_validate({"host": target})])
    assert leads(host, 22, [address], OwnPlaces(ports=own_ports), targets) == expected


@given(st.text(), st.integers(0, 2**32 - 1))
def test_whatever_is_asked_for_is_answered(host: str, port: int) -> None:
    destination = parse_destination(host, port)
    if isinstance(destination, Destination):
        assert parse_destination(destination.host, destination.port) == destination
