"""RADIUS packets: what is read of a datagram, and why nobody answers others."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyrad.packet import AuthPacket

from config.tables.radius import MOST_ATTRIBUTE_BYTES
from proxy.radius.packets import MOST_BYTES, Code, Dropped, Proves, RADIUSRequest, answer_to, read_request
from tests.support.radius import (
    CHALLENGE,
    MESSAGE_AUTHENTICATOR,
    PROXY_STATE,
    REPLY_MESSAGE,
    SECRET,
    STATE,
    USER_NAME,
    USER_PASSWORD,
    access_request,
    attributes_of,
    checked_answer,
)


def read(data: bytes, *, secret: bytes = SECRET, must_authenticate: bool = True) -> RADIUSRequest | Dropped:
    return read_request(data, secret=secret, must_authenticate=must_authenticate)


def test_a_request_is_read_as_it_was_sent() -> None:
    _, data = access_request("alice", "pässword 🔑", state=b"where we were")
    found = read(data)
    assert isinstance(found, RADIUSRequest)
    assert (found.code, found.identifier, found.proves) == (Code.ACCESS_REQUEST, 7, Proves.PASSWORD)
    assert (found.text(USER_NAME), found.password, found.first(STATE)) == ("alice", "pässword 🔑", b"where we were")
    assert "ssword" not in repr(found)
    assert "where" not in repr(found)


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 127, 128])
def test_passwords_of_every_length_are_read(length: int) -> None:
    found = read(access_request("alice", "p" * length)[1])
    assert isinstance(found, RADIUSRequest)
    assert (found.proves, found.password) == (Proves.PASSWORD, "p" * length)


def test_a_password_that_is_not_utf_8_is_no_other_password() -> None:
    request = AuthPacket(1, 7, SECRET, b"r" * 16)
    request.add_message_authenticator()
    request[USER_NAME] = [b"alice"]
    request[USER_PASSWORD] = [request.PwCrypt(b"pass\xffword")]
    found = read(request.RequestPacket())
    assert isinstance(found, RADIUSRequest)
    assert (found.proves, found.password) == (Proves.UNREADABLE_PASSWORD, "")


def test_padding_behind_a_packet_is_left_out() -> None:
    assert isinstance(read(access_request("alice", "secret")[1] + b"padding"), RADIUSRequest)


def test_without_a_message_authenticator_nobody_is_answered() -> None:
    _, data = access_request("alice", "secret", is_signed=False)
    assert read(data) is Dropped.NO_MESSAGE_AUTHENTICATOR
    assert isinstance(read(data, must_authenticate=False), RADIUSRequest)


def test_one_that_is_there_is_verified_even_where_none_is_asked_for() -> None:
    _, data = access_request("alice", "secret", secret=b"another one")
    assert read(data, must_authenticate=False) is Dropped.WRONG_MESSAGE_AUTHENTICATOR


def test_an_unprotected_request_with_a_proxy_state_is_dropped() -> None:
    """The attack needs one to hide its collision in (CVE-2024-3596)."""
    _, data = access_request("alice", "secret", is_signed=False, attributes={PROXY_STATE: [b"x"]})
    assert read(data, must_authenticate=False) is Dropped.BARE_PROXY_STATE


def test_a_status_server_always_has_to_prove_itself() -> None:
    _, data = access_request(code=12, is_signed=False)
    assert read(data, must_authenticate=False) is Dropped.NO_MESSAGE_AUTHENTICATOR
    found = read(access_request(code=12)[1])
    assert isinstance(found, RADIUSRequest)
    assert found.code is Code.STATUS_SERVER


def test_eap_always_has_to_prove_itself() -> None:
    _, data = access_request("alice", is_signed=False, attributes={79: [b"\x02\x01\x00\x05\x01"]})
    assert read(data, must_authenticate=False) is Dropped.NO_MESSAGE_AUTHENTICATOR


@pytest.mark.parametrize("code", [0, 2, 3, 4, 5, 11, 13, 40, 43, 255])
def test_other_codes_are_dropped(code: int) -> None:
    _, data = access_request("alice", "secret", code=code)
    assert read(data) is Dropped.NOT_ASKED_FOR


@pytest.mark.parametrize(
    ("attributes", "proves"),
    [
        ({3: [b"\x01" * 17]}, Proves.CHAP),
        ({26: [struct.pack("!LBB", 311, 25, 52) + b"r" * 50]}, Proves.MS_CHAP),
        ({26: [struct.pack("!LBB", 311, 11, 18) + b"c" * 16]}, Proves.MS_CHAP),
        ({79: [b"\x02\x01\x00\x05\x01"]}, Proves.EAP),
        ({26: [struct.pack("!LBB", 9, 1, 6) + b"text"]}, Proves.NOTHING),
        ({}, Proves.NOTHING),
    ],
)
def test_what_a_request_proves_its_person_by(attributes: dict[int, list[bytes]], proves: Proves) -> None:
    found = read(access_request("alice", attributes=attributes)[1])
    assert isinstance(found, RADIUSRequest)
    assert found.proves is proves


@pytest.mark.parametrize("kind", [USER_NAME, STATE, MESSAGE_AUTHENTICATOR])
def test_what_may_stand_once_does_not_stand_twice(kind: int) -> None:
    _, data = access_request("alice", "secret")
    twice = data + bytes((kind, 18)) + bytes(16)
    twice = twice[:2] + len(twice).to_bytes(2) + twice[4:]
    found = read(twice + bytes((kind, 18)) + bytes(16))
    assert found in (Dropped.MALFORMED, Dropped.WRONG_MESSAGE_AUTHENTICATOR)
    _, data = access_request("alice", "secret", attributes={kind: [b"1" * 16, b"2" * 16]}, is_signed=False)
    assert read(data, must_authenticate=False) is Dropped.MALFORMED


@given(st.binary(max_size=300), st.booleans())
def test_random_bytes_are_dropped(data: bytes, must_authenticate: bool) -> None:
    found = read(data, must_authenticate=must_authenticate)
    assert isinstance(found, Dropped) or not must_authenticate


SIGNED = access_request("alice", "secret", state=b"where we were")[1]


@given(st.integers(0, len(SIGNED) - 1))
def test_a_fragment_is_dropped(length: int) -> None:
    assert isinstance(read(SIGNED[:length]), Dropped)
    # One whose length was set right, too.
    shorter = SIGNED[:2] + length.to_bytes(2) + SIGNED[4:length]
    assert isinstance(read(shorter), Dropped)


@pytest.mark.parametrize("longer", [1, 2, 100])
def test_an_attribute_that_is_cut_off_is_dropped_even_from_an_unsigned_packet(longer: int) -> None:
    _, data = access_request("alice", "secret", is_signed=False, attributes={STATE: [b"where we were"]})
    assert isinstance(read(data, must_authenticate=False), RADIUSRequest)
    end = len(data) - len(b"where we were") - 1
    assert (
        read(data[:end] + bytes((data[end] + longer,)) + data[end + 1 :], must_authenticate=False) is Dropped.MALFORMED
    )


@pytest.mark.parametrize("length", [0, 15, 17])
def test_a_message_authenticator_has_sixteen_bytes(length: int) -> None:
    body = bytes((MESSAGE_AUTHENTICATOR, 2 + length)) + bytes(length)
    data = b"\x01\x07" + (20 + len(body)).to_bytes(2) + b"r" * 16 + body
    assert read(data, must_authenticate=False) is Dropped.MALFORMED


def test_proxy_states_leave_room_for_every_answer() -> None:
    """Those of a request come back in its answer, beside as much as the configuration and the words may add."""
    most = [b"x" * 253] * 4
    own = [(25, b"c" * 248)] * (MOST_ATTRIBUTE_BYTES // 256) + [(REPLY_MESSAGE, b"m" * 253), (STATE, b"s" * 253)]
    found = read(access_request("alice", "secret", attributes={PROXY_STATE: most})[1])
    assert isinstance(found, RADIUSRequest)
    assert len(answer_to(found, Code.ACCESS_ACCEPT, secret=SECRET, attributes=own)) <= MOST_BYTES
    data = access_request("alice", "secret", attributes={PROXY_STATE: [*most, b"y" * 13]})[1]
    assert read(data) is Dropped.MALFORMED


@given(st.integers(0, len(SIGNED) - 1), st.integers(1, 255))
@example(place=1, change=1)
def test_a_byte_that_was_changed_is_found_out(place: int, change: int) -> None:
    data = bytearray(SIGNED)
    data[place] ^= change
    assert isinstance(read(bytes(data)), Dropped)


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=253)), max_size=12))
def test_any_attributes_are_read_or_dropped(pairs: list[tuple[int, bytes]]) -> None:
    body = b"".join(bytes((kind, len(value) + 2)) + value for kind, value in pairs)
    data = bytes((1, 9)) + (20 + len(body)).to_bytes(2) + b"r" * 16 + body
    found = read(data, must_authenticate=False)
    if isinstance(found, RADIUSRequest):
        assert found.attributes == {k: tuple(v for kind, v in pairs if kind == k) for k, _ in pairs}
        checked(found, answer_to(found, Code.ACCESS_REJECT, secret=SECRET))


def checked(request: RADIUSRequest, answer: bytes) -> Any:
    asked = AuthPacket(1, request.identifier, SECRET, request.authenticator)
    if states := request.attributes.get(PROXY_STATE):
        asked[PROXY_STATE] = list(states)
    return checked_answer(asked, answer)


def test_an_answer_proves_itself_and_gives_proxy_states_back_in_order() -> None:
    request, data = access_request("alice", "secret", attributes={PROXY_STATE: [b"first", b"second"]})
    found = read(data)
    assert isinstance(found, RADIUSRequest)
    told = [(REPLY_MESSAGE, b"Enter"), ((9, 1), b"ip:x=1"), ((9, 1), b"ip:y=2")]
    answer = checked_answer(request, answer_to(found, Code.ACCESS_CHALLENGE, secret=SECRET, attributes=told))
    assert answer.code == CHALLENGE
    assert attributes_of(answer)[PROXY_STATE] == [b"first", b"second"]
    assert attributes_of(answer)[REPLY_MESSAGE] == [b"Enter"]
    assert len(attributes_of(answer)[26]) == 2


def test_a_request_without_message_authenticator_is_answered_with_one_first() -> None:
    request, data = access_request("alice", "secret", is_signed=False)
    found = read(data, must_authenticate=False)
    assert isinstance(found, RADIUSRequest)
    checked_answer(request, answer_to(found, Code.ACCESS_REJECT, secret=SECRET))


def test_no_answer_is_longer_than_a_packet_may_be() -> None:
    found = read(access_request("alice", "secret")[1])
    assert isinstance(found, RADIUSRequest)
    with pytest.raises(ValueError, match="bytes"):
        answer_to(found, Code.ACCESS_ACCEPT, secret=SECRET, attributes=[(25, b"x" * 253)] * (MOST_BYTES // 253 + 1))
