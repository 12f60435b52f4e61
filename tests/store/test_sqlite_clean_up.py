"""Cleaning up in SQLite looks at some sessions at a time: it finds all, and keeps nobody waiting for long."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from config.settings import SessionSettings
from proxy.sessions.session import Session
from proxy.store.sqlite.session_rows import insert_session, look_through
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.store.contract import HOST, cookie
from tests.support.people import NOW, session

LIMITS = SessionSettings()
LONG_AGO = NOW - LIMITS.absolute - 1


async def test_all_that_are_over_are_removed_however_many_stand(tmp_path: Path) -> None:
    sessions = [session(created_at=LONG_AGO if number % 10 == 0 else NOW) for number in range(2100)]
    sessions.append(session(created_at=NOW + 3600))
    store = SQLiteStore(tmp_path / "state.db", clock=lambda: NOW)
    try:
        await store.ping()
        with closing(sqlite3.connect(tmp_path / "state.db")) as connection, connection:
            insert(connection, sessions)
        assert await store.sessions.remove_expired(now=NOW, limits=LIMITS) == 210
        left = await store.sessions.sessions()
        assert len(left) == 2101 - 210
        assert max(each.created_at for each in left) == NOW
    finally:
        await store.close()


async def test_some_are_looked_at_each_time_and_none_twice(tmp_path: Path) -> None:
    sessions = [session(created_at=each) for each in (LONG_AGO, NOW, NOW, LONG_AGO, NOW + 3600)]
    store = SQLiteStore(tmp_path / "state.db", clock=lambda: NOW)
    await store.ping()
    await store.close()
    with closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        insert(connection, sessions)
        connection.execute("DELETE FROM sessions WHERE session_id = ?", (sessions[1].session_id,))
        looked = [look_through(connection, LIMITS, NOW, -1, 2)]
        while (last := looked[-1].last) is not None:
            looked.append(look_through(connection, LIMITS, NOW, last, 2))
    over = [[session_id for session_id, _ in each.over] for each in looked]
    assert over == [[sessions[0].session_id], [sessions[3].session_id], []]
    assert [each.has_future for each in looked] == [False, True, False]


def insert(connection: sqlite3.Connection, sessions: list[Session]) -> None:
    for each in sessions:
        insert_session(connection, each, cookie(), HOST)
