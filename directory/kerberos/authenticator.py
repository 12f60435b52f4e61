"""What makes one use of a ticket different from any other: the sealed authenticator in the token. Pure.

The client seals a new one each time (RFC 4120 section 5.5.1). Nobody else can, and one changed octet makes it useless.
The negotiation around it is in clear, so an attacker who replays a token can wrap it differently. That is why the
digest is not of the whole token.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from directory.active_directory.messages import element

_FRAME, _SEQUENCE, _OCTETS, _OID, _AP_REQ = 0x60, 0x30, 0x04, 0x06, 0x6E
_FIELD = 0xA0
_SPNEGO = bytes.fromhex("2b0601050502")
_KERBEROS = (
    bytes.fromhex("2a864886f712010202"),
    bytes.fromhex("2a864882f712010202"),  # a typing error of Windows 2000, which everybody accepts
)
_TOKEN_ID = b"\x01\x00"
_MECHANISM_TOKEN, _AUTHENTICATOR, _CIPHER = 2, 4, 2


class NoAuthenticator(ValueError):
    """The token is not built as RFC 4178 and RFC 4121 say, or in more than one way."""


def authenticator_digest(token: bytes) -> bytes:
    """The SHA-256 of the sealed authenticator in the first token of a negotiation, or in a bare Kerberos one.

    To be asked of a token that was accepted. Raises `NoAuthenticator`.
    """
    try:
        return hashlib.sha256(_cipher(token)).digest()
    except (ValueError, IndexError) as error:
        raise NoAuthenticator("not a token of one Kerberos authenticator") from error


def _cipher(token: bytes) -> bytes:
    mechanism, rest = _framed(token)
    if mechanism == _SPNEGO:
        negotiation = _only(_only(rest, _FIELD), _SEQUENCE)
        token = _only(_field(negotiation, _MECHANISM_TOKEN), _OCTETS)
        if token[0] != _AP_REQ:
            mechanism, rest = _framed(token)
    if token[0] != _AP_REQ:
        if mechanism not in _KERBEROS or not rest.startswith(_TOKEN_ID):
            raise ValueError("not a request of Kerberos's")
        token = rest.removeprefix(_TOKEN_ID)
    request = _only(_only(token, _AP_REQ), _SEQUENCE)
    sealed = _only(_field(request, _AUTHENTICATOR), _SEQUENCE)
    return _only(_field(sealed, _CIPHER), _OCTETS)


def _framed(token: bytes) -> tuple[bytes, bytes]:
    """The mechanism that a token is of, and what it says (RFC 2743 section 3.1)."""
    frame = _only(token, _FRAME)
    tag, start, stop = element(frame, 0, len(frame))
    if tag != _OID:
        raise ValueError("no mechanism")
    return frame[start:stop], frame[stop:]


def _only(octets: bytes, tag: int) -> bytes:
    """The content of the one element that these octets are."""
    found, start, stop = element(octets, 0, len(octets))
    if found != tag or stop != len(octets):
        raise ValueError("not that element alone")
    return octets[start:stop]


def _field(octets: bytes, number: int) -> bytes:
    """The content of the field with this number in a sequence of numbered ones, each there once and in order."""
    before, content = -1, None
    for tag, each in _elements(octets):
        if not before < tag - _FIELD <= 30:
            raise ValueError("not fields in order")
        before = tag - _FIELD
        if before == number:
            content = each
    if content is None:
        raise ValueError("without that field")
    return content


def _elements(octets: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(octets):
        tag, start, at = element(octets, at, len(octets))
        yield tag, octets[start:at]
