"""Which of an app's servers a request goes to: pure. Least connections, or with `sticky` the session's own server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from proxy.upstreams.health import Health

PROBE_CONNECT_SECONDS = 1.0
"""How long a request that happens to be the probe waits for a connection before it goes elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One server as the choice sees it."""

    name: str
    in_flight: int
    """Requests and tunnels that it serves now."""
    has_room: bool
    """Whether it may be given one more."""
    health: Health


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The position of the server to try first, and whether that is a probe of one that was left out."""

    position: int
    is_probe: bool


def affinity(key: str, name: str) -> int:
    """How much a session prefers a server: the highest wins (rendezvous hashing).

    When a server comes or goes, only the sessions that prefer it move.
    """
    # No name and no session id holds a NUL, so that no two pairs are hashed alike.
    return int.from_bytes(blake2b(f"{key}\0{name}".encode(), digest_size=8).digest(), "big")


def choose(
    candidates: Sequence[Candidate], *, now: float, key: str | None, may_probe: bool, random: float
) -> Choice | None:
    """Where the request goes; None if no sound server has room.

    `key` is the session to be held to one server, `may_probe` whether this request may try a server that was left
    out, `random` in [0, 1) decides between equals.
    """
    count = len(candidates)
    open_ = [position for position in range(count) if candidates[position].has_room]
    if may_probe:
        for position in open_:
            if candidates[position].health.is_probe_due(now):
                return Choice(position=position, is_probe=True)
    sound = [position for position in open_ if candidates[position].health.is_sound]
    if not sound:
        return None
    if key is not None:
        best = max(sound, key=lambda position: affinity(key, candidates[position].name))
    else:
        start = int(random * count)
        best = min(sound, key=lambda position: (candidates[position].in_flight, (position - start) % count))
    return Choice(position=best, is_probe=False)


def attempt_seconds(*, left: float, others: int, is_probe: bool) -> float:
    """How long one attempt to connect may take of what is `left` of the budget, with `others` to be tried after it."""
    share = left / (others + 1)
    return min(share, PROBE_CONNECT_SECONDS) if is_probe else share
