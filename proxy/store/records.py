"""How sessions, challenges, tickets and messages are written to a store: explicitly. In doubt a record is unreadable,
not wrong.

The JSON is ASCII, so that any text a directory or a browser hands over can be written. A record of an unknown
version or shape raises `UnreadableRecord`; stores treat such a session as absent, and the person signs in again.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache, partial
from operator import attrgetter, is_
from typing import Any, TypeVar

from config.factors import CREDENTIALS, ChannelKind, Choice, Factor
from directory.principal import Principal
from proxy.delivery.channel import DeliveryStatus, Outcome
from proxy.delivery.delivery_store import DeliveryFailure, FailureReason, Sending
from proxy.factors.challenge import Challenge
from proxy.factors.confinement import Confinement
from proxy.factors.passes.given_pass import Approver, GivenPass
from proxy.factors.passes.vouch import VouchAnswer, VouchRequest
from proxy.factors.proof import Proof
from proxy.factors.remembered.browser import RememberedBrowser
from proxy.operations.store_errors import StoreError
from proxy.sessions.session import Session
from proxy.sessions.ticket_store import Ticket
from proxy.sessions.way import Way
from proxy.sign_in.credentials import Credential

Record = TypeVar("Record", Sending, DeliveryFailure)

PRINCIPAL_VERSION = 1
SENDING_VERSION = 1
BROWSER_VERSION = 1
FAILURE_VERSION = 1
PASS_VERSION = 1
VOUCH_VERSION = 1
CREDENTIAL_VERSION = 1

TICKET_FIELDS = ("session_id", "host", "start_digest", "return_to", "expires_at")
"""In the order in which they are written."""
_NO_GROUPS: frozenset[str] = frozenset()


class UnreadableRecord(StoreError):
    """A stored record is of another version or damaged."""


def principal_to_json(principal: Principal) -> str:
    """The principal as one line of JSON with its version under ``"v"``."""
    fields = {name: getattr(principal, name) for name in _PRINCIPAL}
    return _json({"v": PRINCIPAL_VERSION, **fields, "groups": sorted(principal.groups)})


def principal_from_json(text: str) -> Principal:
    """What `principal_to_json` wrote; raises `UnreadableRecord` on anything else."""
    try:
        fields = json.loads(text)
        if fields["v"] != PRINCIPAL_VERSION:
            raise UnreadableRecord("a principal of another version")
        return Principal(**{name: read(fields.get(name)) for name, read in _PRINCIPAL.items()})
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        # The cause quotes the record, which holds names and numbers, so it must not reach a traceback.
        raise UnreadableRecord(f"a damaged principal ({type(exc).__name__})") from None


def factors_to_json(factors: tuple[Choice, ...]) -> str:
    """A choice of one is written as its name, as all were before there were choices."""
    names = [[factor.value for factor in choice] for choice in factors]
    return _json([each[0] if len(each) == 1 else each for each in names])


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
    return _json([[proof.factor.value, proof.at] for proof in proven])


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
        "confined": _as_json(session.confined),
        "idle_seconds": session.idle_seconds,
        "way": session.way.value,
    }


def session_from_fields(fields: Mapping[str, Any]) -> Session:
    """From those of `session_to_fields`, and the others. Raises `UnreadableRecord`."""
    try:
        proven = proven_from_json(fields["proven"])
        # Records that were written before there were passes lack it.
        confined = _confinement(fields.get("confined", ""))
        _check_confinement(confined, frozenset(proof.factor for proof in proven))
        return Session(
            session_id=fields["session_id"],
            principal=principal_from_json(fields["principal"]),
            scheme=sys.intern(fields["scheme"]),
            factors=factors_from_json(fields["factors"]),
            proven=proven,
            confined=confined,
            created_at=float(fields["created_at"]),
            last_used_at=float(fields["last_used_at"]),
            client_address=sys.intern(fields["client_address"]),
            user_agent=sys.intern(fields["user_agent"]),
            password_must_change=bool(fields["password_must_change"]),
            idle_seconds=_instant_or_none(fields.get("idle_seconds")),
            way=Way(fields.get("way", Way.BROWSER.value)),
        )
    except (ValueError, KeyError, TypeError) as exc:
        # The cause quotes the record, which holds names and numbers, so it must not reach a traceback.
        raise UnreadableRecord(f"a damaged session ({type(exc).__name__})") from None


def _as_json(value: Any) -> str:
    """A dataclass as one line; None as nothing."""
    return "" if value is None else json.dumps(dataclasses.asdict(value), separators=(",", ":"))


def _confinement(text: str) -> Confinement | None:
    if not text:
        return None
    fields = json.loads(text)
    return Confinement(
        apps=_texts(fields["apps"]),
        ends_at=_instant(fields["ends_at"]),
        pass_id=_text(fields["pass_id"]),
        credential_id=_text(fields.get("credential_id", "")),
        methods=_texts_or_none(fields.get("methods")),
        networks=_texts_or_none(fields.get("networks")),
        # Only the help desk gave passes before it was stored.
        is_vouched=bool(fields.get("is_vouched", False)),
    )


def _check_confinement(confined: Confinement | None, proven: frozenset[Factor]) -> None:
    """What was proven with a pass or a credential is limited by it, and nothing else is. Raises `UnreadableRecord`."""
    by_pass, by_credential = (False, False) if confined is None else (confined.pass_id, confined.credential_id)
    if bool(by_pass) is not (Factor.PASS in proven) or bool(by_credential) is proven.isdisjoint(CREDENTIALS):
        raise UnreadableRecord("a pass or a credential that does not confine its session")


def pass_to_json(given: GivenPass) -> str:
    """All that is fixed when it is given: not who confirms it (`approver_to_json`), nor its digest."""
    fields = {
        "v": PASS_VERSION,
        **dataclasses.asdict(dataclasses.replace(given, confirmed_by=None, digest=b"")),
    }
    del fields["confirmed_by"], fields["digest"]
    return json.dumps(fields, separators=(",", ":"))


def approver_to_json(approver: Approver | None) -> str:
    return _as_json(approver)


def readable_pass(record: str | bytes, digest: bytes, confirmed: str | bytes) -> GivenPass | None:
    """None for a record that this version cannot read: it opens nothing."""
    try:
        fields = json.loads(record)
        if fields.pop("v") != PASS_VERSION:
            return None
        return GivenPass(
            **{
                **fields,
                "apps": _texts(fields["apps"]),
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
                "apps": _texts(fields["apps"]),
                "offered": _texts(fields["offered"]),
                "asked_of": Approver(**fields["asked_of"]),
                "answer": VouchAnswer(said) if said else None,
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def credential_to_json(credential: Credential) -> str:
    """All but what stores look for or change by themselves: whose it is, its names and its instants."""
    fields = {name: getattr(credential, name) for name in _CREDENTIAL}
    return _json({"v": CREDENTIAL_VERSION, **fields})


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
    return _json(
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
    return _json({"v": SENDING_VERSION, **dataclasses.asdict(sending)})


def readable_sending(text: str | bytes) -> Sending | None:
    """None for a record that this version cannot read: then nothing is known of the message."""
    kind, status = _unless_empty(ChannelKind), _unless_empty(DeliveryStatus)
    return _readable(Sending, text, SENDING_VERSION, {"kind": kind, "outcome": Outcome, "status": status})


def failure_to_json(failure: DeliveryFailure) -> str:
    return _json({"v": FAILURE_VERSION, **dataclasses.asdict(failure)})


def readable_failure(text: str | bytes) -> DeliveryFailure | None:
    """None for a record that this version cannot read."""
    return _readable(DeliveryFailure, text, FAILURE_VERSION, {"reason": FailureReason})


def _json(value: object) -> str:
    """A member of an enum by its value."""
    return json.dumps(value, separators=(",", ":"), default=attrgetter("value"))


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


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a string")
    return value


def _text_or_none(value: object) -> str | None:
    return None if value is None else _text(value)


def _instant(value: object) -> float:
    if not isinstance(value, float):
        raise TypeError("not an instant")
    return value


def _instant_or_none(value: object) -> float | None:
    return None if value is None else _instant(value)


def _texts(value: object) -> tuple[str, ...]:
    """Few, and shared by many sessions: one copy of each is kept. `TypeError` where one is no string."""
    return tuple(map(sys.intern, _list(value)))


def _texts_or_none(value: object) -> tuple[str, ...] | None:
    return None if value is None else _texts(value)


def _groups(value: object) -> frozenset[str]:
    return frozenset(_texts(value)) or _NO_GROUPS


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


_BROWSER = ("realm", "scheme", "password", "account", "made_at", "expires_at", "client_address", "user_agent")
_CREDENTIAL: Mapping[str, Callable[[Any], Any]] = {
    "factor": Factor,
    "realm": _text,
    "username": _text,
    "name": _text,
    "app": _text,
    "methods": _texts_or_none,
    "networks": _texts_or_none,
}
_PRINCIPAL: Mapping[str, Callable[[Any], Any]] = {
    "guid": _text,
    "realm": sys.intern,
    "username": _text,
    "display_name": _text,
    "mail": _text_or_none,
    "mobiles": _texts,
    "mobile_changed_at": _instant_or_none,
    "is_mobile_change_unread": partial(is_, True),
    "groups": _groups,
    "all_groups": _texts,
    "password_expires_at": _instant_or_none,
    "password_set_at": _instant_or_none,
    "password_mark": lambda value: _text(value or ""),
    "account_mark": lambda value: sys.intern(value or ""),
}
"""What is written of a principal, and how each is read. Old records lack some of those that may be None."""
