"""One thread's connection to the store's file: to the file at the path now, and never to one that is gone."""

from __future__ import annotations

import sqlite3
import stat
import time
from contextlib import suppress
from pathlib import Path

from proxy.operations.store_errors import StoreUnavailable
from proxy.store.history import REMEDY, History, Judgement, Marks, Report
from proxy.store.sqlite.lost_log import LOST, committed_frames, lost_transactions
from proxy.store.sqlite.marks import doubt_file, name_predecessors, read_facts
from proxy.store.sqlite.schema import open_database
from proxy.store.sqlite.standing import Standing, inode_of, locked, remove_log
from proxy.store.sqlite.succession import put_copy, take_over


class StoreFile:
    def __init__(self, path: Path, history: History, report: Report, busy_seconds: float) -> None:
        """`history` is shared by the threads of one store. `busy_seconds`: how long writers are waited for."""
        self.path = self._path = path
        self._history = history
        self._report = report
        self._busy_seconds = busy_seconds
        self._connection: sqlite3.Connection | None = None
        self._standing: Standing | None = None
        self._must_be_trusted = True

    def connection(self, *, must_be_trusted: bool = True) -> sqlite3.Connection:
        """To what stands there. Raises `sqlite3.Error`, `OSError` and `StoreUnavailable`.

        Not `must_be_trusted`: to end all sessions, an older copy will do.
        """
        self._must_be_trusted = must_be_trusted
        connection = self._connection
        if connection is None or not self.stands():
            with locked(self._path):
                connection = self._open()
        elif self._history.doubt and must_be_trusted:
            with locked(self._path):
                self._trust(connection)
        self._history.seen_at = time.time()
        return connection

    def stands(self) -> bool:
        """Whether what was just written is in the file that others will open."""
        return self._standing is not None and self._standing.stands()

    def check_marks(self, known: Marks, found: Marks) -> None:
        """`found` was read from the file after `known` was seen in it.

        Raises `StoreUnavailable` if its newest notice is gone: then the file was overwritten in place.
        """
        is_less = found.newest < known.newest or found.is_doubted
        if is_less and self._must_be_trusted and self._connection is not None and not self._history.doubt:
            self._doubt(self._connection, known.all_ended_at)

    def failed(self) -> None:
        """Open it again for the next job. A file that is gone stays open, because nobody else may have its content."""
        if self._connection is None:
            return
        if self.stands():
            self.close()
        elif self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def close(self) -> None:
        connection, self._connection, self._standing = self._connection, None, None
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        """Under the lock. The old connection is closed once everything that it holds is in the new file."""
        gone, standing = self._connection, self._standing
        if gone is not None and standing is not None:
            if gone.in_transaction:
                gone.execute("ROLLBACK")
            if standing.has_its_database():
                put_copy(gone, self._path)
                self._report("store.log_gone", file=str(self._path), done=_COPIED)
            standing.remove_own_log()
        connection, standing = self._opened()
        try:
            judgement = self._trust(connection)
            if gone is not None and judgement is not Judgement.RESTORED:
                self._take_over(gone, connection)
            elif judgement is Judgement.FRESH:
                self._report("store.file_gone", file=str(self._path), done=_NOTHING_LEFT)
        except BaseException:
            connection.close()
            raise
        self.close()
        self._connection, self._standing = connection, standing
        return connection

    def _opened(self) -> tuple[sqlite3.Connection, Standing]:
        before = inode_of(self._path)
        if before is None:
            self._make_room()
        elif not stat.S_ISREG(self._path.stat().st_mode):
            raise StoreUnavailable(f"the store's file {self._path} is not a file")
        frames = committed_frames(self._path) if before is not None and not self._history.store_id else None
        connection = open_database(self._path, self._busy_seconds)
        standing = Standing(self._path)
        if before is not None and before != standing.inodes[1]:
            connection.close()
            raise StoreUnavailable(f"the store's file {self._path} was replaced while it was opened")
        if frames is not None and (lost := lost_transactions(connection, self._path, frames)):
            self._report("store.log_damaged", file=str(self._path), transactions=lost, **LOST)
        return connection, standing

    def _make_room(self) -> None:
        """There is no file. Raises `StoreUnavailable`."""
        if self._path.is_symlink():
            raise StoreUnavailable(f"the store's file {self._path} is a link that leads nowhere")
        remove_log(self._path)  # of a database that is gone

    def _trust(self, connection: sqlite3.Connection) -> Judgement:
        """Go on with the file in place, or raise `StoreUnavailable`."""
        facts = read_facts(connection)
        judgement = self._history.judge(facts)
        if judgement is Judgement.RESTORED:
            if self._must_be_trusted:
                self._doubt(connection, facts.marks.all_ended_at)
            return judgement
        if judgement is Judgement.ENDED:
            ours = {self._history.store_id, *self._history.former_ids} - {facts.store_id}
            connection.execute("BEGIN IMMEDIATE")
            name_predecessors(connection, ours)
            connection.execute("COMMIT")
        self._history.take(facts, judgement)
        return judgement

    def _doubt(self, connection: sqlite3.Connection, judged_at: float) -> None:
        """`judged_at`: when all sessions had been ended last, as far as was known when this was decided."""
        reason = f"the store's file {self._path} is an older copy or another store's: {REMEDY}"
        if not self._history.doubt:
            self._report("store.restored", file=str(self._path), meaning=_MEANING, remedy=REMEDY)
            self._history.doubt = reason
        with suppress(sqlite3.Error):  # then each process finds out by itself
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            doubt_file(connection, unless_ended_after=judged_at)
        raise StoreUnavailable(reason)

    def _take_over(self, gone: sqlite3.Connection, connection: sqlite3.Connection) -> None:
        gone.execute("BEGIN")
        connection.execute("BEGIN IMMEDIATE")
        try:
            count = take_over(gone, connection)
            connection.execute("COMMIT")
        finally:
            gone.execute("ROLLBACK")
        if count is not None:
            self._report("store.file_gone", file=str(self._path), sessions=count, done=_DONE)
        self._history.take(read_facts(connection), Judgement.SAME)


_MEANING = "sessions that have ended may be live in it: nobody is served from it"
_DONE = "the new file got everything that the lost one held"
_COPIED = "the database was rewritten with everything from its log, which is no longer beside it"
_NOTHING_LEFT = "the new file is used; nothing of the lost one could be read"
