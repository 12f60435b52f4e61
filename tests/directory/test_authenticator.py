"""The authenticator of a token, found in whatever it is wrapped in, or refused."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.kerberos.authenticator import NoAuthenticator, authenticator_digest
from tests.support.scripted_ldap import integer, tlv

SPNEGO = tlv(6, bytes.fromhex("2b0601050502"))
KERBEROS = tlv(6, bytes.fromhex("2a864886f712010202"))
MICROSOFT = tlv(6, bytes.fromhex("2a864882f712010202"))
NTLM = tlv(6, bytes.fromhex("2b06010401823702020a"))


def field(number: int, content: bytes) -> bytes:
    return tlv(0xA0 + number, content)


def sealed(cipher: bytes, version: int = 3) -> bytes:
    return tlv(0x30, field(0, integer(18)) + field(1, integer(version)) + field(2, tlv(4, cipher)))


def ap_req(cipher: bytes, *, version: int = 3, more: bytes = b"") -> bytes:
    ticket = field(3, tlv(0x61, b"a ticket"))
    fields = field(0, integer(5)) + field(1, integer(14)) + field(2, tlv(3, bytes(5))) + ticket
    return tlv(0x6E, tlv(0x30, fields + field(4, sealed(cipher, version)) + more))


def bare(request: bytes, mechanism: bytes = KERBEROS) -> bytes:
    return tlv(0x60, mechanism + b"\x01\x00" + request)


def negotiated(token: bytes, *, mechanisms: bytes = KERBEROS, more: bytes = b"") -> bytes:
    fields = field(0, tlv(0x30, mechanisms)) + field(2, tlv(4, token)) + more
    return tlv(0x60, SPNEGO + field(0, tlv(0x30, fields)))


@given(st.binary(min_size=1, max_size=300))
def test_it_is_the_same_however_it_is_wrapped(cipher: bytes) -> None:
    request = ap_req(cipher)
    wrapped = [
        bare(request),
        bare(request, MICROSOFT),
        negotiated(bare(request)),
        negotiated(bare(request, MICROSOFT), mechanisms=MICROSOFT + KERBEROS + NTLM),
        negotiated(request),
        negotiated(bare(request), more=field(3, tlv(4, b"a checksum"))),
        negotiated(bare(ap_req(cipher, version=4))),  # in clear, so anybody can change it
    ]
    assert {authenticator_digest(each) for each in wrapped} == {hashlib.sha256(cipher).digest()}


TWICE = field(4, sealed(b"another"))


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"NTLMSSP\0",
        bare(ap_req(b"x"))[:-1],
        bare(ap_req(b"x")) + b"\0",
        bare(ap_req(b"x") + b"\0"),
        bare(ap_req(b"x"), NTLM),
        bare(ap_req(b"x", more=TWICE)),
        negotiated(bare(ap_req(b"x")), more=field(2, tlv(4, bare(ap_req(b"y"))))),
        negotiated(bare(ap_req(b"x")), more=field(1, b"")),
        negotiated(b""),
        bytes([0x60, 0x80]) + KERBEROS + b"\x01\x00" + ap_req(b"x") + b"\0\0",  # an indefinite length
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(token: bytes) -> None:
    with pytest.raises(NoAuthenticator):
        authenticator_digest(token)


@given(st.binary(max_size=200), st.integers(0, 400), st.binary(max_size=4))
def test_nothing_else_comes_of_broken_tokens(octets: bytes, at: int, written: bytes) -> None:
    token = negotiated(bare(ap_req(b"cipher text")))
    for each in (octets, token[:at] + written + token[at + len(written) :], token[:at]):
        try:
            digest = authenticator_digest(each)
        except NoAuthenticator:
            continue
        assert len(digest) == 32
