"""RADIUS packets as values: what a datagram says, or why nobody answers it; and the bytes of an answer. Pure.

pyrad does the arithmetic: hiding of passwords, authenticators, the layout of attributes. It takes packets that are cut
off or ambiguous, so what may reach it is judged here first. RFC 2865 unless something else is named.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

from pyrad.packet import AuthPacket

from config.tables.radius_attributes import VENDOR_SPECIFIC

LEAST_BYTES, MOST_BYTES = 20, 4096
"""Of a packet (section 3)."""
MOST_ATTRIBUTES = 200
MOST_PROXY_STATE_BYTES = 1024
"""Of a request, which an answer must hold beside its own. Each proxy on the way adds one."""
_AUTHENTICATOR_BYTES = 16
_MOST_PASSWORD_BYTES = 128
_MICROSOFT = 311
_MS_CHAP_TYPES = frozenset({1, 11, 25})
"""MS-CHAP-Response, -Challenge and MS-CHAP2-Response (RFC 2548 section 2)."""

USER_NAME, USER_PASSWORD, CHAP_PASSWORD = 1, 2, 3
NAS_IP_ADDRESS, NAS_PORT, FRAMED_IP_ADDRESS = 4, 5, 8
REPLY_MESSAGE, STATE, SESSION_TIMEOUT = 18, 24, 27
CALLED_STATION_ID, CALLING_STATION_ID, NAS_IDENTIFIER, PROXY_STATE = 30, 31, 32, 33
ACCT_SESSION_ID, EVENT_TIMESTAMP, EAP_MESSAGE, MESSAGE_AUTHENTICATOR = 44, 55, 79, 80
NAS_PORT_ID, NAS_IPV6_ADDRESS = 87, 95
_AT_MOST_ONCE = (USER_NAME, USER_PASSWORD, CHAP_PASSWORD, STATE, CALLING_STATION_ID, MESSAGE_AUTHENTICATOR)


class Code(Enum):
    """What a packet is (section 4; RFC 5997, RFC 5176)."""

    ACCESS_REQUEST = 1
    ACCESS_ACCEPT = 2
    ACCESS_REJECT = 3
    ACCESS_CHALLENGE = 11
    STATUS_SERVER = 12
    DISCONNECT_REQUEST = 40
    DISCONNECT_ACK = 41
    DISCONNECT_NAK = 42


class Dropped(Enum):
    """Why a datagram is not answered, as counted and logged."""

    UNKNOWN_CLIENT = "unknown_client"
    MALFORMED = "malformed"
    NOT_ASKED_FOR = "other_code"
    """Accounting, for one, which nobody keeps here."""
    NO_MESSAGE_AUTHENTICATOR = "no_message_authenticator"
    WRONG_MESSAGE_AUTHENTICATOR = "wrong_message_authenticator"
    """Somebody without the secret, or one side has another one."""
    BARE_PROXY_STATE = "proxy_state_without_message_authenticator"
    """What an attack on unprotected requests needs (CVE-2024-3596)."""
    BUSY = "busy"
    DUPLICATE = "duplicate"
    """Of a request that is being answered."""


class Proves(Enum):
    """By what a request proves its person."""

    PASSWORD = "PAP"  # noqa: S105  # a protocol's name
    UNREADABLE_PASSWORD = "PAP, unreadable"  # noqa: S105
    """Not UTF-8: the secrets differ, or the client writes another character set."""
    CHAP = "CHAP"
    MS_CHAP = "MS-CHAP"
    EAP = "EAP"
    NOTHING = "no password"


@dataclass(frozen=True, slots=True, kw_only=True)
class RADIUSRequest:
    """A packet from somebody who knows the secret, or who need not show that they do."""

    code: Code
    identifier: int
    authenticator: bytes = field(repr=False)
    attributes: Mapping[int, tuple[bytes, ...]] = field(repr=False)
    """Raw values by type, those of one type in their order."""
    proves: Proves
    password: str = field(default="", repr=False)
    """What was typed: a password, or the answer to a challenge."""

    def first(self, kind: int) -> bytes | None:
        return next(iter(self.attributes.get(kind, ())), None)

    def text(self, kind: int) -> str:
        """Empty for what is missing or no UTF-8."""
        try:
            return (self.first(kind) or b"").decode()
        except UnicodeDecodeError:
            return ""


def read_request(data: bytes, *, secret: bytes, must_authenticate: bool) -> RADIUSRequest | Dropped:
    """Never raises. `must_authenticate`: an Access-Request has to have a Message-Authenticator (RFC 3579 section 3.2);
    a Status-Server always has (RFC 5997 section 3), and one that is there is always verified."""
    data = _without_padding(data)
    attributes = _attributes(data)
    if attributes is None:
        return Dropped.MALFORMED
    if data[0] not in (Code.ACCESS_REQUEST.value, Code.STATUS_SERVER.value):
        return Dropped.NOT_ASKED_FOR
    code = Code(data[0])
    packet = AuthPacket(code.value, packet=data, secret=secret)
    if MESSAGE_AUTHENTICATOR in attributes:
        if not packet.verify_message_authenticator():
            return Dropped.WRONG_MESSAGE_AUTHENTICATOR
    elif must_authenticate or code is Code.STATUS_SERVER or EAP_MESSAGE in attributes:
        return Dropped.NO_MESSAGE_AUTHENTICATOR
    elif PROXY_STATE in attributes:
        return Dropped.BARE_PROXY_STATE
    proves, password = _proof(packet, attributes)
    return RADIUSRequest(
        code=code,
        identifier=data[1],
        authenticator=data[4:20],
        attributes=attributes,
        proves=proves,
        password=password,
    )


def answer_to(
    request: RADIUSRequest,
    code: Code,
    *,
    secret: bytes,
    attributes: Sequence[tuple[int | tuple[int, int], bytes]] = (),
) -> bytes:
    """The bytes of an answer: Message-Authenticator first, whatever the client asks for (CVE-2024-3596), then the
    request's Proxy-States as they came, then `attributes`, of a vendor by vendor and type. At most `MOST_BYTES`."""
    answer = AuthPacket(code.value, request.identifier, secret, request.authenticator)
    answer.add_message_authenticator()
    if states := request.attributes.get(PROXY_STATE):
        answer[PROXY_STATE] = list(states)
    for kind, value in attributes:
        answer.setdefault(kind, []).append(value)
    written: bytes = answer.ReplyPacket()
    if len(written) > MOST_BYTES:
        raise ValueError(f"an answer of {len(written)} bytes")
    return written


def _without_padding(data: bytes) -> bytes:
    """As much as its own length says (section 3); nothing if that cannot be."""
    if len(data) < LEAST_BYTES:
        return b""
    length: int = struct.unpack_from("!H", data, 2)[0]
    return data[:length] if length <= len(data) else b""


def _attributes(data: bytes) -> dict[int, tuple[bytes, ...]] | None:
    """None unless every byte has one meaning: no attribute that is cut off, none twice that may stand once."""
    if not LEAST_BYTES <= len(data) <= MOST_BYTES:
        return None
    starts = [LEAST_BYTES]
    while starts[-1] < len(data):
        start = starts[-1]
        if start + 2 > len(data) or data[start + 1] < 2 or len(starts) > MOST_ATTRIBUTES:
            return None
        starts.append(start + data[start + 1])
    if starts[-1] != len(data):
        return None
    found: dict[int, tuple[bytes, ...]] = {}
    for start, end in pairwise(starts):
        found[data[start]] = (*found.get(data[start], ()), data[start + 2 : end])
    if any(len(found.get(kind, ())) > 1 for kind in _AT_MOST_ONCE):
        return None
    if sum(map(len, found.get(PROXY_STATE, ()))) > MOST_PROXY_STATE_BYTES:
        return None
    if any(len(value) != _AUTHENTICATOR_BYTES for value in found.get(MESSAGE_AUTHENTICATOR, ())):
        return None
    return found


def _proof(packet: AuthPacket, attributes: Mapping[int, tuple[bytes, ...]]) -> tuple[Proves, str]:
    if EAP_MESSAGE in attributes:
        return Proves.EAP, ""
    if any(map(_is_ms_chap, attributes.get(VENDOR_SPECIFIC, ()))):
        return Proves.MS_CHAP, ""
    if CHAP_PASSWORD in attributes:
        return Proves.CHAP, ""
    if USER_PASSWORD not in attributes:
        return Proves.NOTHING, ""
    (hidden,) = attributes[USER_PASSWORD]
    if not hidden:
        return Proves.PASSWORD, ""
    if len(hidden) > _MOST_PASSWORD_BYTES or len(hidden) % 16:
        return Proves.UNREADABLE_PASSWORD, ""
    password: str = packet.PwDecrypt(hidden)
    # pyrad leaves out what is no UTF-8: another password than the one that was typed.
    if packet.PwCrypt(password.encode().ljust(len(hidden), b"\0")) != hidden:
        return Proves.UNREADABLE_PASSWORD, ""
    return Proves.PASSWORD, password


def _is_ms_chap(value: bytes) -> bool:
    return len(value) > 4 and int.from_bytes(value[:4]) == _MICROSOFT and value[4] in _MS_CHAP_TYPES
