"""Disconnect-Requests (RFC 5176): what a client is told of a connection that is over, and what it answers. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum

from pyrad.packet import CoAPacket, PacketError

from proxy.radius.packets import (
    ACCT_SESSION_ID,
    CALLED_STATION_ID,
    CALLING_STATION_ID,
    EVENT_TIMESTAMP,
    FRAMED_IP_ADDRESS,
    MESSAGE_AUTHENTICATOR,
    NAS_IDENTIFIER,
    NAS_IP_ADDRESS,
    NAS_IPV6_ADDRESS,
    NAS_PORT,
    NAS_PORT_ID,
    USER_NAME,
    Code,
    RADIUSRequest,
)

_NAMES_IT = (
    *(USER_NAME, NAS_IP_ADDRESS, NAS_IPV6_ADDRESS, NAS_IDENTIFIER, NAS_PORT, NAS_PORT_ID),
    *(FRAMED_IP_ADDRESS, CALLING_STATION_ID, CALLED_STATION_ID, ACCT_SESSION_ID),
)
"""What names the client and one of its connections, of what an Access-Request holds (section 3)."""
_ERROR_CAUSE = 101


@dataclass(frozen=True, slots=True, kw_only=True)
class NASConnection:
    """Who let somebody in, and by what they know it."""

    client: str
    """The name of `[[radius.clients]]`."""
    address: str
    """Where its request came from: of a network of clients the one that asked."""
    named_by: tuple[tuple[int, bytes], ...] = field(repr=False)
    told: str = ""
    """`attributes.digest_of` what it was told of the person; empty: that is not known."""


class Reply(Enum):
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class DisconnectReply:
    reply: Reply
    cause: int | None = None
    """The Error-Cause of a refusal (section 3.5), such as 503: there is no such connection."""


def connection_of(request: RADIUSRequest, *, client: str, address: str) -> NASConnection:
    named_by = ((kind, value) for kind in _NAMES_IT for value in request.attributes.get(kind, ()))
    return NASConnection(client=client, address=address, named_by=tuple(named_by))


def to_record(connection: NASConnection) -> str:
    named_by = [[kind, value.hex()] for kind, value in connection.named_by]
    fields = {"client": connection.client, "address": connection.address, "named_by": named_by, "told": connection.told}
    return json.dumps(fields)


def from_record(record: str) -> NASConnection | None:
    """None for what this version cannot read."""
    try:
        fields = json.loads(record)
        named_by = tuple((int(kind), bytes.fromhex(value)) for kind, value in fields["named_by"])
        return NASConnection(
            client=str(fields["client"]),
            address=str(fields["address"]),
            named_by=named_by,
            told=str(fields.get("told", "")),
        )
    except (ValueError, KeyError, TypeError):
        return None


class DisconnectRequest:
    """One of them. Sent again it is the same bytes, so that the client knows it (RFC 5080 section 2.2.1)."""

    def __init__(self, connection: NASConnection, *, secret: bytes, identifier: int, now: float) -> None:
        self._packet = CoAPacket(Code.DISCONNECT_REQUEST.value, identifier, secret)
        self._packet.add_message_authenticator()
        for kind, value in connection.named_by:
            self._packet.setdefault(kind, []).append(value)
        # Against one that somebody recorded (section 3.4; RFC 2869 section 5.3).
        self._packet[EVENT_TIMESTAMP] = [int(now).to_bytes(4)]
        self.data: bytes = self._packet.RequestPacket()

    def read(self, data: bytes) -> DisconnectReply | None:
        """The client's answer; None for anything that does not prove that it is. Never raises."""
        if len(data) < 20 or data[0] not in (Code.DISCONNECT_ACK.value, Code.DISCONNECT_NAK.value):
            return None
        try:
            reply = self._packet.CreateReply(packet=data)
        except PacketError:
            return None
        if any(len(value) != 16 for value in reply.get(MESSAGE_AUTHENTICATOR, ())):
            return None
        if not self._packet.VerifyReply(reply, data):
            return None
        if data[0] == Code.DISCONNECT_ACK.value:
            return DisconnectReply(Reply.ACKNOWLEDGED)
        causes = reply.get(_ERROR_CAUSE, ())
        return DisconnectReply(Reply.REFUSED, int.from_bytes(causes[0]) if causes else None)
