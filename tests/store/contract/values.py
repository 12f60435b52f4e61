"""What the parts of the contract put into a store."""

from __future__ import annotations

import os

from config.settings import SessionSettings
from proxy.delivery.delivery_store import DeliveryFailure, FailureReason
from proxy.sessions.ticket_store import Ticket
from tests.support.people import NOW

HOST = "signin.corp.example"
WIKI = "wiki.corp.example"
LIMITS = SessionSettings(idle=1800.0, absolute=43_200.0)


def cookie() -> bytes:
    return os.urandom(32)


def ticket(session_id: str, **fields: object) -> Ticket:
    defaults = {"session_id": session_id, "host": WIKI, "start_digest": "s", "return_to": "/a", "expires_at": NOW + 30}
    return Ticket(**{**defaults, **fields})  # type: ignore[arg-type]


def failure(**fields: object) -> DeliveryFailure:
    defaults = {
        **{
            "message_id": "m",
            "guid": "g",
            "realm": "corp",
            "username": "anna",
            "channel": "kapow",
            "destination": "•••456",
            "sent_at": NOW,
        },
        **{"reason": FailureReason.UNKNOWN, "detail": "550 \u2026", "failed_at": NOW},
    }
    return DeliveryFailure(**{**defaults, **fields})  # type: ignore[arg-type]
