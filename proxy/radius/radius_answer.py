"""What a request is answered, before it is a packet: its code and attributes. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.radius import words
from proxy.radius.attributes import Attribute
from proxy.radius.packets import EAP_MESSAGE, REPLY_MESSAGE, SESSION_TIMEOUT, STATE, Code, RADIUSRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class RADIUSAnswer:
    code: Code
    attributes: tuple[Attribute, ...] = ()


def accepted(seconds: int, attributes: Sequence[Attribute]) -> RADIUSAnswer:
    """For so long at the most: always told, so that the access ends even where no Disconnect-Request arrives."""
    return RADIUSAnswer(code=Code.ACCESS_ACCEPT, attributes=((SESSION_TIMEOUT, seconds.to_bytes(4)), *attributes))


def challenged(state: bytes, text: str) -> RADIUSAnswer:
    return RADIUSAnswer(code=Code.ACCESS_CHALLENGE, attributes=((STATE, state), (REPLY_MESSAGE, words.clipped(text))))


def failed(incident: str) -> RADIUSAnswer:
    """For an error that nobody foresaw: no access."""
    return rejected(words.FAILED.format(incident=incident))


def rejected(text: str, *attributes: Attribute) -> RADIUSAnswer:
    return RADIUSAnswer(code=Code.ACCESS_REJECT, attributes=((REPLY_MESSAGE, words.clipped(text)), *attributes))


def eap_failure(request: RADIUSRequest) -> tuple[Attribute, ...]:
    """What an Access-Reject of an EAP conversation must hold (RFC 3579 section 2.1; RFC 3748 section 4.2)."""
    message = request.first(EAP_MESSAGE)
    if message is None:
        return ()
    return ((EAP_MESSAGE, bytes((4, message[1] if len(message) > 1 else 0, 0, 4))),)
