"""Challenges in SQLite: each is judged, counted and used up in one transaction."""

from __future__ import annotations

import dataclasses
import hmac
import sqlite3
from typing import Any

from proxy.factors.challenge import Attempt, AttemptResult, Challenge
from proxy.operations.steady_clock import SKEW_SECONDS
from proxy.store.records import challenge_to_fields, readable_challenge
from proxy.store.sqlite.database import SQLiteDatabase

_COLUMNS = tuple(each.name for each in dataclasses.fields(Challenge))
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM challenges "  # noqa: S608  # constants


class SQLiteChallenges:
    """`ChallengeStore`."""

    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    async def put_challenge(self, challenge: Challenge, *, newest: str | None = None) -> bool:
        return await self._database.writing.run(_insert, challenge, newest)

    async def challenge(self, challenge_id: str, *, session_id: str, now: float) -> Challenge | None:
        rows = await self._database.rows(
            _SELECT + "WHERE challenge_id = ? AND session_id = ? AND expires_at > ? AND created_at <= ?",
            *(challenge_id, session_id, now, now + SKEW_SECONDS),
        )
        return _challenge(rows[0]) if rows else None

    async def challenge_of_session(self, session_id: str, *, now: float) -> Challenge | None:
        return await self._database.reading.run(_select_newest, session_id, now)

    async def answer_challenge(self, challenge_id: str, *, session_id: str, digest: bytes, now: float) -> AttemptResult:
        return await self._database.writing.run(_answer, challenge_id, session_id, digest, now, durable=True)

    async def mark_sent(self, challenge_id: str, *, now: float, not_before: float) -> bool:
        marked = await self._database.change(
            "UPDATE challenges SET last_sent_at = ? WHERE challenge_id = ? AND last_sent_at <= ? AND expires_at > ?",
            *(now, challenge_id, not_before, now),
        )
        return marked > 0


def _insert(connection: sqlite3.Connection, challenge: Challenge, newest: str | None) -> bool:
    """Nothing is written if its session ended in the meantime: nobody could answer it."""
    if newest is not None:
        found = _select_newest(connection, challenge.session_id, challenge.created_at)
        if newest != (found.challenge_id if found is not None else ""):
            return False
    (most,) = connection.execute(
        "SELECT min(attempts_left) FROM challenges WHERE session_id = ? AND expires_at > ? AND created_at <= ?",
        (challenge.session_id, challenge.created_at, challenge.created_at + SKEW_SECONDS),
    ).fetchone()
    fields = challenge_to_fields(challenge)
    if most is not None:
        fields["attempts_left"] = min(most, challenge.attempts_left)
    inserted = connection.execute(
        f"INSERT INTO challenges ({', '.join(_COLUMNS)}) SELECT {', '.join(f':{name}' for name in _COLUMNS)} "  # noqa: S608
        "WHERE EXISTS (SELECT 1 FROM sessions WHERE session_id = :session_id)",
        fields,
    )
    if inserted.rowcount == 0:
        return False
    connection.execute(
        "DELETE FROM challenges WHERE session_id = :session_id AND factor = :factor AND challenge_id != :challenge_id",
        fields,
    )
    return True


def _select_newest(connection: sqlite3.Connection, session_id: str, now: float) -> Challenge | None:
    rows = connection.execute(
        _SELECT + "WHERE session_id = ? AND expires_at > ? AND created_at <= ? ORDER BY created_at DESC, rowid DESC",
        (session_id, now, now + SKEW_SECONDS),
    )
    return next(filter(None, map(_challenge, rows)), None)


def _answer(
    connection: sqlite3.Connection, challenge_id: str, session_id: str, digest: bytes, now: float
) -> AttemptResult:
    row = connection.execute(
        "SELECT digest, attempts_left FROM challenges "
        "WHERE challenge_id = ? AND session_id = ? AND expires_at > ? AND created_at <= ?",
        (challenge_id, session_id, now, now + SKEW_SECONDS),
    ).fetchone()
    if row is None:
        return AttemptResult(Attempt.GONE)
    expected, attempts_left = row
    if hmac.compare_digest(expected, digest):
        connection.execute("DELETE FROM challenges WHERE challenge_id = ?", (challenge_id,))
        return AttemptResult(Attempt.ACCEPTED, attempts_left)
    connection.execute("DELETE FROM challenges WHERE session_id = ? AND attempts_left <= 1", (session_id,))
    connection.execute("UPDATE challenges SET attempts_left = attempts_left - 1 WHERE session_id = ?", (session_id,))
    return AttemptResult(Attempt.WRONG if attempts_left > 1 else Attempt.EXHAUSTED, max(0, attempts_left - 1))


def _challenge(row: tuple[Any, ...]) -> Challenge | None:
    return readable_challenge(dict(zip(_COLUMNS, row, strict=True)))
