"""Kept decisions, opened again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.audit.person_keys import PersonKeys, SealedBox
from proxy.rehearsal.decisions import DecisionStore, from_bytes
from proxy.sessions.decided import DecidedAccess


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedDecisions:
    decisions: tuple[DecidedAccess, ...]
    first_day: str
    """Of which there are some; empty: of none."""
    unreadable: int
    """Whose key was erased, or that another version wrote."""


async def opened(store: DecisionStore, person_keys: PersonKeys, days: Sequence[str]) -> OpenedDecisions:
    """All of these days. Raises `StoreUnavailable`."""
    sealed = [each async for page in store.decisions(days) for each in page]
    plains = await person_keys.unseal_all([SealedBox(key_id=each.key_id, sealed=each.sealed) for each in sealed])
    found: list[DecidedAccess] = []
    first_day, unreadable = "", 0
    for each, plain in zip(sealed, plains, strict=True):
        decided = None if plain is None else from_bytes(plain)
        if decided is None:
            unreadable += 1
        else:
            found.append(decided)
            first_day = min(first_day or each.day, each.day)
    return OpenedDecisions(decisions=tuple(found), first_day=first_day, unreadable=unreadable)
