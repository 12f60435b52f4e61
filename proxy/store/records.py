"""How sessions, challenges, tickets and messages are written to a store: explicitly. In doubt a record is unreadable,
not wrong.

The JSON is ASCII, so that any text a directory or a browser hands over can be written. A record of an unknown
version or shape raises `UnreadableRecord`; stores treat such a session as absent, and the person signs in again.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from config.factors import ChannelKind, Choice, Factor
from directory.principal import Principal
from proxy.delivery.channel import DeliveryStatus, Outcome
from proxy.delivery.failures import DeliveryFailure, FailureReason
from proxy.delivery.sending import Sending
from proxy.factors.challenge import Challenge
from proxy.factors.proof import Proof
from proxy.operations.store_errors import StoreError
from proxy.sessions.session import Session
from proxy.sessions.ticket_store import Ticket

PRINCIPAL_VERSION = 1
SENDING_VERSION = 1
FAILURE_VERSION = 1

TICKET_FIELDS = ("session_id", "host", "start_digest", "return_to", "expires_at")
"""In the order in which they are written."""
_NO_GROUPS: frozenset[str] = frozenset()


class UnreadableRecord(StoreError):
    """A stored record is of another version or damaged."""


def principal_to_json(principal: Principal) -> str:
    """The principal as one line of JSON with its version under ``"v"``."""
    fields: dict[str, Any] = {
        "v": PRINCIPAL_VERSION,
        "guid": principal.guid,
        "realm": principal.realm,
        "username": principal.username,
        "display_name": principal.display_name,
        "mail": principal.mail,
        "mobiles": list(principal.mobiles),
        "mobile_changed_at": principal.mobile_changed_at,
        "is_mobile_change_unread": principal.is_mobile_change_unread,
        "groups": sorted(principal.groups),
        "all_groups": list(principal.all_groups),
        "password_expires_at": principal.password_expires_at,
        "password_set_at": principal.password_set_at,
    }
    return json.dumps(fields, separators=(",", ":"))


def principal_from_json(text: str) -> Principal:
    """What `principal_to_json` wrote; raises `UnreadableRecord` on anything else."""
    try:
        fields = json.loads(text)
        if fields["v"] != PRINCIPAL_VERSION:
            raise UnreadableRecord("a principal of another version")
        return Principal(
            guid=_text(fields["guid"]),
            realm=sys.intern(_text(fields["realm"])),
            username=_text(fields["username"]),
            display_name=_text(fields["display_name"]),
            mail=None if fields["mail"] is None else _text(fields["mail"]),
            mobiles=_texts(fields["mobiles"]),
            mobile_changed_at=_instant_or_none(fields.get("mobile_changed_at")),
            is_mobile_change_unread=fields.get("is_mobile_change_unread") is True,
            groups=frozenset(_texts(fields["groups"])) or _NO_GROUPS,
            all_groups=_texts(fields["all_groups"]),
            # Written since passwords can be changed; older records lack it.
            password_expires_at=_instant_or_none(fields.get("password_expires_at")),
            password_set_at=_instant_or_none(fields.get("password_set_at")),
        )
    except (ValueError, KeyError, TypeError) as exc:
        # The cause quotes the record, which holds names and numbers, so it must not reach a traceback.
        raise UnreadableRecord(f"a damaged principal ({type(exc).__name__})") from None


def factors_to_json(factors: tuple[Choice, ...]) -> str:
    """A choice of one is written as its name, as all were before there were choices."""
    names = [[factor.value for factor in choice] for choice in factors]
    return json.dumps([each[0] if len(each) == 1 else each for each in names], separators=(",", ":"))


@lru_cache(maxsize=256)
def factors_from_json(text: str) -> tuple[Choice, ...]:
    """Raises `UnreadableRecord` on anything but a list of factors and lists of them.

    They are few and shared by many sessions: one copy of each is kept.
    """
    try:
        entries = (each if isinstance(each, list) else [each] for each in _list(json.loads(text)))
        return tuple(tuple(Factor(name) for name in each) for each in entries)
    except (ValueError, TypeError) as exc:
        raise UnreadableRecord(f"damaged factors ({type(exc).__name__})") from None


def proven_to_json(proven: tuple[Proof, ...]) -> str:
    return json.dumps([[proof.factor.value, proof.at] for proof in proven], separators=(",", ":"))


def proven_from_json(text: str) -> tuple[Proof, ...]:
    """Raises `UnreadableRecord` on anything but pairs of a factor and an instant, at least one."""
    try:
        proven = tuple(Proof(Factor(name), _instant(at)) for name, at in json.loads(text))
    except (ValueError, TypeError) as exc:
        raise UnreadableRecord(f"a damaged proof ({type(exc).__name__})") from None
    if not proven:
        raise UnreadableRecord("a session that proved nothing")
    return proven


def session_to_fields(session: Session) -> dict[str, Any]:
    """All but its id, its principal and its last use, which stores look for or change by themselves."""
    return {
        "scheme": session.scheme,
        "factors": factors_to_json(session.factors),
        "proven": proven_to_json(session.proven),
        "created_at": session.created_at,
        "client_address": session.client_address,
        "user_agent": session.user_agent,
        "password_must_change": session.password_must_change,
    }


def session_from_fields(fields: Mapping[str, Any]) -> Session:
    """From those of `session_to_fields`, and the others. Raises `UnreadableRecord`."""
    try:
        return Session(
            session_id=_text(fields["session_id"]),
            principal=principal_from_json(fields["principal"]),
            scheme=sys.intern(fields["scheme"]),
            factors=factors_from_json(fields["factors"]),
            proven=proven_from_json(fields["proven"]),
            created_at=float(fields["created_at"]),
            last_used_at=float(fields["last_used_at"]),
            client_address=sys.intern(fields["client_address"]),
            user_agent=sys.intern(fields["user_agent"]),
            password_must_change=bool(fields["password_must_change"]),
        )
    except (ValueError, KeyError, TypeError) as exc:
        # The cause quotes the record, which holds names and numbers, so it must not reach a traceback.
        raise UnreadableRecord(f"a damaged session ({type(exc).__name__})") from None


def challenge_to_fields(challenge: Challenge) -> dict[str, Any]:
    fields = {each.name: getattr(challenge, each.name) for each in dataclasses.fields(challenge)}
    kind = challenge.kind.value if challenge.kind is not None else ""
    choice = " ".join(each.value for each in challenge.choice)
    return fields | {"factor": challenge.factor.value, "choice": choice, "kind": kind}


def readable_challenge(fields: Mapping[str, Any]) -> Challenge | None:
    """None for one of a factor or channel that this version does not know: nobody goes on by it here.

    Before factors were stored all were of an SMS. Before kinds were (None), only the masked address told. Before
    choices were, none was offered.
    """
    try:
        factor, kind = Factor(fields.get("factor", "sms")), fields.get("kind")
        choice = tuple(map(Factor, fields.get("choice", "").split()))
        if kind is None:
            kind = ChannelKind.EMAIL if "@" in fields["masked_destination"] else ChannelKind.SMS
        elif kind:
            kind = ChannelKind(kind)
    except ValueError:
        return None
    return Challenge(**{**fields, "factor": factor, "choice": choice, "kind": kind or None})


def ticket_to_values(ticket: Ticket) -> tuple[Any, ...]:
    """Of the `TICKET_FIELDS`."""
    return tuple(getattr(ticket, name) for name in TICKET_FIELDS)


def ticket_from_values(values: Sequence[Any]) -> Ticket:
    return Ticket(**dict(zip(TICKET_FIELDS, values, strict=True)))


def sending_to_json(sending: Sending) -> str:
    fields = {
        "v": SENDING_VERSION,
        **dataclasses.asdict(sending),
        "kind": sending.kind.value if sending.kind is not None else "",
        "outcome": sending.outcome.value,
        "status": sending.status.value if sending.status is not None else "",
    }
    return json.dumps(fields, separators=(",", ":"))


def readable_sending(text: str | bytes) -> Sending | None:
    """None for a record that this version cannot read: then nothing is known of the message."""
    try:
        fields = json.loads(text)
        if fields.pop("v") != SENDING_VERSION:
            return None
        known = {each.name for each in dataclasses.fields(Sending)}
        written = {name: value for name, value in fields.items() if name in known}
        return Sending(
            **{
                **written,
                "kind": ChannelKind(written["kind"]) if written["kind"] else None,
                "outcome": Outcome(written["outcome"]),
                "status": DeliveryStatus(written["status"]) if written.get("status") else None,
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def failure_to_json(failure: DeliveryFailure) -> str:
    fields = {"v": FAILURE_VERSION, **dataclasses.asdict(failure), "reason": failure.reason.value}
    return json.dumps(fields, separators=(",", ":"))


def readable_failure(text: str | bytes) -> DeliveryFailure | None:
    """None for a record that this version cannot read."""
    try:
        fields = json.loads(text)
        if fields.pop("v") != FAILURE_VERSION:
            return None
        return DeliveryFailure(**{**fields, "reason": FailureReason(fields["reason"])})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value


def _instant(value: object) -> float:
    if not isinstance(value, float):
        raise TypeError("not an instant")
    return value


def _instant_or_none(value: object) -> float | None:
    return None if value is None else _instant(value)


def _texts(value: object) -> tuple[str, ...]:
    """Group names are few and shared by many sessions: one copy of each is kept."""
    return tuple(sys.intern(_text(item)) for item in _list(value))


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value
