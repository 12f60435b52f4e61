"""How long passcodes took, in SQLite: plain functions on a connection, each run within one transaction."""

from __future__ import annotations

import sqlite3

from proxy.factors.passcode.arrival_times import KEPT_SECONDS, MOST_KEPT, Arrival


def insert_arrival(connection: sqlite3.Connection, channel: str, arrival: Arrival) -> None:
    connection.execute(
        "INSERT INTO arrivals (channel, at, seconds) VALUES (?, ?, ?)", (channel, arrival.at, arrival.seconds)
    )
    connection.execute(
        """
        DELETE FROM arrivals WHERE number IN (
            SELECT number FROM arrivals WHERE channel = ? ORDER BY number DESC LIMIT -1 OFFSET ?
        )
        """,
        (channel, MOST_KEPT),
    )


def select_arrivals(connection: sqlite3.Connection, channel: str) -> tuple[Arrival, ...]:
    rows = connection.execute("SELECT at, seconds FROM arrivals WHERE channel = ?", (channel,)).fetchall()
    return tuple(Arrival(at, seconds) for at, seconds in rows)


def delete_expired(connection: sqlite3.Connection, now: float) -> int:
    forgotten = connection.execute(
        """
        DELETE FROM arrivals WHERE channel IN (
            SELECT channel FROM arrivals GROUP BY channel HAVING max(at) <= ?
        )
        """,
        (now - KEPT_SECONDS,),
    )
    return forgotten.rowcount
