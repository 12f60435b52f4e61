"""The embedded store: one SQLite file in WAL mode, one thread that writes and one that reads.

"Durable" means synced to the disk before it is acknowledged. Everything else survives a crash of the process, but
perhaps not of the machine. Several processes may share the file: every transaction that writes begins with the write
lock, so nothing that was judged in it can have changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from proxy.sessions.session_store import WatchedSessions
from proxy.store.history import History, Report
from proxy.store.sqlite.canaries import SQLiteCanaries
from proxy.store.sqlite.challenges import SQLiteChallenges
from proxy.store.sqlite.counters import SQLiteCounters
from proxy.store.sqlite.credentials import SQLiteCredentials
from proxy.store.sqlite.database import SQLiteDatabase
from proxy.store.sqlite.decisions import SQLiteDecisions
from proxy.store.sqlite.enrolments import SQLiteEnrolments
from proxy.store.sqlite.kept_records import SQLiteKeptRecords
from proxy.store.sqlite.news import SQLiteNews
from proxy.store.sqlite.operator_notices import SQLiteOperatorNotices
from proxy.store.sqlite.passes import SQLitePasses
from proxy.store.sqlite.person_keys import SQLitePersonKeys
from proxy.store.sqlite.remembered import SQLiteRememberedBrowsers
from proxy.store.sqlite.reported import SQLiteReportedNumbers, SQLiteReportedSignIns
from proxy.store.sqlite.rungs import SQLiteRungs
from proxy.store.sqlite.sessions import SQLiteSessions
from proxy.store.sqlite.threads import SQLiteLimits


class SQLiteStore:
    """A `Store` in one file. It is opened at the first call, so that Gatepost starts even if the disk fails."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.time,
        report: Report = lambda event, **_: None,
        limits: SQLiteLimits | None = None,
    ) -> None:
        """`report(event, **fields)` is called, on any thread, for what the operator should read in the log."""
        history, limits = History(), limits or SQLiteLimits()
        self.database = database = SQLiteDatabase(path, history, report, limits)
        self.news = SQLiteNews(path, history, report, limits, clock=clock)
        self.challenges = SQLiteChallenges(database)
        self.enrolments = SQLiteEnrolments(database)
        self.counters = SQLiteCounters(database)
        self.reported = SQLiteReportedSignIns(database)
        self.reported_numbers = self.sweeps = SQLiteReportedNumbers(database)
        self.browsers = SQLiteRememberedBrowsers(database)
        self.passes = SQLitePasses(database)
        self.credentials = SQLiteCredentials(database)
        self.operator_notices = SQLiteOperatorNotices(database)
        self.person_keys = SQLitePersonKeys(database)
        self.canaries = SQLiteCanaries(database)
        self.decisions = SQLiteDecisions(database)
        self.rungs = SQLiteRungs(database)
        kept = SQLiteKeptRecords(database, self.counters)
        self.tickets = self.kept_requests = self.numbers = self.arrivals = self.deliveries = self.leases = kept
        self.network_accesses = kept
        self.sessions: WatchedSessions = SQLiteSessions(database, self.news, clock=clock)
        self.ping = database.ping

    def waiting(self) -> Mapping[str, int]:
        """How many jobs wait for each thread."""
        return {"reading": self.database.reading.waiting, "writing": self.database.writing.waiting}

    async def remarks(self) -> tuple[str, ...]:
        """None: nothing about a file's settings puts sessions at risk."""
        return ()

    async def close(self) -> None:
        await self.news.close()
        await self.database.close()
