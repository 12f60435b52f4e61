"""The tables of the SQLite store, and how a file of an older version is brought up to date.

`PRAGMA user_version` is the number of migrations that were applied. A released migration is never changed:
a new one is added at the end.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from proxy.operations.store_errors import StoreUnavailable
from proxy.store.sqlite.owner import make_file

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE sessions (
            session_id TEXT PRIMARY KEY,
            guid TEXT NOT NULL,
            principal TEXT NOT NULL,
            scheme TEXT NOT NULL,
            factors TEXT NOT NULL,
            password_proven_at REAL NOT NULL,
            passcode_proven_at REAL,
            created_at REAL NOT NULL,
            last_used_at REAL NOT NULL,
            client_address TEXT NOT NULL,
            user_agent TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX sessions_by_guid ON sessions (guid)",
        """
        CREATE TABLE cookies (
            cookie BLOB PRIMARY KEY,
            host TEXT NOT NULL,
            session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX cookies_by_session ON cookies (session_id)",
        """
        CREATE TABLE challenges (
            challenge_id TEXT PRIMARY KEY,
            session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
            guid TEXT NOT NULL,
            digest BLOB NOT NULL,
            masked_destination TEXT NOT NULL,
            created_at REAL NOT NULL,
            expires_at REAL NOT NULL,
            attempts_left INTEGER NOT NULL CHECK (attempts_left > 0),
            last_sent_at REAL NOT NULL,
            return_to TEXT NOT NULL,
            start_digest TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX challenges_by_session ON challenges (session_id)",
        """
        CREATE TABLE tickets (
            ticket BLOB PRIMARY KEY,
            session_id TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
            host TEXT NOT NULL,
            start_digest TEXT NOT NULL,
            return_to TEXT NOT NULL,
            expires_at REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX tickets_by_session ON tickets (session_id)",
        """
        CREATE TABLE counters (
            key BLOB PRIMARY KEY,
            value INTEGER NOT NULL CHECK (value >= 0),
            window_ends_at REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    ),
    ("ALTER TABLE sessions ADD COLUMN password_must_change INTEGER NOT NULL DEFAULT 0",),
    (
        "ALTER TABLE challenges ADD COLUMN number_digest BLOB NOT NULL DEFAULT x''",
        """
        CREATE TABLE familiar_addresses (
            person BLOB NOT NULL,
            address BLOB NOT NULL,
            expires_at REAL NOT NULL,
            PRIMARY KEY (person, address)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE known_numbers (
            guid TEXT PRIMARY KEY,
            digest BLOB NOT NULL,
            sealed BLOB NOT NULL,
            used_at REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
    ),
    (
        "ALTER TABLE sessions ADD COLUMN proven TEXT NOT NULL DEFAULT ''",
        """
        UPDATE sessions SET proven = CASE WHEN passcode_proven_at IS NULL
            THEN json_array(json_array('password', password_proven_at))
            ELSE json_array(json_array('password', password_proven_at), json_array('sms', passcode_proven_at))
            END
        """,
        "ALTER TABLE sessions DROP COLUMN passcode_proven_at",
        "ALTER TABLE sessions DROP COLUMN password_proven_at",
    ),
    (
        """
        CREATE TABLE former_cookies (
            cookie BLOB PRIMARY KEY,
            host TEXT NOT NULL,
            guid TEXT NOT NULL,
            expires_at REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE kept_requests (
            digest BLOB PRIMARY KEY,
            sealed BLOB NOT NULL,
            expires_at REAL NOT NULL
        ) STRICT
        """,
        """
        CREATE TABLE leases (
            name TEXT PRIMARY KEY,
            holder TEXT NOT NULL,
            ends_at REAL NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        # AUTOINCREMENT: no number is used twice, so a process that heard of one knows what it has missed.
        """
        CREATE TABLE notices (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL,
            session_id TEXT NOT NULL,
            guid TEXT NOT NULL,
            told_by TEXT NOT NULL,
            created_at REAL NOT NULL
        ) STRICT
        """,
    ),
    ("ALTER TABLE challenges ADD COLUMN factor TEXT NOT NULL DEFAULT 'sms'",),
    (
        """
        CREATE TABLE sendings (
            message_id TEXT PRIMARY KEY,
            challenge_id TEXT NOT NULL,
            sent_at REAL NOT NULL,
            expires_at REAL NOT NULL,
            record TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX sendings_by_challenge ON sendings (challenge_id)",
    ),
    (
        """
        CREATE TABLE delivery_failures (
            message_id TEXT PRIMARY KEY,
            failed_at REAL NOT NULL,
            record TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX delivery_failures_by_instant ON delivery_failures (failed_at)",
    ),
    (
        """
        CREATE TABLE arrivals (
            number INTEGER PRIMARY KEY,
            channel TEXT NOT NULL,
            at REAL NOT NULL,
            seconds REAL NOT NULL
        ) STRICT
        """,
        "CREATE INDEX arrivals_by_channel ON arrivals (channel)",
    ),
    (
        """
        CREATE TABLE store_file (
            number INTEGER PRIMARY KEY CHECK (number = 1),
            store_id TEXT NOT NULL,
            made_at REAL NOT NULL,
            all_ended_at REAL NOT NULL DEFAULT 0.0,
            is_doubted INTEGER NOT NULL DEFAULT 0,
            tried BLOB NOT NULL DEFAULT x''
        ) STRICT
        """,
        # A file that held sessions before it had an id may be a copy from before them all.
        """
        INSERT INTO store_file (number, store_id, made_at) SELECT 1, lower(hex(randomblob(16))),
            CASE WHEN EXISTS (SELECT 1 FROM sessions) THEN 0.0 ELSE (julianday('now') - 2440587.5) * 86400.0 END
        """,
        "CREATE TABLE predecessors (store_id TEXT PRIMARY KEY) STRICT, WITHOUT ROWID",
        "CREATE TABLE flushes (worker TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    ),
    # NULL: written before it was kept. Empty: nothing is sent.
    ("ALTER TABLE challenges ADD COLUMN kind TEXT",),
    ("ALTER TABLE challenges ADD COLUMN choice TEXT NOT NULL DEFAULT ''",),
)


def open_database(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """A connection to the store's file, made and migrated where needed, its mode 0600.

    Raises `sqlite3.Error`, `OSError`, or `StoreUnavailable` if a newer Gatepost wrote the file.
    """
    # SQLite gives its -wal and -shm files the mode and owner of the main file, so this covers all three.
    make_file(path)
    # By its name. Closing a file that was opened beside SQLite would drop all of this process's locks on it (POSIX).
    # Then the next process that ends would think that it is the last one, and remove the log that this one still writes
    # to.
    if os.stat(path).st_mode & 0o077:
        os.chmod(path, 0o600)
    connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, cached_statements=256)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection) -> None:
    """Apply what is missing, all in one transaction; processes that start at once do it once."""
    if _version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)
        if version > len(MIGRATIONS):
            raise StoreUnavailable("the store's file was written by a newer Gatepost")
        for migration in MIGRATIONS[version:]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
