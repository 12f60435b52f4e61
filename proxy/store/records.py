"""How sessions and messages are written to a store: explicitly, with a version. In doubt a record is unreadable, not
wrong.

The JSON is ASCII, so that any text a directory or a browser hands over can be written. A record of an unknown
version or shape raises `UnreadableRecord`; stores treat such a session as absent, and the person signs in again.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from functools import lru_cache
from typing import Any

from config.factors import ChannelKind, Choice, Factor
from directory.principal import Principal
from proxy.delivery.channel import DeliveryStatus, Outcome
from proxy.delivery.failures import DeliveryFailure, FailureReason
from proxy.delivery.sending import Sending
from proxy.factors.proof import Proof
from proxy.operations.store_errors import StoreError

PRINCIPAL_VERSION = 1
SENDING_VERSION = 1
FAILURE_VERSION = 1

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


def sending_to_json(sending: Sending) -> str:
    fields = {
        "v": SENDING_VERSION,
        **dataclasses.asdict(sending),
        "kind": sending.kind.value if sending.kind is not None else "",
        "outcome": sending.outcome.value,
        "status": sending.status.value if sending.status is not None else "",
    }
    return json.dumps(fields, separators=(",", ":"))


def readable_sending(text: str) -> Sending | None:
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


def challenge_kind(stored: str | None, masked_destination: str) -> ChannelKind | None:
    """What a challenge's passcode may go by. Before it was stored (None), only the masked address told."""
    if stored is None:
        return ChannelKind.EMAIL if "@" in masked_destination else ChannelKind.SMS
    return ChannelKind(stored) if stored else None


def failure_to_json(failure: DeliveryFailure) -> str:
    fields = {"v": FAILURE_VERSION, **dataclasses.asdict(failure), "reason": failure.reason.value}
    return json.dumps(fields, separators=(",", ":"))


def readable_failure(text: str) -> DeliveryFailure | None:
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
