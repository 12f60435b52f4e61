"""Between the processes that share one SQLite file: what one did to a session reaches the listeners of all others.

A notice is written in the transaction of its event, so it is told even if the process dies right after. Numbers follow
the order of the commits without a gap. So a process that has heard up to one number knows whether it missed anything.
"""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from proxy.store.history import History, Report
from proxy.store.listeners import StoreListeners
from proxy.store.sqlite.peers import Hearing, Telling
from proxy.store.sqlite.session_rows import Named
from proxy.store.sqlite.threads import ReadingThread, SQLiteLimits, unavailable

KEPT_SECONDS = 120.0
"""A process that has not looked for this long has missed some, and reads everything again."""

Kind = Literal["created", "changed", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What was told since a number, by others, in order."""

    ended: tuple[str, ...]
    changed: tuple[str, ...]
    newest: int
    is_gap: bool


class SQLiteNews:
    """Writes notices, calls the others, and tells listeners here what the others wrote."""

    def __init__(
        self, path: Path, history: History, report: Report, limits: SQLiteLimits, *, clock: Callable[[], float]
    ) -> None:
        self.listeners = StoreListeners()
        self._clock = clock
        self._folder = path.with_name(f"{path.name}.peers")
        self._name = secrets.token_hex(8)
        # A thread of its own, because a worker may answer from memory only if it has looked recently.
        self._thread = ReadingThread(path, "store-notices", history, report, limits)
        self._history = history
        self._changes = 0
        """Up to which change of the file listeners were told."""
        self._telling = Telling(self._folder, self._own_ear, limits.notice_seconds)
        self.tell = self._telling.tell
        """Return when all others have heard of a number, at the latest after the limits' `notice_seconds`."""
        self._hearing: Hearing | None = None
        self._heard: int | None = None
        """Up to which notice listeners were told; None: what is read from now on is not watched yet."""
        self._looking = asyncio.Lock()

    def write(self, connection: sqlite3.Connection, kind: Kind, sessions: Iterable[Named]) -> int:
        """Call this in the transaction of the event; returns the number to `tell` once that is committed."""
        connection.executemany(
            "INSERT INTO notices (kind, session_id, guid, told_by, created_at) VALUES (?, ?, ?, ?, ?)",
            [(kind, session_id, guid, self._name, self._clock()) for session_id, guid in sessions],
        )
        return select_newest(connection)

    def _own_ear(self) -> str:
        return "" if self._hearing is None else self._hearing.name

    def call(self, number: int) -> None:
        """Tell the others without waiting for them."""
        with suppress(OSError):  # then they find it when they look
            self._telling.call(number)

    async def begin(self) -> None:
        """Call this before reading sessions that a caller may keep: from then on their ends are heard of.

        Raises `StoreUnavailable`.
        """
        if self._heard is not None or not self.listeners:
            return
        async with self._looking:
            if self._heard is not None:
                return
            await self._thread.run(select_newest)  # there is a store
            if self._hearing is None:
                self._hear()
            # Read after the socket is there: what is committed later is called out to it.
            self._heard = await self._thread.run(select_newest)
            self._changes = self._history.changes

    async def catch_up(self) -> None:
        """Tell listeners what others committed before this was called. Raises `StoreUnavailable`."""
        await self.begin()
        if self._hearing is not None and not self._hearing.is_there():
            hearing, self._hearing = self._hearing, None
            await hearing.close()
            self._hear()
        if self._heard is not None:
            await self._look()

    def _hear(self) -> None:
        try:
            self._hearing = Hearing(self._folder, self._look)
        except PermissionError as exc:
            raise unavailable(exc) from exc
        except OSError:
            pass  # this file system has no sockets for anybody, so all wait until everybody has looked

    async def close(self) -> None:
        if self._hearing is not None:
            await self._hearing.close()
        self._telling.close()
        await self._thread.close()

    async def _look(self) -> int:
        async with self._looking:
            heard = self._heard or 0
            news, changes = await self._thread.run(self._select, heard)
            self._heard = news.newest
            is_another, self._changes = changes != self._changes, changes
            if news.is_gap or is_another:
                self.listeners.tell_gap()
            self.listeners.tell_ended(news.ended)
            self.listeners.tell_changed(news.changed)
            return news.newest

    def _select(self, connection: sqlite3.Connection, heard: int) -> tuple[News, int]:
        changes = self._history.changes
        self._thread.check_marks(connection)
        return select_news(connection, heard, self._name), changes


def select_newest(connection: sqlite3.Connection) -> int:
    """The highest number that was ever given; pruned ones count."""
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'notices'").fetchone()
    return 0 if row is None else int(row[0])


def select_news(connection: sqlite3.Connection, heard: int, listener: str) -> News:
    """All after `heard`, except what `listener` told itself."""
    connection.execute("BEGIN")
    newest = select_newest(connection)
    rows = []
    if newest != heard:
        rows = connection.execute(
            "SELECT kind, session_id, told_by FROM notices WHERE number > ? ORDER BY number", (heard,)
        ).fetchall()
    connection.execute("COMMIT")
    return News(
        ended=tuple(session_id for kind, session_id, told_by in rows if kind == "ended" and told_by != listener),
        changed=tuple(session_id for kind, session_id, told_by in rows if kind == "changed" and told_by != listener),
        newest=newest,
        # Fewer than were numbered: the oldest were pruned. A lower number than before: it is another file.
        is_gap=len(rows) != newest - heard,
    )
