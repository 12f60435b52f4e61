"""The hours of a week and the computers that an account may be used in and on."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from directory.active_directory.account import is_within_hours, limits_against
from directory.active_directory.messages import Entry
from directory.active_directory.server_address import parse_server
from directory.directory import RefusalReason

SUNDAY = datetime(2026, 11, 29, tzinfo=UTC).timestamp()
OFFICE = bytes(3) + b"\x00\xff\x01" * 5 + bytes(3)
"""Monday to Friday, 08:00 to 17:00 UTC, as Active Directory Users and Computers writes it."""


@pytest.mark.parametrize(
    ("day", "hour", "is_open"),
    [(0, 12, False), (1, 7.99, False), (1, 8, True), (1, 16.99, True), (1, 17, False), (5, 9, True), (6, 9, False)],
)
def test_an_hour_of_the_week_is_a_bit(day: int, hour: float, is_open: bool) -> None:
    assert is_within_hours(OFFICE, SUNDAY + day * 86_400 + hour * 3600) is is_open


def test_without_hours_it_is_always_open() -> None:
    assert is_within_hours(b"", SUNDAY)
    assert is_within_hours(b"\x00" * 20, SUNDAY)


@pytest.mark.parametrize(
    ("computers", "against"),
    [(b"KIOSK7", True), (b"kiosk7,DC1", False), (b"kiosk7, dc1", False), (b"", False), (b"DC10", True)],
)
def test_a_bind_is_a_logon_at_the_controller(computers: bytes, against: bool) -> None:
    entry = Entry(dn="CN=alice", attributes={"userworkstations": (computers,)})
    found = limits_against(entry, parse_server("ldaps://dc1.corp.example"), SUNDAY)
    assert found == ((RefusalReason.WORKSTATION,) if against else ())
    assert limits_against(None, parse_server("ldaps://dc1.corp.example"), SUNDAY) == ()
