"""The embedded store: one SQLite file in WAL mode, one thread that writes and one that reads.

What the contract calls durable is synced to the disk before it is acknowledged; the rest survives a crash of
the process but perhaps not of the machine. Several processes may share the file: every transaction that writes
begins with the write lock, so nothing that was judged in it can have changed.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from config.settings import SessionSettings
from proxy.delivery.failures import DeliveryFailure
from proxy.delivery.sending import Sending
from proxy.factors.challenge import Challenge
from proxy.factors.challenge_store import AttemptResult
from proxy.factors.passcode.arrival_times import Arrival
from proxy.factors.passcode.known_numbers import REMEMBERED_SECONDS, KnownNumber
from proxy.sessions.session import Session
from proxy.sessions.ticket import Ticket
from proxy.store.history import History, Report
from proxy.store.listeners import StoreListeners
from proxy.store.sqlite import arrivals, challenges, failures, kept_requests, leases, persons, sendings, sessions
from proxy.store.sqlite.marks import mark_all_ended
from proxy.store.sqlite.news import SQLiteNews
from proxy.store.sqlite.notices import PersonList, delete_old, select_newest
from proxy.store.sqlite.sessions import Named
from proxy.store.sqlite.threads import ReadingThread, WritingThread
from proxy.throttle.counter_store import Count, Counter, Reached

_TRIED_BYTES = 16_384
"""Written to see whether it can be: as many pages as a sign-in fills at the most."""
_REMOVED_AT_ONCE = 100
"""Expired sessions per transaction: other writers wait for some ten milliseconds at the most."""


class SQLiteStore:
    """A `Store` in one file. It is opened at the first call, so that Gatepost starts whatever the disk says."""

    def __init__(
        self, path: Path, *, clock: Callable[[], float] = time.time, report: Report = lambda event, **_: None
    ) -> None:
        """`report(event, **fields)` is called, on any thread, for what the operator should read in the log."""
        self._path = path
        self._clock = clock
        history = History()
        self._writing = WritingThread(path, "store-writing", history, report)
        self._reading = ReadingThread(path, "store-reading", history, report)
        self._persons = PersonList()
        self._listeners = StoreListeners()
        self._news = SQLiteNews(path, self._listeners, history, report, clock=clock)
        self.on_session_end = self._listeners.on_session_end
        self.on_session_change = self._listeners.on_session_change
        self.on_gap = self._listeners.on_gap

    # Sessions.
    async def create_session(self, session: Session, *, cookie: bytes, host: str) -> None:
        def insert(connection: sqlite3.Connection) -> None:
            sessions.insert_session(connection, session, cookie, host)
            self._news.write(connection, "created", [(session.session_id, session.principal.guid)])

        await self._writing.run(insert, durable=True)

    async def replace_session(self, old_session_id: str, session: Session, *, cookie: bytes, host: str) -> bool:
        def replace(connection: sqlite3.Connection) -> list[Named]:
            now = self._clock()
            ended = sessions.replace_session(connection, old_session_id, session, cookie, host, now)
            if ended:
                self._news.write(connection, "created", [(session.session_id, session.principal.guid)])
            return ended

        return bool(await self._end(replace))

    async def session_by_cookie(self, cookie: bytes, host: str) -> Session | None:
        await self._news.begin()
        return await self._reading.run(lambda connection: sessions.select_by_cookie(connection, cookie, host))

    async def add_cookie(self, session_id: str, *, cookie: bytes, host: str) -> Session | None:
        return await self._writing.run(
            lambda connection: sessions.insert_cookie(connection, session_id, cookie, host), durable=True
        )

    async def update_principal(self, session: Session) -> None:
        def update(connection: sqlite3.Connection) -> int | None:
            if not sessions.update_principal(connection, session):
                return None
            return self._news.write(connection, "changed", [(session.session_id, session.principal.guid)])

        number = await self._writing.run(update)
        if number is not None:
            self._news.call(number)

    async def touch_sessions(self, used: Iterable[tuple[str, float]]) -> None:
        batch = list(used)
        await self._writing.run(lambda connection: sessions.touch(connection, batch))

    async def count_flush(self, worker: str) -> dict[str, int]:
        return await self._writing.run(lambda connection: leases.count_flush(connection, worker))

    async def forget_workers(self, workers: Sequence[str]) -> None:
        names = [(worker,) for worker in workers]
        await self._writing.run(
            lambda connection: connection.executemany("DELETE FROM flushes WHERE worker = ?", names).rowcount
        )

    async def sessions_by_id(self, session_ids: Sequence[str]) -> dict[str, Session]:
        await self._news.begin()
        batch = list(session_ids)
        return await self._reading.run(lambda connection: sessions.select_by_id(connection, batch))

    async def end_session(self, session_id: str) -> bool:
        ended = await self._end(lambda connection: sessions.delete_session(connection, session_id, self._clock()))
        if not ended:
            await self.ends_heard()
        return bool(ended)

    async def end_sessions_of(self, guid: str) -> int:
        ended = await self._end(
            lambda connection: sessions.delete_sessions_of(connection, guid, self._clock()),
        )
        if not ended:
            await self.ends_heard()
        return len(ended)

    async def end_all_sessions(self) -> int:
        def delete_some(connection: sqlite3.Connection) -> list[Named]:
            return sessions.delete_oldest(connection, _REMOVED_AT_ONCE, self._clock())

        def delete_the_rest(connection: sqlite3.Connection) -> list[Named]:
            ended = sessions.delete_oldest(connection, -1, self._clock())
            mark_all_ended(connection, self._clock())
            return ended

        count = 0
        while ended := await self._end(delete_some, is_urgent=False, any_file=True):
            count += len(ended)
        count += len(await self._end(delete_the_rest, any_file=True))
        await self._news.tell(await self._reading.run(select_newest, any_file=True))
        return count

    async def ends_heard(self) -> None:
        await self._news.tell(await self._reading.run(select_newest))

    async def _end(
        self, delete: Callable[[sqlite3.Connection], list[Named]], *, is_urgent: bool = True, any_file: bool = False
    ) -> list[Named]:
        """Listeners here hear of it after the commit, those of other processes right after; then it is acknowledged."""

        def delete_and_tell(connection: sqlite3.Connection) -> tuple[list[Named], int]:
            ended = delete(connection)
            return ended, self._news.write(connection, "ended", ended) if ended else 0

        ended, number = await self._writing.run(
            delete_and_tell,
            durable=is_urgent,
            any_file=any_file,
            after=lambda result: self._listeners.tell_ended(session_id for session_id, _ in result[0]),
        )
        if ended and is_urgent:
            await self._news.tell(number)
        return ended

    async def sessions(self, guid: str | None = None) -> list[Session]:
        return await self._reading.run(lambda connection: sessions.select_sessions(connection, guid))

    async def persons(self) -> dict[str, float]:
        return await self._reading.run(self._persons.read)

    async def hosts_of(self, session_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        batch = list(session_ids)
        return await self._reading.run(lambda connection: sessions.select_hosts(connection, batch))

    async def former_owner(self, cookie: bytes, host: str, *, now: float) -> str | None:
        return await self._reading.run(lambda connection: sessions.select_owner(connection, cookie, host, now))

    async def catch_up(self) -> None:
        await self._news.catch_up()

    # Challenges.
    async def put_challenge(self, challenge: Challenge, *, newest: str | None = None) -> bool:
        return await self._writing.run(lambda connection: challenges.insert_challenge(connection, challenge, newest))

    async def challenge(self, challenge_id: str, *, session_id: str, now: float) -> Challenge | None:
        return await self._reading.run(
            lambda connection: challenges.select_challenge(connection, challenge_id, session_id, now)
        )

    async def challenge_of_session(self, session_id: str, *, now: float) -> Challenge | None:
        return await self._reading.run(
            lambda connection: challenges.select_newest_challenge(connection, session_id, now)
        )

    async def answer_challenge(self, challenge_id: str, *, session_id: str, digest: bytes, now: float) -> AttemptResult:
        return await self._writing.run(
            lambda connection: challenges.answer_challenge(connection, challenge_id, session_id, digest, now),
            durable=True,
        )

    async def mark_sent(self, challenge_id: str, *, now: float, not_before: float) -> bool:
        return await self._writing.run(
            lambda connection: challenges.mark_sent(connection, challenge_id, now, not_before)
        )

    # Messages.
    async def put_sending(self, sending: Sending) -> None:
        await self._writing.run(lambda connection: sendings.replace_sending(connection, sending))

    async def sending(self, message_id: str, *, now: float) -> Sending | None:
        return await self._reading.run(lambda connection: sendings.select_sending(connection, message_id, now))

    async def sendings_of(self, challenge_id: str, *, now: float) -> tuple[Sending, ...]:
        return await self._reading.run(lambda connection: sendings.select_sendings(connection, challenge_id, now))

    async def put_arrival(self, channel: str, arrival: Arrival) -> None:
        await self._writing.run(lambda connection: arrivals.insert_arrival(connection, channel, arrival))

    async def arrivals(self, channel: str) -> tuple[Arrival, ...]:
        return await self._reading.run(lambda connection: arrivals.select_arrivals(connection, channel))

    async def put_failure(self, failure: DeliveryFailure) -> None:
        await self._writing.run(lambda connection: failures.insert_failure(connection, failure), durable=True)

    async def failures(self, *, since: float) -> tuple[DeliveryFailure, ...]:
        return await self._reading.run(lambda connection: failures.select_failures(connection, since))

    # Tickets.
    async def put_ticket(self, ticket_digest: bytes, ticket: Ticket) -> None:
        await self._writing.run(lambda connection: challenges.insert_ticket(connection, ticket_digest, ticket))

    async def take_ticket(self, ticket_digest: bytes, *, now: float) -> Ticket | None:
        return await self._writing.run(
            lambda connection: challenges.delete_ticket(connection, ticket_digest, now), durable=True
        )

    # Kept requests.
    async def put_kept_request(self, digest: bytes, sealed: bytes, *, expires_at: float) -> None:
        await self._writing.run(
            lambda connection: kept_requests.insert_kept_request(connection, digest, sealed, expires_at)
        )

    async def kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        return await self._reading.run(lambda connection: kept_requests.select_kept_request(connection, digest, now))

    async def take_kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        return await self._writing.run(
            lambda connection: kept_requests.delete_kept_request(connection, digest, now), durable=True
        )

    # Counters.
    async def add(self, key: bytes, *, now: float, window_seconds: float) -> Count:
        return await self._writing.run(
            lambda connection: challenges.add_count(connection, key, now, window_seconds), durable=True
        )

    async def read(self, key: bytes, *, now: float) -> Count | None:
        return await self._reading.run(lambda connection: challenges.select_count(connection, key, now))

    async def give_back(self, key: bytes, amount: int = 1, *, now: float) -> None:
        await self._writing.run(lambda connection: challenges.give_back(connection, key, amount, now), durable=True)

    async def reserve(self, counters: Sequence[Counter], *, now: float) -> Reached | None:
        return await self._writing.run(lambda connection: challenges.reserve(connection, counters, now), durable=True)

    async def reset_count(self, key: bytes) -> None:
        await self._writing.run(
            lambda connection: connection.execute("DELETE FROM counters WHERE key = ?", (key,)).rowcount, durable=True
        )

    # What is remembered of persons.
    async def add_familiar(self, person: bytes, address: bytes, *, now: float, expires_at: float, most: int) -> None:
        await self._writing.run(
            lambda connection: persons.insert_familiar(connection, person, address, now, expires_at, most)
        )

    async def is_familiar(self, person: bytes, address: bytes, *, now: float) -> bool:
        return await self._reading.run(lambda connection: persons.select_familiar(connection, person, address, now))

    async def put_known_number(self, guid: str, known: KnownNumber) -> None:
        await self._writing.run(lambda connection: persons.replace_known_number(connection, guid, known), durable=True)

    async def known_number(self, guid: str) -> KnownNumber | None:
        return await self._reading.run(lambda connection: persons.select_known_number(connection, guid))

    async def first_seen(self, digest: bytes, *, now: float, see: bool) -> float | None:
        found = await self.read(digest, now=now)
        if found is None and see:
            found = await self.add(digest, now=now, window_seconds=REMEMBERED_SECONDS)
        return None if found is None else found.window_ends_at - REMEMBERED_SECONDS

    # Leases.
    async def take_lease(self, name: str, holder: str, *, now: float, seconds: float) -> bool:
        return await self._writing.run(lambda connection: leases.take_lease(connection, name, holder, now, seconds))

    async def drop_lease(self, name: str, holder: str) -> None:
        await self._writing.run(lambda connection: leases.drop_lease(connection, name, holder))

    # The house.
    async def remove_expired(self, *, now: float, idle_seconds: float, absolute_seconds: float) -> int:
        limits = SessionSettings.model_construct(idle=idle_seconds, absolute=absolute_seconds)
        await self._writing.run(lambda connection: self._count_from(connection, now))
        over = await self._reading.run(lambda connection: sessions.select_over(connection, limits, now))
        removed = 0
        for start in range(0, len(over), _REMOVED_AT_ONCE):
            part = over[start : start + _REMOVED_AT_ONCE]
            ended = await self._end(
                lambda connection, part=part: sessions.delete_unused_since(  # type: ignore[misc]
                    connection, part, self._clock()
                ),
                is_urgent=False,  # whoever keeps one knows its limits
            )
            removed += len(ended)
        await self._writing.run(lambda connection: delete_old(connection, self._clock()))
        removed += await self._writing.run(lambda connection: challenges.delete_expired(connection, now))
        removed += await self._writing.run(lambda connection: kept_requests.delete_expired(connection, now))
        removed += await self._writing.run(lambda connection: sendings.delete_expired(connection, now))
        removed += await self._writing.run(lambda connection: arrivals.delete_expired(connection, now))
        await self._writing.run(lambda connection: failures.delete_old(connection, now))
        return removed + await self._writing.run(lambda connection: persons.delete_expired(connection, now))

    def _count_from(self, connection: sqlite3.Connection, now: float) -> None:
        if counted := sessions.count_from(connection, now):
            self._news.write(connection, "created", counted)  # when a person's newest session was created

    async def server_time(self) -> float | None:
        return None

    async def ping(self) -> None:
        await self._reading.run(lambda connection: connection.execute("SELECT 1 FROM sessions LIMIT 1").fetchall())
        await self._writing.run(try_to_write, durable=True)

    async def close(self) -> None:
        await self._news.close()
        await self._writing.close()
        await self._reading.close()


def try_to_write(connection: sqlite3.Connection) -> None:
    """As much as a sign-in does."""
    connection.execute("UPDATE store_file SET tried = randomblob(?)", (_TRIED_BYTES,))
