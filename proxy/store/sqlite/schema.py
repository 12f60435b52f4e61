"""The tables of the SQLite store, and how a file of an older version is brought up to date.

`PRAGMA user_version` is the number of migrations (`migrations/`) that were applied. A released migration is never
changed: a new one is added at the end.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from proxy.operations.store_errors import StoreUnavailable
from proxy.store.sqlite.owner import make_file

FREE = "0000-00"
"""The month of a row of `person_keys` that holds no key (`proxy.store.sqlite.person_keys`)."""


def _statements(script: str) -> Iterator[str]:
    """One by one: `executescript` would commit what was begun."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


MIGRATIONS = tuple(
    tuple(_statements(file.read_text(encoding="ascii")))
    for file in sorted(Path(__file__).with_name("migrations").glob("*.sql"))
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
