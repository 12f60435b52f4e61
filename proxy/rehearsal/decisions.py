"""Decisions as they are kept: sealed, once a day each, under names that tell nothing. What a rehearsal replays.

Each is sealed under its person's key of the month (`audit/person_keys.py`), so whoever erases that key erases the
decisions too, and what their names could be compared with. A day is ``2026-11-30``, UTC.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Protocol

from config.factors import Factor
from proxy.sessions.decided import DecidedAccess
from proxy.sessions.way import Way


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedDecision:
    name: bytes
    """32 bytes, over day and decision, so that the same one of a day is kept once (`PersonKeys.seal_named`)."""
    day: str
    key_id: str
    sealed: bytes = field(repr=False)
    """What `to_bytes` makes, with the key of that id."""


class DecisionStore(Protocol):
    """Methods raise `StoreUnavailable`."""

    async def put_decisions(self, decisions: Sequence[SealedDecision], *, forgotten_at: float) -> None:
        """Those that are there already stay, or are replaced by the same. `forgotten_at`: when they may be removed."""
        ...

    def decisions(self, days: Sequence[str]) -> AsyncIterator[Sequence[SealedDecision]]:
        """All of these days, some hundreds at a time, in no order."""
        ...

    async def put_rehearsed(self, digest: bytes, *, forgotten_at: float) -> None:
        """A configuration with this digest (`rehearsed.py`) was rehearsed."""
        ...

    async def was_rehearsed(self, digest: bytes, *, now: float) -> bool: ...


_WAYS = {way.value: way for way in Way}


def days_until(now: float, keep_seconds: float) -> tuple[str, ...]:
    """The days of which decisions may be there, the earliest first; tomorrow too, for clocks differ."""
    last = datetime.fromtimestamp(now, UTC).date() + timedelta(days=1)
    count = int(keep_seconds // 86_400) + 2
    return tuple((last - timedelta(days=back)).isoformat() for back in range(count, -1, -1))


def to_bytes(decided: DecidedAccess) -> bytes:
    """Compact JSON; `from_bytes` reads it."""
    values = (
        *(decided.realm, decided.guid, decided.username, decided.app, decided.rule, decided.scheme),
        *(" ".join(factor.value for factor in decided.factors), decided.way.value, decided.address, decided.reason),
    )
    return json.dumps(values, separators=(",", ":")).encode()


def from_bytes(plain: bytes) -> DecidedAccess | None:
    """None for what another version wrote, and this one cannot read."""
    try:
        values: list[Any] = json.loads(plain)
        realm, guid, username, app, rule, scheme, factors, way, address, reason = values
        return DecidedAccess(
            realm=realm,
            guid=guid,
            username=username,
            app=app,
            rule=rule,
            scheme=scheme,
            factors=_factors_of(factors),
            way=_WAYS[way],
            address=address,
            reason=reason,
        )
    except (ValueError, TypeError, AttributeError, KeyError):
        return None


@lru_cache(maxsize=1000)
def _factors_of(text: str) -> tuple[Factor, ...]:
    return tuple(map(Factor, text.split()))
