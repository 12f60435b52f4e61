"""How sessions, challenges and tickets are written to Redis: JSON beside the fields that scripts judge by.

A record of another version or shape raises `UnreadableRecord`: such a session is treated as absent, and the person
signs in again. Instants are text that reads back as exactly the same number.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from config.factors import Factor
from proxy.factors.challenge import Challenge
from proxy.sessions.session import Level, Session
from proxy.sessions.ticket_store import Ticket
from proxy.store.records import (
    UnreadableRecord,
    challenge_kind,
    factors_from_json,
    factors_to_json,
    principal_from_json,
    principal_to_json,
    proven_from_json,
    proven_to_json,
)

SESSION_VERSION = 1
_CHALLENGE_FIELDS = (
    *("challenge_id", "session_id", "guid", "masked_destination", "created_at", "return_to", "start_digest"),
)


def instant(value: float) -> str:
    """The shortest text that is this very number again."""
    return repr(float(value))


def session_to_arguments(session: Session) -> tuple[str, ...]:
    """What the script's `create` takes of a session."""
    guid = session.principal.guid
    record = {
        "v": SESSION_VERSION,
        "scheme": session.scheme,
        "factors": factors_to_json(session.factors),
        "proven": proven_to_json(session.proven),
        "created_at": session.created_at,
        "client_address": session.client_address,
        "user_agent": session.user_agent,
        "password_must_change": session.password_must_change,
    }
    return (
        session.session_id,
        guid,
        guid if session.level is Level.SIGNED_IN else "",
        instant(session.created_at),
        instant(session.last_used_at),
        principal_to_json(session.principal),
        json.dumps(record, separators=(",", ":")),
    )


def session_from_row(row: Sequence[Any]) -> Session:
    """From the id, the principal, the record and the last use. Raises `UnreadableRecord`."""
    try:
        session_id, principal, record, last_used_at = row
        fields = json.loads(record)
        if fields["v"] != SESSION_VERSION:
            raise UnreadableRecord("a session of another version")
        return Session(
            session_id=session_id.decode(),
            principal=principal_from_json(principal.decode()),
            scheme=sys.intern(fields["scheme"]),
            factors=factors_from_json(fields["factors"]),
            proven=proven_from_json(fields["proven"]),
            created_at=float(fields["created_at"]),
            last_used_at=float(last_used_at),
            client_address=sys.intern(fields["client_address"]),
            user_agent=sys.intern(fields["user_agent"]),
            password_must_change=fields["password_must_change"] is True,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        # The cause quotes the record, which holds names and numbers, so it must not reach a traceback.
        raise UnreadableRecord(f"a damaged session ({type(exc).__name__})") from None


def readable_session(row: Sequence[Any] | None) -> Session | None:
    """A record that this version cannot read opens nothing: its owner signs in again."""
    if row is None:
        return None
    try:
        return session_from_row(row)
    except UnreadableRecord:
        return None


def challenge_to_record(challenge: Challenge) -> str:
    """What no script looks at."""
    fields = {name: getattr(challenge, name) for name in _CHALLENGE_FIELDS}
    fields |= {
        "factor": challenge.factor.value,
        "kind": challenge.kind.value if challenge.kind is not None else "",
        "number_digest": challenge.number_digest.hex(),
    }
    return json.dumps(fields, separators=(",", ":"))


def challenge_from_row(row: Sequence[Any]) -> Challenge | None:
    """From session, expiry, record, digest, attempts left and last sending. One without a factor is of an SMS.

    None for one of a factor or channel that this version does not know: nobody goes on by it here.
    """
    _, expires_at, record, digest, attempts_left, last_sent_at = row
    fields = json.loads(record)
    try:
        factor = Factor(fields.get("factor", "sms"))
        kind = challenge_kind(fields.get("kind"), fields["masked_destination"])
    except ValueError:
        return None
    return Challenge(
        **{**fields, "factor": factor, "kind": kind, "number_digest": bytes.fromhex(fields["number_digest"])},
        digest=digest,
        expires_at=float(expires_at),
        attempts_left=int(attempts_left),
        last_sent_at=float(last_sent_at),
    )


def ticket_to_record(ticket: Ticket) -> str:
    fields = (ticket.session_id, ticket.host, ticket.start_digest, ticket.return_to, ticket.expires_at)
    return json.dumps(fields, separators=(",", ":"))


def ticket_from_record(record: bytes) -> Ticket:
    session_id, host, start_digest, return_to, expires_at = json.loads(record)
    return Ticket(
        session_id=session_id, host=host, start_digest=start_digest, return_to=return_to, expires_at=float(expires_at)
    )
