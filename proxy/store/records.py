"""How passes, challenges, tickets, remembered browsers, credentials and messages are written to a store: explicitly.

Nobody gets anything by a record of an unknown version or shape. Sessions are in `session_records.py`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, TypeVar

from config.factors import ChannelKind, Factor
from proxy.delivery.channel import DeliveryStatus, Outcome
from proxy.delivery.delivery_store import DeliveryFailure, FailureReason, Sending
from proxy.factors.challenge import Challenge
from proxy.factors.passes.given_pass import Approver, GivenPass
from proxy.factors.passes.vouch import VouchAnswer, VouchRequest
from proxy.factors.remembered.browser import RememberedBrowser
from proxy.sessions.ticket_store import Ticket
from proxy.sign_in.credentials import Credential
from proxy.store.record_fields import (
    as_text,
    as_texts,
    as_texts_or_none,
    compact_json,
    json_or_nothing,
)

Record = TypeVar("Record", Sending, DeliveryFailure)

SENDING_VERSION = 1
BROWSER_VERSION = 1
FAILURE_VERSION = 1
PASS_VERSION = 1
VOUCH_VERSION = 1
CREDENTIAL_VERSION = 1

TICKET_FIELDS = ("session_id", "host", "start_digest", "return_to", "expires_at")
"""In the order in which they are written."""


def pass_to_json(given: GivenPass) -> str:
    """All that is fixed when it is given: not who confirms it (`approver_to_json`), nor its digest."""
    fields = {
        "v": PASS_VERSION,
        **dataclasses.asdict(dataclasses.replace(given, confirmed_by=None, digest=b"")),
    }
    del fields["confirmed_by"], fields["digest"]
    return json.dumps(fields, separators=(",", ":"))


def approver_to_json(approver: Approver | None) -> str:
    return json_or_nothing(approver)


def readable_pass(record: str | bytes, digest: bytes, confirmed: str | bytes) -> GivenPass | None:
    """None for a record that this version cannot read: it opens nothing."""
    try:
        fields = json.loads(record)
        if fields.pop("v") != PASS_VERSION:
            return None
        return GivenPass(
            **{
                **fields,
                "apps": as_texts(fields["apps"]),
                "given_by": Approver(**fields["given_by"]),
                "digest": digest,
                "confirmed_by": Approver(**json.loads(confirmed)) if confirmed else None,
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def vouch_to_json(request: VouchRequest) -> str:
    """All but its answer."""
    fields = dataclasses.asdict(request)
    del fields["answer"]
    return json.dumps({"v": VOUCH_VERSION, **fields}, separators=(",", ":"))


def readable_vouch(record: str | bytes, answer: str | bytes) -> VouchRequest | None:
    """None for a record that this version cannot read: nobody answers it."""
    try:
        fields = json.loads(record)
        if fields.pop("v") != VOUCH_VERSION:
            return None
        said = answer.decode() if isinstance(answer, bytes) else answer
        return VouchRequest(
            **{
                **fields,
                "apps": as_texts(fields["apps"]),
                "offered": as_texts(fields["offered"]),
                "asked_of": Approver(**fields["asked_of"]),
                "answer": VouchAnswer(said) if said else None,
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def credential_to_json(credential: Credential) -> str:
    """All but what stores look for or change by themselves: whose it is, its names and its instants."""
    fields = {name: getattr(credential, name) for name in _CREDENTIAL}
    return compact_json({"v": CREDENTIAL_VERSION, **fields})


def readable_credential(record: str | bytes, **beside: Any) -> Credential | None:
    """None for a record that this version cannot read: it opens nothing."""
    try:
        fields = json.loads(record)
        if fields["v"] != CREDENTIAL_VERSION:
            return None
        return Credential(**{name: read(fields[name]) for name, read in _CREDENTIAL.items()}, **beside)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


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


def browser_to_json(browser: RememberedBrowser) -> str:
    """All but what stores look for or change by themselves: its name, its person and its last use."""
    fields = {name: getattr(browser, name) for name in _BROWSER}
    return compact_json(
        {"v": BROWSER_VERSION, **fields, "proven": [[each.value, digest.hex()] for each, digest in browser.proven]}
    )


def readable_browser(text: str | bytes, **beside: Any) -> RememberedBrowser | None:
    """None for a record that this version cannot read: it stands for nothing."""
    try:
        fields = json.loads(text)
        if fields.pop("v") != BROWSER_VERSION:
            return None
        proven = tuple((Factor(name), bytes.fromhex(digest)) for name, digest in fields.pop("proven"))
        return RememberedBrowser(**fields, **beside, proven=proven)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def sending_to_json(sending: Sending) -> str:
    return compact_json({"v": SENDING_VERSION, **dataclasses.asdict(sending)})


def readable_sending(text: str | bytes) -> Sending | None:
    """None for a record that this version cannot read: then nothing is known of the message."""
    kind, status = _unless_empty(ChannelKind), _unless_empty(DeliveryStatus)
    return _readable(Sending, text, SENDING_VERSION, {"kind": kind, "outcome": Outcome, "status": status})


def failure_to_json(failure: DeliveryFailure) -> str:
    return compact_json({"v": FAILURE_VERSION, **dataclasses.asdict(failure)})


def readable_failure(text: str | bytes) -> DeliveryFailure | None:
    """None for a record that this version cannot read."""
    return _readable(DeliveryFailure, text, FAILURE_VERSION, {"reason": FailureReason})


def _readable(
    kind: type[Record], text: str | bytes, version: int, enums: Mapping[str, Callable[[Any], Any]]
) -> Record | None:
    try:
        fields = json.loads(text)
        if fields["v"] != version:
            return None
        known = {each.name: fields[each.name] for each in dataclasses.fields(kind) if each.name in fields}
        return kind(**{**known, **{name: read(fields.get(name)) for name, read in enums.items()}})
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _unless_empty(enum: type[Enum]) -> Callable[[Any], Enum | None]:
    return lambda value: enum(value) if value else None


_BROWSER = ("realm", "scheme", "password", "account", "made_at", "expires_at", "client_address", "user_agent")
_CREDENTIAL: Mapping[str, Callable[[Any], Any]] = {
    "factor": Factor,
    "realm": as_text,
    "username": as_text,
    "name": as_text,
    "app": as_text,
    "methods": as_texts_or_none,
    "networks": as_texts_or_none,
}
