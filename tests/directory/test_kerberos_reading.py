"""What is read out of keytabs and tickets, octet by octet: whole and sound, or refused."""

from __future__ import annotations

import stat
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.active_directory.account import PersonEntry, ticket_refusal
from directory.directory import RefusalReason
from directory.kerberos.logon_info import NotLogonInfo, read_logon_info
from directory.kerberos.open_acceptor import open_acceptor
from directory.kerberos.service_key import (
    KerberosUnusable,
    KeytabEntry,
    NotAKeytab,
    ServiceKey,
    check_service_key,
    read_keytab,
)
from directory.kerberos.ticket import KerberosTicket, TicketRefusal

NOW = 1_800_000_000.0
SERVICE = "HTTP/signin.corp.example@CORP.EXAMPLE"

SAMBA = bytes.fromhex(
    "01100800ccccccccb001000000000000000002007e0b7942cf7add01ffffffffffffff7fffffffffffffff7f8e3c782acf7add018e3c782a"
    "cf7add018ebcd11fd09bdd0106000600040002000600060008000200000000000c0002000000000010000200000000001400020000000000"
    "18000200010000005004000001020000030000001c0002002000000000000000000000000000000000000000060008002000020008000a00"
    "240002002800020000000000000000001000000000000000000000000000000000000000000000000000000000000000010000002c000200"
    "00000000000000000000000003000000000000000300000062006f006200000003000000000000000300000042006f006200000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000030000000102000007000000"
    "6d040000070000007004000007000000040000000000000003000000440043003100000005000000000000000400000043004f0052005000"
    "040000000104000000000005150000001c009750ddc87a160077827f01000000300002000700000001000000010100000000001201000000"
)
"""A KERB_VALIDATION_INFO that Samba wrote for bob of a throwaway domain."""


def entry(principal: str, encryption_type: int) -> bytes:
    name, _, realm = principal.partition("@")
    parts = [realm, *name.split("/")]
    names = b"".join(struct.pack(">H", len(part)) + part.encode() for part in parts)
    body = struct.pack(">H", len(parts) - 1) + names + struct.pack(">IIBHH", 1, 0, 2, encryption_type, 32) + b"k" * 32
    return struct.pack(">i", len(body)) + body


def keytab(*entries: bytes) -> bytes:
    return b"\x05\x02" + b"".join(entries)


def test_the_holder_is_the_domain_s_sid_and_the_relative_one() -> None:
    info = read_logon_info(SAMBA)
    assert info.sid == "S-1-5-21-1352073244-377145565-2139256576-1104"
    assert info.password_set_at == pytest.approx(1795385808.03, abs=0.01)


def test_somebody_of_no_domain_is_refused() -> None:
    with pytest.raises(NotLogonInfo):
        read_logon_info(SAMBA[:120] + bytes(4) + SAMBA[124:])  # UserId 0: only in the extra SIDs


@given(st.integers(min_value=0, max_value=len(SAMBA)), st.binary(max_size=8))
def test_any_change_of_a_ticket_s_facts_is_read_or_refused(at: int, octets: bytes) -> None:
    for changed in (SAMBA[:at], SAMBA[:at] + octets + SAMBA[at + len(octets) :], octets):
        try:
            read_logon_info(changed)
        except NotLogonInfo:
            continue


def test_a_keytab_s_entries_are_told_without_their_keys() -> None:
    octets = keytab(entry(SERVICE, 18), struct.pack(">i", -12) + bytes(12), entry("host/a@B", 23))
    assert read_keytab(octets) == [
        KeytabEntry(principal=SERVICE, encryption_type=18),
        KeytabEntry(principal="host/a@B", encryption_type=23),
    ]


@given(st.binary(max_size=64), st.integers(min_value=0, max_value=200))
def test_any_file_is_a_keytab_or_is_refused(octets: bytes, length: int) -> None:
    for each in (octets, b"\x05\x02" + octets, keytab(entry(SERVICE, 18), entry(SERVICE, 17))[:length]):
        try:
            read_keytab(each)
        except NotAKeytab:
            continue


@pytest.mark.parametrize(
    ("octets", "mode", "ok", "detail"),
    [
        (keytab(entry(SERVICE, 18)), 0o600, True, f"holds AES keys for {SERVICE}"),
        (keytab(entry(SERVICE, 18)), 0o644, True, "others may read it (mode 0644"),
        (keytab(entry(SERVICE, 18), entry(SERVICE, 23)), 0o600, True, "weaker ones too"),
        (keytab(entry(SERVICE, 23)), 0o600, False, f"no AES key for {SERVICE}"),
        (keytab(entry("HTTP/x@Y", 18)), 0o600, False, f"no key for {SERVICE}, but for HTTP/x@Y"),
        (keytab(), 0o600, False, "but for nothing"),
        (b"", 0o600, False, "not a keytab"),
        (keytab(entry(SERVICE, 18))[:-3], 0o600, False, "in the middle"),
    ],
)
def test_a_keytab_is_checked_before_it_is_relied_on(
    tmp_path: Path, octets: bytes, mode: int, ok: bool, detail: str
) -> None:
    path = tmp_path / "http.keytab"
    path.write_bytes(octets)
    path.chmod(mode)
    key = ServiceKey(realm="corp", principal=SERVICE, keytab=path)
    (result,) = check_service_key(key)
    assert result.ok is ok
    assert detail in result.detail
    assert stat.S_IMODE(path.stat().st_mode) == mode
    if not ok:
        with pytest.raises(KerberosUnusable, match="corp") as refused:
            open_acceptor([key])
        assert "\n" not in str(refused.value)


def test_without_the_package_the_start_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "http.keytab"
    path.write_bytes(keytab(entry(SERVICE, 18)))
    monkeypatch.setitem(sys.modules, "directory.kerberos.acceptor", None)
    with pytest.raises(KerberosUnusable, match=r"pip install 'gatepost\[kerberos\]'"):
        open_acceptor([ServiceKey(realm="corp", principal=SERVICE, keytab=path)])


def person(**facts: object) -> PersonEntry:
    known = {
        "guid": "g", "sid": "S-1-5-21-1-2-3-4", "username": "alice", "display_name": "Alice", "language": "",
        "mail": None, "mobiles": (), "mobile_changed_at": None, "is_mobile_change_unread": False, "account_mark": "",
        "is_disabled": False, "is_locked": False,
        "is_password_expired": False, "expires_at": None, "password_set_at": NOW - 1000, "password_expires_at": None,
        "group_sids": None, **facts,
    }  # fmt: skip
    return PersonEntry(**known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({}, None),
        ({"sid": "S-1-5-21-1-2-3-5"}, RefusalReason.UNKNOWN),
        ({"is_disabled": True}, RefusalReason.DISABLED),
        ({"is_locked": True}, RefusalReason.LOCKED),
        ({"expires_at": NOW}, RefusalReason.ACCOUNT_EXPIRED),
        ({"password_set_at": None}, RefusalReason.MUST_CHANGE),
        ({"is_password_expired": True}, RefusalReason.PASSWORD_EXPIRED),
        ({"password_set_at": NOW - 10}, TicketRefusal.OLD_PASSWORD),
    ],
)
def test_a_ticket_stands_for_its_person_as_long_as_their_account_does(
    facts: dict[str, object], refusal: object
) -> None:
    ticket = KerberosTicket(
        kerberos_realm="X", sid="S-1-5-21-1-2-3-4", password_set_at=NOW - 1000, authenticator=b"", reply=b""
    )
    assert ticket_refusal(person(**facts), ticket, NOW) is refusal
    assert ticket_refusal(None, ticket, NOW) is RefusalReason.UNKNOWN


def test_a_ticket_that_does_not_tell_of_its_password_stands_for_nobody() -> None:
    ticket = KerberosTicket(
        kerberos_realm="X", sid="S-1-5-21-1-2-3-4", password_set_at=None, authenticator=b"", reply=b""
    )
    assert ticket_refusal(person(), ticket, NOW) is TicketRefusal.OLD_PASSWORD
