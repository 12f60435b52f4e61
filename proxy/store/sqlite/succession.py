"""From a file that was removed but is still open here to the one in its place: nothing that was acknowledged is lost.

Somebody may remove or replace `state.db` while Gatepost runs. The kernel keeps the old file while a process has it
open, so its content can still be copied. One process does that; the others find the new file and see that it names the
old one.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from proxy.store.sqlite.marks import name_predecessors, read_facts
from proxy.store.sqlite.owner import make_file
from proxy.store.sqlite.schema import FREE
from proxy.store.sqlite.standing import remove_log

_APART = frozenset({"store_file", "predecessors", "notices", "counters", "arrivals", "person_keys"})
"""Tables that are no mere rows to copy. Notices are left out: a process that heard some reads everything again."""


def take_over(gone: sqlite3.Connection, connection: sqlite3.Connection) -> int | None:
    """Copy what `gone` holds; returns how many sessions. None if another process already did: sessions that ended since
    then must not come back.

    Within a transaction of `connection`.
    """
    before, here = read_facts(gone), read_facts(connection)
    if before.store_id in here.predecessors or before.store_id == here.store_id:
        return None
    counted = connection.total_changes
    count = 0
    for table in _copied(gone):
        rows = gone.execute(f"SELECT * FROM {table}")  # noqa: S608  # our own schema's
        places = ", ".join("?" * len(rows.description))
        connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({places})", rows)  # noqa: S608
        if table == "sessions":
            count = connection.total_changes - counted
    connection.executemany(
        "INSERT INTO counters VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET value = value + ?2, "
        "window_ends_at = max(window_ends_at, ?3)",
        gone.execute("SELECT key, value, window_ends_at FROM counters"),
    )
    connection.executemany(
        "INSERT INTO arrivals (channel, at, seconds) VALUES (?, ?, ?)",
        gone.execute("SELECT channel, at, seconds FROM arrivals ORDER BY number"),
    )
    # At other places: those here may be taken. Rows that hold no key are not copied.
    connection.executemany(
        "INSERT OR IGNORE INTO person_keys (key_id, owner, month, wrapped) VALUES (?, ?, ?, ?)",
        gone.execute(f"SELECT key_id, owner, month, wrapped FROM person_keys WHERE month != '{FREE}'"),  # noqa: S608
    )
    # Numbers of notices only grow, even from one file to the next.
    number = max(before.marks.newest, here.marks.newest) + 1
    if not connection.execute("UPDATE sqlite_sequence SET seq = ? WHERE name = 'notices'", (number,)).rowcount:
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('notices', ?)", (number,))
    connection.execute("UPDATE store_file SET all_ended_at = max(all_ended_at, ?)", (before.marks.all_ended_at,))
    name_predecessors(connection, {before.store_id, *before.predecessors})
    return count


def _copied(gone: sqlite3.Connection) -> list[str]:
    """Each table by its name: sessions first, which others refer to."""
    rows = gone.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    return sorted({name for (name,) in rows} - _APART, key=lambda name: (name != "sessions", name))


def put_copy(open_one: sqlite3.Connection, path: Path) -> None:
    """Replace a database whose log is gone from its folder, but still open here, with a copy that includes the log.

    Every process that has it open then finds another file there, so nobody goes on with data that others do not see.
    Each page is where it was, so a log that is still there changes nothing in it. Raises `OSError` and `sqlite3.Error`.
    """
    real = Path(os.path.realpath(path))
    copy = real.with_name(f".{real.name}.copy")
    copy.unlink(missing_ok=True)
    make_file(copy)
    try:
        with closing(sqlite3.connect(copy)) as target:
            open_one.backup(target)
        with open(copy, "rb") as written:
            os.fsync(written.fileno())
        copy.replace(real)
    finally:
        copy.unlink(missing_ok=True)
    remove_log(real)
