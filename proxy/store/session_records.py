"""How sessions and their persons are written to a store: explicitly. In doubt a record is unreadable, not wrong.

A record of an unknown version or shape raises `UnreadableRecord`; stores treat such a session as absent, and the person
signs in again.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from operator import is_
from typing import Any

from config.factors import CREDENTIALS, Choice, Factor
from directory.principal import Principal
from proxy.factors.confinement import Confinement
from proxy.factors.proof import Proof
from proxy.operations.quick_values import quick_maker
from proxy.sessions.session import Session
from proxy.sessions.way import Way
from proxy.store.record_fields import (
    UnreadableRecord,
    as_instant,
    as_instant_or_none,
    as_list,
    as_text,
    as_text_or_none,
    as_texts,
    as_texts_or_none,
    compact_json,
    from_compact_json,
    json_or_nothing,
)

PRINCIPAL_VERSION = 1


def principal_to_json(principal: Principal) -> str:
    """The principal as one line of JSON with its version under ``"v"``."""
    fields = {name: getattr(principal, name) for name in _PRINCIPAL}
    return compact_json({"v": PRINCIPAL_VERSION, **fields, "groups": sorted(principal.groups)})


def principal_from_json(text: str) -> Principal:
    """What `principal_to_json` wrote; raises `UnreadableRecord` on anything else."""
    try:
        fields = from_compact_json(text)
        if fields["v"] != PRINCIPAL_VERSION:
            raise UnreadableRecord("a principal of another version")
        return _make_principal(*[read(fields.get(name)) for name, read in _READ_OF_PRINCIPAL], "")
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        # The cause quotes the record, which holds names and numbers, so it must not reach a traceback.
        raise UnreadableRecord(f"a damaged principal ({type(exc).__name__})") from None


def factors_to_json(factors: tuple[Choice, ...]) -> str:
    """A choice of one is written as its name, as all were before there were choices."""
    names = [[factor.value for factor in choice] for choice in factors]
    return compact_json([each[0] if len(each) == 1 else each for each in names])


@lru_cache(maxsize=256)
def factors_from_json(text: str) -> tuple[Choice, ...]:
    """Raises `UnreadableRecord` on anything but a list of factors and lists of them.

    They are few and shared by many sessions: one copy of each is kept.
    """
    try:
        entries = (each if isinstance(each, list) else [each] for each in as_list(from_compact_json(text)))
        return tuple(tuple(Factor(name) for name in each) for each in entries)
    except (ValueError, TypeError) as exc:
        raise UnreadableRecord(f"damaged factors ({type(exc).__name__})") from None


def proven_to_json(proven: tuple[Proof, ...]) -> str:
    return compact_json([[proof.factor.value, proof.at] for proof in proven])


def proven_from_json(text: str) -> tuple[Proof, ...]:
    """Raises `UnreadableRecord` on anything but pairs of a factor and an instant, at least one."""
    try:
        proven = tuple([_make_proof(_FACTORS[name], as_instant(at)) for name, at in from_compact_json(text)])
    except (ValueError, KeyError, TypeError) as exc:
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
        "confined": json_or_nothing(session.confined),
        "idle_seconds": session.idle_seconds,
        "way": session.way.value,
    }


def session_from_fields(fields: Mapping[str, Any]) -> Session:
    """From those of `session_to_fields`, and the others. Raises `UnreadableRecord`."""
    try:
        proven = proven_from_json(fields["proven"])
        # Records that were written before there were passes lack it.
        confined = _confinement(fields.get("confined", ""))
        _check_confinement(confined, {proof.factor for proof in proven})
        return _make_session(
            fields["session_id"],
            principal_from_json(fields["principal"]),
            sys.intern(fields["scheme"]),
            factors_from_json(fields["factors"]),
            proven,
            float(fields["created_at"]),
            float(fields["last_used_at"]),
            bool(fields["password_must_change"]),
            confined,
            _WAYS[fields.get("way", "browser")],
            sys.intern(fields["client_address"]),
            sys.intern(fields["user_agent"]),
            as_instant_or_none(fields.get("idle_seconds")),
        )
    except (ValueError, KeyError, TypeError) as exc:
        # The cause quotes the record, which holds names and numbers, so it must not reach a traceback.
        raise UnreadableRecord(f"a damaged session ({type(exc).__name__})") from None


def _confinement(text: str) -> Confinement | None:
    if not text:
        return None
    fields = from_compact_json(text)
    return Confinement(
        apps=as_texts(fields["apps"]),
        ends_at=as_instant(fields["ends_at"]),
        pass_id=as_text(fields["pass_id"]),
        credential_id=as_text(fields.get("credential_id", "")),
        methods=as_texts_or_none(fields.get("methods")),
        networks=as_texts_or_none(fields.get("networks")),
        # Only the help desk gave passes before it was stored.
        is_vouched=bool(fields.get("is_vouched", False)),
    )


def _check_confinement(confined: Confinement | None, proven: set[Factor]) -> None:
    """What was proven with a pass or a credential is limited by it, and nothing else is. Raises `UnreadableRecord`."""
    by_pass, by_credential = (False, False) if confined is None else (confined.pass_id, confined.credential_id)
    if bool(by_pass) is not (Factor.PASS in proven) or bool(by_credential) is proven.isdisjoint(CREDENTIALS):
        raise UnreadableRecord("a pass or a credential that does not confine its session")


@lru_cache(maxsize=1024)
def _group_set(names: tuple[str, ...]) -> frozenset[str]:
    """Many people are in the same groups: one copy of each set is kept."""
    return frozenset(names)


def _groups(value: object) -> frozenset[str]:
    return _group_set(as_texts(value))


_PRINCIPAL: Mapping[str, Callable[[Any], Any]] = {
    "guid": as_text,
    "realm": sys.intern,
    "username": as_text,
    "display_name": as_text,
    "mail": as_text_or_none,
    "language": lambda value: sys.intern(value or ""),
    "mobiles": as_texts,
    "mobile_changed_at": as_instant_or_none,
    "is_mobile_change_unread": partial(is_, True),
    "groups": _groups,
    "all_groups": as_texts,
    "password_expires_at": as_instant_or_none,
    "password_set_at": as_instant_or_none,
    "password_mark": lambda value: as_text(value or ""),
    "account_mark": lambda value: sys.intern(value or ""),
}
"""What is written of a principal, and how each is read. Old records lack some of those that may be None."""
_READ_OF_PRINCIPAL = tuple(_PRINCIPAL.items())

_FACTORS = {each.value: each for each in Factor}
_WAYS = {each.value: each for each in Way}

_make_proof = quick_maker(Proof, ("factor", "at"))
_make_principal = quick_maker(Principal, (*_PRINCIPAL, "told_by"))
_make_session = quick_maker(
    Session,
    (
        *("session_id", "principal", "scheme", "factors", "proven", "created_at", "last_used_at"),
        *("password_must_change", "confined", "way", "client_address", "user_agent", "idle_seconds"),
    ),
)
