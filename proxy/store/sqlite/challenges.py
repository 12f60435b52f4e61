"""Challenges, tickets and counters in SQLite: plain functions on a connection, each run within one transaction."""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Sequence
from typing import Any

from config.factors import Factor
from proxy.factors.challenge import Challenge
from proxy.factors.challenge_store import Attempt, AttemptResult
from proxy.operations.steady_clock import SKEW_SECONDS
from proxy.sessions.ticket import Ticket
from proxy.store.records import challenge_kind
from proxy.throttle.counter_store import Count, Counter, Reached

_CHALLENGE = (
    "challenge_id, session_id, guid, digest, masked_destination, created_at, expires_at, attempts_left, last_sent_at, "
    "return_to, start_digest, number_digest, factor, kind"
)
_SELECT_CHALLENGE = f"SELECT {_CHALLENGE} FROM challenges "  # noqa: S608  # a constant


def insert_challenge(connection: sqlite3.Connection, challenge: Challenge, newest: str | None) -> bool:
    """Nothing is written if its session ended meanwhile: nobody could answer it."""
    if newest is not None:
        found = select_newest_challenge(connection, challenge.session_id, challenge.created_at)
        if newest != (found.challenge_id if found is not None else ""):
            return False
    inserted = connection.execute(
        f"INSERT INTO challenges ({_CHALLENGE}) "  # noqa: S608
        "SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14 "
        "WHERE EXISTS (SELECT 1 FROM sessions WHERE session_id = ?2)",
        (
            challenge.challenge_id,
            challenge.session_id,
            challenge.guid,
            challenge.digest,
            challenge.masked_destination,
            challenge.created_at,
            challenge.expires_at,
            challenge.attempts_left,
            challenge.last_sent_at,
            challenge.return_to,
            challenge.start_digest,
            challenge.number_digest,
            challenge.factor.value,
            challenge.kind.value if challenge.kind is not None else "",
        ),
    )
    return inserted.rowcount > 0


def select_challenge(
    connection: sqlite3.Connection, challenge_id: str, session_id: str, now: float
) -> Challenge | None:
    row = connection.execute(
        _SELECT_CHALLENGE + "WHERE challenge_id = ? AND session_id = ? AND expires_at > ? AND created_at <= ?",
        (challenge_id, session_id, now, now + SKEW_SECONDS),
    ).fetchone()
    return None if row is None else _challenge(row)


def select_newest_challenge(connection: sqlite3.Connection, session_id: str, now: float) -> Challenge | None:
    row = connection.execute(
        _SELECT_CHALLENGE + "WHERE session_id = ? AND expires_at > ? AND created_at <= ? "
        "ORDER BY created_at DESC, rowid DESC LIMIT 1",
        (session_id, now, now + SKEW_SECONDS),
    ).fetchone()
    return None if row is None else _challenge(row)


def answer_challenge(
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
        delete_challenge(connection, challenge_id)
        return AttemptResult(Attempt.ACCEPTED, attempts_left)
    if attempts_left <= 1:
        delete_challenge(connection, challenge_id)
        return AttemptResult(Attempt.EXHAUSTED)
    connection.execute(
        "UPDATE challenges SET attempts_left = attempts_left - 1 WHERE challenge_id = ?", (challenge_id,)
    )
    return AttemptResult(Attempt.WRONG, attempts_left - 1)


def delete_challenge(connection: sqlite3.Connection, challenge_id: str) -> None:
    connection.execute("DELETE FROM challenges WHERE challenge_id = ?", (challenge_id,))


def mark_sent(connection: sqlite3.Connection, challenge_id: str, now: float, not_before: float) -> bool:
    return (
        connection.execute(
            "UPDATE challenges SET last_sent_at = ? WHERE challenge_id = ? AND last_sent_at <= ? AND expires_at > ?",
            (now, challenge_id, not_before, now),
        ).rowcount
        > 0
    )


def insert_ticket(connection: sqlite3.Connection, ticket_digest: bytes, ticket: Ticket) -> None:
    """Nothing is written if its session ended meanwhile: it would hand over nothing."""
    connection.execute(
        "INSERT INTO tickets SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM sessions WHERE session_id = ?2)",
        (ticket_digest, ticket.session_id, ticket.host, ticket.start_digest, ticket.return_to, ticket.expires_at),
    )


def delete_ticket(connection: sqlite3.Connection, ticket_digest: bytes, now: float) -> Ticket | None:
    rows = connection.execute(
        "DELETE FROM tickets WHERE ticket = ? RETURNING session_id, host, start_digest, return_to, expires_at",
        (ticket_digest,),
    ).fetchall()
    if not rows:
        return None
    session_id, host, start_digest, return_to, expires_at = rows[0]
    if expires_at <= now:
        return None
    return Ticket(
        session_id=session_id, host=host, start_digest=start_digest, return_to=return_to, expires_at=expires_at
    )


def select_count(connection: sqlite3.Connection, key: bytes, now: float) -> Count | None:
    row = connection.execute(
        "SELECT value, window_ends_at FROM counters WHERE key = ? AND window_ends_at > ?", (key, now)
    ).fetchone()
    return None if row is None else Count(row[0], row[1])


def add_count(connection: sqlite3.Connection, key: bytes, now: float, window_seconds: float) -> Count:
    rows = connection.execute(
        """
        INSERT INTO counters VALUES (?1, 1, ?2 + ?3)
        ON CONFLICT (key) DO UPDATE SET
            value = CASE WHEN window_ends_at > ?2 THEN value + 1 ELSE 1 END,
            window_ends_at = CASE WHEN window_ends_at > ?2 THEN window_ends_at ELSE ?2 + ?3 END
        RETURNING value, window_ends_at
        """,
        (key, now, window_seconds),
    ).fetchall()
    return Count(*rows[0])


def give_back(connection: sqlite3.Connection, key: bytes, amount: int, now: float) -> None:
    connection.execute(
        "UPDATE counters SET value = max(value - ?, 0) WHERE key = ? AND window_ends_at > ?", (amount, key, now)
    )


def reserve(connection: sqlite3.Connection, counters: Sequence[Counter], now: float) -> Reached | None:
    for index, counter in enumerate(counters):
        count = select_count(connection, counter.key, now) or Count(0, now + counter.window_seconds)
        if count.value >= counter.limit:
            return Reached(index, count.window_ends_at)
    for counter in counters:
        count = add_count(connection, counter.key, now, counter.window_seconds)
        if counter.is_sliding and count.window_ends_at < now + counter.window_seconds:
            connection.execute(
                "UPDATE counters SET window_ends_at = ? WHERE key = ?", (now + counter.window_seconds, counter.key)
            )
    return None


def delete_expired(connection: sqlite3.Connection, now: float) -> int:
    """Challenges, tickets and counters whose time is over; how many. What is from the future opens nothing either."""
    return (
        connection.execute(
            "DELETE FROM challenges WHERE expires_at <= ? OR created_at > ?", (now, now + SKEW_SECONDS)
        ).rowcount
        + connection.execute("DELETE FROM tickets WHERE expires_at <= ?", (now,)).rowcount
        + connection.execute("DELETE FROM counters WHERE window_ends_at <= ?", (now,)).rowcount
    )


def _challenge(row: tuple[Any, ...]) -> Challenge:
    fields = dict(zip(_CHALLENGE.split(", "), row, strict=True))
    fields["factor"] = Factor(fields["factor"])
    fields["kind"] = challenge_kind(fields["kind"], fields["masked_destination"])
    return Challenge(**fields)
