"""The pure parts: filters, entries, SIDs, times, bind results, server addresses."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.active_directory.account import (
    UnreadableAccount,
    instant,
    read_person,
    sid_bytes,
    sid_text,
)
from directory.active_directory.bind_result import refusal_reason
from directory.active_directory.domain import Domain, dns_name_of
from directory.active_directory.filters import UnusableName, escape, guid_base, person_called
from directory.active_directory.messages import Entry, LDAPResult
from directory.active_directory.server_address import ServerAddress, parse_server
from directory.directory import RefusalReason
from tests.support.samba_people import filetime


@given(st.text() | st.binary())
def test_an_escaped_value_holds_nothing_that_a_filter_reads(value: str | bytes) -> None:
    try:
        escaped = escape(value)
    except UnicodeEncodeError:
        return
    assert re.fullmatch(r"(?:[A-Za-z0-9]|\\[0-9a-f]{2})*", escaped)
    octets = re.sub(rb"\\(..)", lambda m: bytes([int(m[1], 16)]), escaped.encode("ascii"), flags=re.DOTALL)
    assert octets == (value.encode() if isinstance(value, str) else value)


@given(st.text(max_size=300))
def test_a_name_changes_nothing_but_its_place_in_the_filter(name: str) -> None:
    try:
        filter_text = person_called("sAMAccountName", name)
    except UnusableName:
        return
    head, tail = "(&(sAMAccountName=", ")(objectCategory=person)(objectClass=user))"
    assert filter_text.startswith(head)
    assert filter_text.endswith(tail)
    assert not set(filter_text[len(head) : -len(tail)]) & set("()*&|!=")


@pytest.mark.parametrize("name", ["", " a", "a ", "a\0b", "\ud800", "x" * 257])
def test_a_name_that_no_account_has_is_no_filter(name: str) -> None:
    with pytest.raises(UnusableName):
        person_called("sAMAccountName", name)


def test_only_a_guid_becomes_a_guid_base() -> None:
    guid = str(uuid4())
    assert guid_base(guid) == f"<GUID={guid}>"
    with pytest.raises(ValueError, match="badly formed"):
        guid_base("x>,DC=corp")


@pytest.mark.parametrize(
    ("sub_code", "reason"),
    [
        ("52e", RefusalReason.WRONG_PASSWORD),
        ("525", RefusalReason.WRONG_PASSWORD),
        ("57", RefusalReason.WRONG_PASSWORD),
        ("52f", RefusalReason.RESTRICTED),
        ("530", RefusalReason.LOGON_HOURS),
        ("531", RefusalReason.WORKSTATION),
        ("532", RefusalReason.PASSWORD_EXPIRED),
        ("533", RefusalReason.DISABLED),
        ("701", RefusalReason.ACCOUNT_EXPIRED),
        ("773", RefusalReason.MUST_CHANGE),
        ("775", RefusalReason.LOCKED),
        ("568", RefusalReason.OTHER),
        ("7750", RefusalReason.OTHER),
        ("80090346", RefusalReason.OTHER),
    ],
)
def test_a_sub_code_is_read_from_its_place(sub_code: str, reason: RefusalReason) -> None:
    text = f"80090308: LdapErr: DSID-0C090533, comment: AcceptSecurityContext error, data {sub_code}, v4563"
    assert refusal_reason(LDAPResult(code=49, diagnostic=text)) is reason
    assert refusal_reason(LDAPResult(code=49, diagnostic=text.upper())) is reason


def test_a_refusal_without_a_sub_code_is_still_one() -> None:
    assert refusal_reason(LDAPResult(code=49, diagnostic="no 775 here, nor data")) is RefusalReason.OTHER


@given(st.integers(0, 100).filter(lambda code: code != 49))
def test_any_other_result_is_no_verdict_on_the_password(code: int) -> None:
    assert refusal_reason(LDAPResult(code=code, diagnostic="data 533")) is None


@given(st.integers(0, (1 << 48) - 1), st.lists(st.integers(0, (1 << 32) - 1), max_size=15))
def test_a_sid_is_the_same_there_and_back(authority: int, parts: list[int]) -> None:
    text = "-".join(["S-1", str(authority), *map(str, parts)])
    assert sid_text(sid_bytes(text)) == text


@given(st.binary(max_size=80))
def test_octets_that_are_no_sid_are_refused(octets: bytes) -> None:
    try:
        text = sid_text(octets)
    except ValueError:
        return
    assert sid_bytes(text) == octets


@pytest.mark.parametrize("text", ["", "S-1", "S-2-5-1", "S-1-x", "Wiki Users", "S-1-5-4294967296", "S-1-²", "S-1--5"])
def test_a_text_that_is_no_sid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a SID|not enough values"):
        sid_bytes(text)


def test_the_two_ways_to_say_never_are_no_instants() -> None:
    assert instant(0) is None
    assert instant(0x7FFF_FFFF_FFFF_FFFF) is None


@given(st.integers(0, 4_000_000_000))
def test_a_filetime_is_the_same_there_and_back(seconds: int) -> None:
    assert instant(filetime(seconds)) == seconds


def entry(**changes: bytes | None) -> Entry:
    values: dict[str, bytes | None] = {
        "objectguid": bytes(range(16)),
        "objectsid": sid_bytes("S-1-5-21-1-2-3-1000"),
        "samaccountname": b"alice",
        "useraccountcontrol": b"512",
        "msds-user-account-control-computed": b"0",
        "accountexpires": b"0",
        "pwdlastset": b"0",
        **changes,
    }
    attributes = {name.replace("_", "-"): (value,) for name, value in values.items() if value is not None}
    return Entry(dn="CN=alice", attributes=attributes)


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({}, None),
        ({"useraccountcontrol": b"514"}, RefusalReason.DISABLED),
        ({"useraccountcontrol": b"66050"}, RefusalReason.DISABLED),
        ({"useraccountcontrol": b"66048"}, None),
        ({"msds-user-account-control-computed": b"16"}, RefusalReason.LOCKED),
        ({"msds-user-account-control-computed": b"8388608"}, None),
        ({"accountexpires": str(filetime(1000)).encode()}, RefusalReason.ACCOUNT_EXPIRED),
        ({"accountexpires": str(filetime(1001)).encode()}, None),
        ({"accountexpires": b"9223372036854775807"}, None),
    ],
)
def test_the_state_decides_at_the_instant(changes: dict[str, bytes], refusal: RefusalReason | None) -> None:
    assert read_person(entry(**changes), ()).refusal(1000.0) is refusal


@pytest.mark.parametrize("name", ["useraccountcontrol", "msds-user-account-control-computed", "accountexpires"])
@pytest.mark.parametrize("value", [None, b"", b"x"])
def test_what_cannot_be_read_is_not_taken_for_zero(name: str, value: bytes | None) -> None:
    with pytest.raises(UnreadableAccount):
        read_person(entry(**{name: value}), ())


def test_a_guid_is_read_in_its_mixed_byte_order() -> None:
    assert read_person(entry(), ()).guid == "03020100-0504-0706-0809-0a0b0c0d0e0f"


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_odd_octets_are_read_or_refused(guid: bytes, sid: bytes) -> None:
    try:
        read_person(entry(objectguid=guid, objectsid=sid), ("mobile",))
    except UnreadableAccount:
        return
    assert len(guid) == 16


@pytest.mark.parametrize(
    ("dn", "held"),
    [
        ("CN=a,OU=Staff,DC=corp,DC=example", True),
        ("CN=a,ou=staff,dc=CORP,dc=example", True),
        ("OU=Staff,DC=corp,DC=example", True),
        ("CN=a,OU=NotStaff,DC=corp,DC=example", False),
        ("CN=a,XOU=Staff,DC=corp,DC=example", False),
        ("CN=a,DC=corp,DC=example", False),
    ],
)
def test_a_base_holds_what_is_below_it(dn: str, held: bool) -> None:
    domain = Domain(
        base_dn="OU=Staff,DC=corp,DC=example",
        root_dn="DC=corp,DC=example",
        dns_name="corp.example",
        netbios_name="CORP",
        upn_suffixes=frozenset(),
    )
    assert domain.holds(dn) is held
    assert dns_name_of(domain.root_dn) == "corp.example"


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ldaps://dc1.corp.example", ServerAddress("ldaps", "dc1.corp.example", 636)),
        ("ldap://dc1.corp.example", ServerAddress("ldap", "dc1.corp.example", 389)),
        ("LDAPS://DC1.corp.example:1636/", ServerAddress("ldaps", "dc1.corp.example", 1636)),
        ("ldaps://[::1]", ServerAddress("ldaps", "::1", 636)),
    ],
)
def test_a_server_is_a_scheme_a_host_and_a_port(text: str, address: ServerAddress) -> None:
    assert parse_server(text) == address
    assert parse_server(str(address)) == address


@pytest.mark.parametrize(
    "text",
    ["dc1", "http://dc1", "ldaps://", "ldaps://dc1:99999", "ldaps://a@dc1", "ldaps://dc1/DC=corp"],
)
def test_anything_else_is_no_server(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a server|[Pp]ort|only a host"):
        parse_server(text)


def test_a_global_catalog_is_no_server() -> None:
    with pytest.raises(ValueError, match="Global Catalog"):
        parse_server("ldap://dc1:3268")
