"""Challenges in Redis: judged and used up by scripts, each in one step at the server."""

from __future__ import annotations

import secrets

from config.factors import ChannelKind, Factor
from proxy.factors.challenge import Challenge
from proxy.factors.challenge_store import Attempt, AttemptResult
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.record_texts import challenge_from_row, challenge_to_record, instant
from proxy.store.redis.scripts import CHALLENGES

_KNOWN = " ".join(
    ("", *(f"factor:{each.value}" for each in Factor), *(f"kind:{each.value}" for each in ChannelKind), "kind:", "")
)
"""What a challenge may be of that this version can read, as `put` looks for it."""


class RedisChallenges:
    """`ChallengeStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_challenge(self, challenge: Challenge, *, newest: str | None = None) -> bool:
        arguments: tuple[str | bytes | int, ...] = (
            challenge.challenge_id,
            challenge.session_id,
            challenge_to_record(challenge),
            challenge.digest,
            instant(challenge.expires_at),
            challenge.attempts_left,
            instant(challenge.last_sent_at),
            self._connections.ttl(challenge.expires_at),
        )
        if newest is not None:
            arguments += (instant(challenge.created_at), newest, _KNOWN)
        return bool(await self._connections.run(CHALLENGES, "put", *arguments))

    async def challenge(self, challenge_id: str, *, session_id: str, now: float) -> Challenge | None:
        arguments = (challenge_id, session_id, instant(now))
        row = await self._connections.run(CHALLENGES, "read", *arguments, is_repeatable=True)
        return None if row is None else challenge_from_row(row)

    async def challenge_of_session(self, session_id: str, *, now: float) -> Challenge | None:
        rows = await self._connections.run(CHALLENGES, "of_session", session_id, instant(now), is_repeatable=True)
        # Of two with the same instant, the one that was put later is the newer one.
        found = filter(None, map(challenge_from_row, reversed(rows)))
        return max(found, key=lambda each: each.created_at, default=None)

    async def answer_challenge(self, challenge_id: str, *, session_id: str, digest: bytes, now: float) -> AttemptResult:
        arguments = (challenge_id, session_id, digest, instant(now), secrets.token_bytes(32))
        attempt, attempts_left = await self._connections.run(CHALLENGES, "answer", *arguments, durable=True)
        return AttemptResult(Attempt(attempt.decode()), attempts_left)

    async def mark_sent(self, challenge_id: str, *, now: float, not_before: float) -> bool:
        arguments = (challenge_id, instant(now), instant(not_before))
        return bool(await self._connections.run(CHALLENGES, "mark_sent", *arguments))
