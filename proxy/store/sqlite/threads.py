"""Threads that own a SQLite connection each, so that the event loop never waits for a disk.

Jobs run in the order in which they came. All writes that wait at one moment share one transaction and one `fsync` (a
group commit). A write that fails is undone alone. Nothing is acknowledged before its commit, nor if its file is no
longer at the path after the commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar, TypeVarTuple, Unpack

from config.system_errors import file_reason
from proxy.operations.store_errors import StoreUnavailable
from proxy.sessions.session_store import NOTICE_SECONDS
from proxy.store.history import History, Report
from proxy.store.sqlite.marks import read_marks
from proxy.store.sqlite.owner import in_the_way
from proxy.store.sqlite.store_file import StoreFile

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MOST_IN_A_GROUP = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SQLiteLimits:
    """How long, and how much, is waited for."""

    deadline_seconds: float = 10.0
    """After this a caller is told that the store is unavailable, even if the disk hangs."""
    busy_seconds: float = 5.0
    """How long a transaction waits for another process that is writing."""
    most_waiting: int = 4096
    """How many jobs may wait; a further one is refused at once, so that they do not pile up."""
    notice_seconds: float = NOTICE_SECONDS


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[..., Any]
    arguments: tuple[Any, ...]
    after: Callable[[Any], None] | None
    durable: bool
    any_file: bool
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def is_given_up(self) -> bool:
        """A caller that stopped waiting was told "unavailable" or is gone: its job is not started any more."""
        if not self.future.done():
            return False
        self.error = StoreUnavailable("nobody waits for this any more")
        return True

    def complete(self) -> None:
        """On the event loop: tell first what changed, then let the caller go on (it may be gone by now)."""
        if self.error is None and self.after is not None:
            self.after(self.result)
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class DatabaseThread:
    """One connection and the thread that owns it. The file is opened at the first job, and again after an error.

    And whenever another one stands at the path.
    """

    def __init__(self, path: Path, name: str, history: History, report: Report, limits: SQLiteLimits) -> None:
        self.limits = limits
        self._name = name
        self._history = history
        self._file = StoreFile(path, history, report, limits.busy_seconds)
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many jobs the thread has not begun."""
        return self._jobs.qsize()

    async def run(
        self,
        work: Callable[[sqlite3.Connection, Unpack[Ts]], T],
        *arguments: *Ts,
        durable: bool = False,
        after: Callable[[T], None] | None = None,
        any_file: bool = False,
    ) -> T:
        """`work(connection, *arguments)` on the thread. Raises `StoreUnavailable`.

        `after(result)` is called on the event loop before this returns, and even if the caller was cancelled meanwhile.
        `any_file`: on an older copy too.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._jobs.qsize() >= self.limits.most_waiting:
            raise StoreUnavailable("too many operations are waiting")
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        late = loop.call_later(self.limits.deadline_seconds, self._give_up, future)
        self._jobs.put(_Job(work, arguments, after, durable, any_file, loop, future))
        try:
            result: T = await future
            return result
        finally:
            late.cancel()

    def _give_up(self, future: asyncio.Future[Any]) -> None:
        if not future.done():
            reason = f"no answer from the disk within {self.limits.deadline_seconds:.0f} s"
            future.set_exception(StoreUnavailable(reason))

    async def close(self) -> None:
        """Finish what waits and close the connection."""
        self._closed = True
        if self._thread is None:
            return
        self._jobs.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join, self.limits.deadline_seconds)

    def _serve(self) -> None:
        going_on = True
        while going_on:
            group: list[_Job] = []
            waiting = self._jobs.get()
            while True:
                if waiting is None:
                    going_on = False
                    break
                group.append(waiting)
                if len(group) >= MOST_IN_A_GROUP:
                    break
                try:
                    waiting = self._jobs.get_nowait()
                except Empty:
                    break
            if group:
                self._answer(group)
        self._file.close()

    def _answer(self, group: list[_Job]) -> None:
        try:
            # One job that needs a trusted file makes the whole group need it.
            connection = self._file.connection(must_be_trusted=not all(job.any_file for job in group))
            self._perform(connection, group)
        except Exception as exc:  # noqa: BLE001  # the border of a background task: every caller gets the error
            self._file.failed()
            error = unavailable(exc, self._file.path)
            for job in group:
                job.error = job.error or error
        for loop in {job.loop for job in group}:
            try:
                loop.call_soon_threadsafe(_complete, [job for job in group if job.loop is loop])
            except RuntimeError:  # the loop is closed: nobody waits for the answers
                continue

    def _perform(self, connection: sqlite3.Connection, group: list[_Job]) -> None:
        """Run each job and set its result or error; an exception fails them all."""
        raise NotImplementedError


class ReadingThread(DatabaseThread):
    """Each job sees what was committed when it began."""

    def check_marks(self, connection: sqlite3.Connection) -> None:
        """For a job, before it reads what it will be answered with: see `StoreFile.check_marks`."""
        known = self._history.known
        marks = read_marks(connection)
        self._file.check_marks(known, marks)
        self._history.note(marks)

    def _perform(self, connection: sqlite3.Connection, group: list[_Job]) -> None:
        for job in group:
            if job.is_given_up():
                continue
            try:
                job.result = job.work(connection, *job.arguments)
            except (sqlite3.Error, OSError):
                raise
            except Exception as exc:  # noqa: BLE001  # the border of a background task: this caller gets the error
                job.error = exc


class WritingThread(DatabaseThread):
    """Jobs of one group share one transaction; it is synced to the disk if one of them is durable."""

    _synchronous: tuple[sqlite3.Connection | None, str] = (None, "")

    def _perform(self, connection: sqlite3.Connection, group: list[_Job]) -> None:
        self._synchronise(connection, "FULL" if any(job.durable for job in group) else "NORMAL")
        # Before the transaction: what others commit from here on can only add to it.
        known = self._history.known
        connection.execute("BEGIN IMMEDIATE")
        is_alone = len(group) == 1  # then the transaction is its own, and nothing is left of it if it fails
        for job in group:
            if job.is_given_up():
                continue
            if not is_alone:
                connection.execute("SAVEPOINT job")
            try:
                job.result = job.work(connection, *job.arguments)
            except Exception as exc:  # the border of a background task: this caller gets the error
                # A full disk or a broken file undoes the whole transaction: then nothing may be acknowledged.
                if isinstance(exc, OSError) or not connection.in_transaction:
                    raise
                job.error = unavailable(exc)
                if is_alone:
                    connection.execute("ROLLBACK")
                    return
                connection.execute("ROLLBACK TO job")
            if not is_alone:
                connection.execute("RELEASE job")
        # Still inside the transaction, so this is what the commit is about to keep.
        marks = read_marks(connection)
        self._file.check_marks(known, marks)
        connection.execute("COMMIT")
        if not self._file.stands():
            raise StoreUnavailable("the store's file was removed or replaced while it was written to")
        self._history.note(marks)

    def _synchronise(self, connection: sqlite3.Connection, mode: str) -> None:
        if self._synchronous != (connection, mode):
            connection.execute(f"PRAGMA synchronous = {mode}")
            self._synchronous = connection, mode


def unavailable(error: Exception, path: Path | None = None) -> Exception:
    """What a caller is told: `StoreUnavailable` for all that files and SQLite raise, and bugs as they are.

    SQLite does not say which of the files beside `path` it may not use, nor why.
    """
    if isinstance(error, sqlite3.Error):
        name = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
        reason = in_the_way(path) if path is not None else None
        translated: Exception = StoreUnavailable(reason or f"SQLite: {name}: {error}")
    elif isinstance(error, OSError):
        where = Path(error.filename) if error.filename else Path("its folder")
        translated = StoreUnavailable(f"{where}: {file_reason(where, error)}")
    else:
        return error
    translated.__cause__ = error
    return translated


def _complete(jobs: list[_Job]) -> None:
    for job in jobs:
        job.complete()
