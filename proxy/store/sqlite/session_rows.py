"""Sessions and their cookies in SQLite: plain functions on a connection, each run within one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from config.settings import SessionSettings
from proxy.operations.steady_clock import SKEW_SECONDS
from proxy.sessions.session import FIRST_FACTOR_SECONDS, Level, Session
from proxy.sessions.session_store import FORMER_SECONDS
from proxy.sessions.way import OF_CREDENTIALS
from proxy.store.record_fields import UnreadableRecord
from proxy.store.session_records import principal_to_json, proven_to_json, session_from_fields, session_to_fields

Named = tuple[str, str]
"""A session's id, and the GUID of whose it is."""

_COLUMNS = (
    *("session_id", "principal", "scheme", "factors", "proven", "created_at", "last_used_at"),
    *("client_address", "user_agent", "password_must_change", "confined", "idle_seconds", "way", "guid"),
)
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM sessions "  # noqa: S608  # constants


def insert_session(connection: sqlite3.Connection, session: Session, cookie: bytes, host: str) -> None:
    connection.execute(
        f"INSERT INTO sessions ({', '.join(_COLUMNS)}) VALUES ({', '.join(f':{name}' for name in _COLUMNS)})",  # noqa: S608
        {
            **session_to_fields(session),
            "session_id": session.session_id,
            "guid": session.principal.guid,
            "principal": principal_to_json(session.principal),
            "last_used_at": session.last_used_at,
            # A browser may send any bytes, and they may have been decoded to lone surrogates.
            "user_agent": session.user_agent.encode("utf-8", "replace").decode(),
        },
    )
    connection.execute("INSERT INTO cookies VALUES (?, ?, ?)", (cookie, host, session.session_id))


def delete_session(connection: sqlite3.Connection, session_id: str, now: float) -> list[Named]:
    """Its cookies, challenges and tickets go with it by their foreign keys; whose it was is remembered. It, or none."""
    row = connection.execute(_SELECT + "WHERE session_id = ?", (session_id,)).fetchone()
    if row is None:
        return []
    session = _readable(row)
    if session is not None and session.level is Level.SIGNED_IN:
        connection.execute(
            """
            INSERT OR REPLACE INTO former_cookies
            SELECT cookie, host, guid, ? FROM cookies JOIN sessions USING (session_id) WHERE session_id = ?
            """,
            (now + FORMER_SECONDS, session_id),
        )
    connection.execute("DELETE FROM sessions WHERE session_id = ?", (session_id,))
    return [(session_id, str(row[-1]))]


def delete_sessions_of(connection: sqlite3.Connection, guid: str, now: float) -> list[Named]:
    of_person = connection.execute("SELECT session_id FROM sessions WHERE guid = ?", (guid,)).fetchall()
    return [ended for (session_id,) in of_person for ended in delete_session(connection, session_id, now)]


def delete_surplus(connection: sqlite3.Connection, kept: Session, most: int, now: float) -> list[Named]:
    """The oldest signed-in ones of this person beside `kept`, so that at most so many stand with it; those of
    credentials do not count."""
    if kept.level is not Level.SIGNED_IN:
        return []
    others = [
        each.session_id
        for each in select_sessions(connection, kept.principal.guid)
        if each.level is Level.SIGNED_IN and each.way not in OF_CREDENTIALS and each.session_id != kept.session_id
    ]
    surplus = others[: max(0, len(others) + 1 - most)]
    return [ended for session_id in surplus for ended in delete_session(connection, session_id, now)]


def delete_oldest(connection: sqlite3.Connection, most: int, now: float) -> list[Named]:
    """At most this many, of anybody."""
    oldest = connection.execute("SELECT session_id FROM sessions ORDER BY rowid LIMIT ?", (most,)).fetchall()
    return [ended for (session_id,) in oldest for ended in delete_session(connection, session_id, now)]


def has_cookie(connection: sqlite3.Connection, cookie: bytes) -> bool:
    return connection.execute("SELECT 1 FROM cookies WHERE cookie = ?", (cookie,)).fetchone() is not None


def select_by_cookie(connection: sqlite3.Connection, cookie: bytes, host: str) -> Session | None:
    row = connection.execute(
        _SELECT + "JOIN cookies USING (session_id) WHERE cookie = ? AND host = ?", (cookie, host)
    ).fetchone()
    return _readable(row)


def select_owner(connection: sqlite3.Connection, cookie: bytes, host: str, now: float) -> str | None:
    """Of the signed-in session that this cookie points to, or has pointed to."""
    standing = select_by_cookie(connection, cookie, host)
    if standing is not None:
        return standing.principal.guid if standing.level is Level.SIGNED_IN else None
    row = connection.execute(
        "SELECT guid FROM former_cookies WHERE cookie = ? AND host = ? AND expires_at > ?", (cookie, host, now)
    ).fetchone()
    return None if row is None else str(row[0])


def select_hosts(connection: sqlite3.Connection, session_ids: list[str]) -> dict[str, tuple[str, ...]]:
    hosts = {}
    for session_id in session_ids:
        rows = connection.execute("SELECT DISTINCT host FROM cookies WHERE session_id = ? ORDER BY host", (session_id,))
        if found := tuple(host for (host,) in rows):
            hosts[session_id] = found
    return hosts


def insert_cookie(connection: sqlite3.Connection, session_id: str, cookie: bytes, host: str) -> Session | None:
    session = _readable(connection.execute(_SELECT + "WHERE session_id = ?", (session_id,)).fetchone())
    if session is not None:
        connection.execute("INSERT INTO cookies VALUES (?, ?, ?)", (cookie, host, session_id))
    return session


def touch(connection: sqlite3.Connection, used: Iterable[tuple[str, float]]) -> None:
    connection.executemany(
        "UPDATE sessions SET last_used_at = ?2 WHERE session_id = ?1 AND last_used_at < ?2",
        used,
    )


def select_sessions(connection: sqlite3.Connection, guid: str | None) -> list[Session]:
    if guid is None:
        rows = connection.execute(_SELECT + "ORDER BY created_at")
    else:
        rows = connection.execute(_SELECT + "WHERE guid = ? ORDER BY created_at", (guid,))
    return [session for row in rows if (session := _readable(row)) is not None]


def select_latest(connection: sqlite3.Connection, most: int) -> list[Session]:
    # The ids of all, and the records of those alone: a record is long.
    latest = "(SELECT rowid FROM sessions ORDER BY created_at DESC LIMIT ?)"
    rows = connection.execute(_SELECT + f"WHERE rowid IN {latest} ORDER BY created_at DESC", (most,))
    return [session for row in rows if (session := _readable(row)) is not None]


def select_by_id(connection: sqlite3.Connection, session_ids: list[str]) -> dict[str, Session]:
    """Those that are gone are left out."""
    rows = (
        connection.execute(_SELECT + "WHERE session_id = ?", (session_id,)).fetchone() for session_id in session_ids
    )
    return {session.session_id: session for row in rows if (session := _readable(row)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What some of the sessions are, and where the next begin."""

    over: list[tuple[str, float]]
    """`(session_id, last_used_at)` of those that are over; of what cannot be read, by its age alone."""
    has_future: bool
    """Whether any is from the future: `count_from` sets it right."""
    last: int | None
    """None: there are no more."""


def look_through(connection: sqlite3.Connection, limits: SessionSettings, now: float, after: int, most: int) -> Looked:
    """At so many sessions at the most: all at once would keep this connection from everybody else for long."""
    next_ones = "SELECT rowid FROM sessions WHERE rowid > ? ORDER BY rowid LIMIT ?"
    (last,) = connection.execute(f"SELECT max(rowid) FROM ({next_ones})", (after, most)).fetchone()  # noqa: S608
    rows = connection.execute(
        _SELECT + "WHERE rowid > ?6 AND rowid <= ?7 AND (created_at <= ?1 OR created_at > ?5 OR last_used_at > ?5 "
        "OR last_used_at <= ?4 - min(?2, coalesce(idle_seconds, ?2)) OR created_at <= ?3 "
        "AND (json_array_length(proven) < json_array_length(factors) OR password_must_change) OR confined != '')",
        (now - limits.absolute, limits.idle, now - FIRST_FACTOR_SECONDS, now, now + SKEW_SECONDS, after, last),
    )
    over, has_future = [], False
    for row in rows:
        # SQL only narrows it down: the one definition of "over" is the session's own.
        session_id, created_at, last_used_at = row[0], row[5], row[6]
        has_future = has_future or max(created_at, last_used_at) > now + SKEW_SECONDS
        session = _readable(row)
        if session.is_over(limits, now) if session is not None else created_at <= now - limits.absolute:
            over.append((session_id, last_used_at))
    return Looked(over=over, has_future=has_future, last=last)


def count_from(connection: sqlite3.Connection, now: float) -> list[Named]:
    """Set sessions from the future back to `now`; returns which."""
    rows = connection.execute(_SELECT + "WHERE created_at > ?1 OR last_used_at > ?1", (now + SKEW_SECONDS,)).fetchall()
    named = []
    for row in rows:
        session = _readable(row)
        if session is None:
            connection.execute(
                "UPDATE sessions SET created_at = min(created_at, ?) WHERE session_id = ?", (now, row[0])
            )
            continue
        counted = session.counted_from(now)
        connection.execute(
            "UPDATE sessions SET created_at = ?, last_used_at = ?, proven = ? WHERE session_id = ?",
            (counted.created_at, counted.last_used_at, proven_to_json(counted.proven), counted.session_id),
        )
        named.append((counted.session_id, counted.principal.guid))
    return named


def delete_unused_since(connection: sqlite3.Connection, over: list[tuple[str, float]], now: float) -> list[Named]:
    """Delete those of `over` that were not used since they were read; returns which."""
    return [
        ended
        for session_id, last_used_at in over
        if connection.execute(
            "SELECT 1 FROM sessions WHERE session_id = ? AND last_used_at = ?", (session_id, last_used_at)
        ).fetchone()
        for ended in delete_session(connection, session_id, now)
    ]


def _readable(row: tuple[Any, ...] | None) -> Session | None:
    """A record that this version cannot read opens nothing: its owner signs in again."""
    if row is None:
        return None
    try:
        return session_from_fields(dict(zip(_COLUMNS, row, strict=True)))
    except UnreadableRecord:
        return None
