"""Instants as pages show them: how long ago, and when exactly. Instants are epoch seconds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from proxy.texts import ENGLISH


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    iso: str
    """For the page's script, which shows it in the person's own time zone."""
    absolute: str
    relative: str


def instant(at: float, now: float) -> Instant:
    moment = datetime.fromtimestamp(at, UTC)
    return Instant(
        iso=moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        absolute=moment.strftime("%Y-%m-%d %H:%M UTC"),
        # Another node's clock may be ahead of this one's.
        relative=ENGLISH.ago(max(0, int(now - at))),
    )
