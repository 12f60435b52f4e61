"""Challenges in Redis: judged and used up by scripts, each in one step at the server."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from typing import Any

from config.factors import ChannelKind, Factor
from proxy.factors.challenge import Attempt, AttemptResult, Challenge
from proxy.store.records import challenge_to_fields, readable_challenge
from proxy.store.redis.connections import Argument, RedisConnections
from proxy.store.redis.scripts import CHALLENGES

_KEPT_BESIDE = ("digest", "expires_at", "attempts_left", "last_sent_at")
"""Of a challenge: what the scripts judge by. They look at nothing else but its `created_at`, factor and kind."""

_KNOWN = " ".join(
    ("", *(f"factor:{each.value}" for each in Factor), *(f"kind:{each.value}" for each in ChannelKind), "kind:", "")
)
"""What a challenge may be of that this version can read, as `put` looks for it."""


class RedisChallenges:
    """`ChallengeStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_challenge(self, challenge: Challenge, *, newest: str | None = None) -> bool:
        arguments: tuple[Argument, ...] = (
            challenge.challenge_id,
            challenge.session_id,
            challenge_to_record(challenge),
            challenge.digest,
            challenge.expires_at,
            challenge.attempts_left,
            challenge.last_sent_at,
            self._connections.ttl(challenge.expires_at),
            challenge.created_at,
        )
        if newest is not None:
            arguments += (newest, _KNOWN)
        return bool(await self._connections.run(CHALLENGES, "put", *arguments))

    async def challenge(self, challenge_id: str, *, session_id: str, now: float) -> Challenge | None:
        arguments = (challenge_id, session_id, now)
        row = await self._connections.run(CHALLENGES, "read", *arguments, is_repeatable=True)
        return None if row is None else _challenge(row)

    async def challenge_of_session(self, session_id: str, *, now: float) -> Challenge | None:
        rows = await self._connections.run(CHALLENGES, "of_session", session_id, now, is_repeatable=True)
        # Of two with the same instant, the one that was put later is the newer one.
        found = filter(None, map(_challenge, reversed(rows)))
        return max(found, key=lambda each: each.created_at, default=None)

    async def answer_challenge(self, challenge_id: str, *, session_id: str, digest: bytes, now: float) -> AttemptResult:
        arguments = (challenge_id, session_id, digest, now, secrets.token_bytes(32))
        attempt, attempts_left = await self._connections.run(CHALLENGES, "answer", *arguments, durable=True)
        return AttemptResult(Attempt(attempt.decode()), attempts_left)

    async def mark_sent(self, challenge_id: str, *, now: float, not_before: float) -> bool:
        arguments = (challenge_id, now, not_before)
        return bool(await self._connections.run(CHALLENGES, "mark_sent", *arguments))


def challenge_to_record(challenge: Challenge) -> str:
    fields = {name: value for name, value in challenge_to_fields(challenge).items() if name not in _KEPT_BESIDE}
    return json.dumps({**fields, "number_digest": challenge.number_digest.hex()}, separators=(",", ":"))


def _challenge(row: Sequence[Any]) -> Challenge | None:
    """None for one that this version does not know."""
    _, expires_at, record, digest, attempts_left, last_sent_at = row
    fields = json.loads(record)
    return readable_challenge(
        {
            **fields,
            "number_digest": bytes.fromhex(fields["number_digest"]),
            "digest": digest,
            "expires_at": float(expires_at),
            "attempts_left": int(attempts_left),
            "last_sent_at": float(last_sent_at),
        }
    )
