"""Searches on the wire: the same octets as ldap3 sends, and answers that cannot be read raise what is expected."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from uuid import UUID

import ldap3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.operation.bind import bind_operation
from ldap3.operation.search import search_operation
from ldap3.operation.unbind import unbind_operation
from ldap3.protocol.convert import build_controls_list
from ldap3.protocol.rfc2696 import paged_search_control
from ldap3.protocol.rfc4511 import LDAPMessage, MessageID, ProtocolOp
from pyasn1.codec.ber import encoder  # type: ignore[import-untyped]

from directory.active_directory.filters import (
    GROUP,
    IS_PERSON,
    any_of_guids,
    any_of_sids,
    changed_since,
    groups_inside,
    person_called,
)
from directory.active_directory.messages import (
    Entry,
    LDAPResult,
    PageRequest,
    Scope,
    Search,
    bind_request,
    decode_bound,
    decode_done,
    decode_entry,
    filter_octets,
    message_end,
    message_id_of,
    search_request,
    unbind_request,
)
from tests.support.scripted_ldap import entry, integer, result, tlv

SCOPES: dict[Scope, int] = {"base": ldap3.BASE, "one": ldap3.LEVEL, "subtree": ldap3.SUBTREE}


def as_ldap3_sends_it(
    message_id: int, base_dn: str, filter_text: str, attributes: Sequence[str], scope: Scope, page: PageRequest | None
) -> bytes:
    names = list(attributes) or [ldap3.NO_ATTRIBUTES]
    search = search_operation(base_dn, filter_text, SCOPES[scope], ldap3.DEREF_NEVER, names, 7, 0, False, False, False)
    message = LDAPMessage()
    message["messageID"] = MessageID(message_id)
    message["protocolOp"] = ProtocolOp().setComponentByName("searchRequest", search)
    if page is not None:
        control = paged_search_control(criticality=page.is_critical, size=page.size, cookie=page.cookie)
        message["controls"] = build_controls_list([control])
    octets: bytes = encoder.encode(message)
    return octets


names = st.text(min_size=1, max_size=40).filter(lambda each: each == each.strip() and "\0" not in each)
filters = st.one_of(
    st.sampled_from([IS_PERSON, GROUP, "(objectClass=*)", changed_since(2**40), "(&(a>=1)(b<=2)(!(c=d)))"]),
    names.map(lambda each: person_called("sAMAccountName", each)),
    st.lists(st.uuids().map(str), min_size=1, max_size=30).map(any_of_guids),
    st.lists(st.binary(min_size=8, max_size=28), min_size=1, max_size=5).map(any_of_sids),
    st.lists(names, min_size=1, max_size=3).map(groups_inside),
)
pages = st.none() | st.builds(
    PageRequest, size=st.integers(1, 5000), cookie=st.binary(max_size=200), is_critical=st.just(False)
)


@given(
    message_id=st.integers(1, 2**31 - 1),
    base=st.sampled_from(["", "DC=corp,DC=example", "CN=J\xf6rg \u3042,DC=corp", "<GUID=" + str(UUID(int=5)) + ">"]),
    filter_text=filters,
    attributes=st.lists(st.sampled_from(["objectGUID", "mobile", "msDS-User-Account-Control-Computed"]), max_size=3),
    scope=st.sampled_from(sorted(SCOPES)),
    page=pages,
)
def test_a_search_is_sent_as_ldap3_sends_it(
    message_id: int, base: str, filter_text: str, attributes: list[str], scope: Scope, page: PageRequest | None
) -> None:
    search = Search(base_dn=base, filter_text=filter_text, attributes=attributes, scope=scope, size_limit=7, page=page)
    own = search_request(message_id, search)
    assert own == as_ldap3_sends_it(message_id, base, filter_text, attributes, scope, page)
    assert message_end(own, 0) == len(own)
    assert message_id_of(own)[0] == message_id


@given(message_id=st.integers(1, 2**31 - 1), name=names, password=st.binary(min_size=1, max_size=1024))
def test_a_bind_is_sent_as_ldap3_sends_it(message_id: int, name: str, password: bytes) -> None:
    message = LDAPMessage()
    message["messageID"] = MessageID(message_id)
    bind = bind_operation(3, ldap3.SIMPLE, name, password)
    message["protocolOp"] = ProtocolOp().setComponentByName("bindRequest", bind)
    assert bind_request(message_id, name, password) == encoder.encode(message)


@given(message_id=st.integers(1, 2**31 - 1))
def test_an_unbind_is_sent_as_ldap3_sends_it(message_id: int) -> None:
    message = LDAPMessage()
    message["messageID"] = MessageID(message_id)
    message["protocolOp"] = ProtocolOp().setComponentByName("unbindRequest", unbind_operation())
    assert unbind_request(message_id) == encoder.encode(message)


def test_a_page_that_must_be_kept_to_is_asked_for_as_the_standard_says() -> None:
    """TRUE is 0xff (RFC 4511 section 5.1); ldap3 sends another octet."""
    page = PageRequest(size=5, cookie=b"c", is_critical=True)
    value = tlv(4, tlv(0x30, integer(5) + tlv(4, b"c")))
    control = tlv(0xA0, tlv(0x30, tlv(4, b"1.2.840.113556.1.4.319") + tlv(1, b"\xff") + value))
    search = Search(base_dn="", filter_text="(a=*)", attributes=(), page=page)
    assert search_request(1, search).endswith(control)


@pytest.mark.parametrize(
    "text",
    ["", "objectClass=*", "(a=b", "(a=b))", "(a=b)(c=d)", "(a=b*)", "(a=*b)", "(a=\\)", "(a=\\4)", "(a=\\zz)", "(&)",
     "(!(a=b)(c=d))", "(=b)", "(a~=b)", "(a:dn:=b)", "(a=(b)", "(1.2.3:=x)"],
)  # fmt: skip
def test_what_no_filter_of_ours_is_is_refused(text: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        filter_octets(text)


@pytest.mark.parametrize("name", ["*", ")(cn=*", "a*b", "\\2a", "x)(|(a=*", "ｗｉｄｅ", "é", "さくら", "a'b\"<>#;+,="])
def test_a_name_is_one_value_whatever_is_in_it(name: str) -> None:
    named = tlv(0xA3, tlv(4, b"sAMAccountName") + tlv(4, name.encode()))
    is_person = filter_octets("(objectCategory=person)") + filter_octets("(objectClass=user)")
    assert filter_octets(person_called("sAMAccountName", name)) == tlv(0xA0, named + is_person)


def test_an_entry_and_the_end_are_read() -> None:
    found = tlv(0x30, integer(3) + entry("CN=a", Mobile=[b"1", b"2"]))
    assert decode_entry(found) == Entry(dn="CN=a", attributes={"mobile": (b"1", b"2")})
    assert decode_done(tlv(0x30, integer(3) + result(0x65, 32, "no"))) == (LDAPResult(code=32, diagnostic="no"), b"")
    value = tlv(4, tlv(0x30, integer(0) + tlv(4, b"next")))
    for criticality in (b"", tlv(1, b"\xff")):
        control = tlv(0xA0, tlv(0x30, tlv(4, b"1.2.840.113556.1.4.319") + criticality + value))
        assert decode_done(tlv(0x30, integer(3) + result(0x65, 0) + control)) == (LDAPResult(code=0), b"next")


@given(st.binary(max_size=300))
def test_any_octets_are_read_or_refused(octets: bytes) -> None:
    whole = tlv(0x30, octets)
    for read in (decode_bound, decode_entry, decode_done, message_id_of):
        with contextlib.suppress(ValueError, IndexError):
            read(whole)
