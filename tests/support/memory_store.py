"""A `Store` in a few dictionaries, for tests of what stands on one. It keeps the contract but for durability."""

from __future__ import annotations

import hmac
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from config.settings import SessionSettings
from proxy.delivery.failures import MOST_REMEMBERED, DeliveryFailure
from proxy.delivery.failures import REMEMBERED_SECONDS as FAILURE_REMEMBERED_SECONDS
from proxy.delivery.sending import Sending
from proxy.factors.challenge import Challenge
from proxy.factors.challenge_store import Attempt, AttemptResult
from proxy.factors.passcode.arrival_times import KEPT_SECONDS as ARRIVALS_KEPT_SECONDS
from proxy.factors.passcode.arrival_times import MOST_KEPT as MOST_ARRIVALS
from proxy.factors.passcode.arrival_times import Arrival
from proxy.factors.passcode.known_numbers import REMEMBERED_SECONDS, KnownNumber
from proxy.operations.steady_clock import SKEW_SECONDS
from proxy.operations.store_errors import StoreUnavailable
from proxy.sessions.session import Level, Session
from proxy.sessions.session_store import FORMER_SECONDS
from proxy.sessions.ticket import Ticket
from proxy.store.listeners import StoreListeners
from proxy.throttle.counter_store import Count, Counter, Reached

_READING = {
    "session_by_cookie",
    "sessions_by_id",
    "sessions",
    "persons",
    "hosts_of",
    "former_owner",
    "catch_up",
    "challenge",
    "challenge_of_session",
    "kept_request",
}


class MemoryStore:
    """`away = True` makes every call raise `StoreUnavailable`, `full = True` every one that writes."""

    def __init__(self) -> None:
        self.away = False
        self.full = False
        self.calls: list[str] = []
        self._sessions: dict[str, Session] = {}
        self._cookies: dict[bytes, tuple[str, str]] = {}
        self._challenges: dict[str, Challenge] = {}
        self._tickets: dict[bytes, Ticket] = {}
        self._counters: dict[bytes, Count] = {}
        self._familiar: dict[bytes, dict[bytes, float]] = {}
        self._known_numbers: dict[str, KnownNumber] = {}
        self._former: dict[tuple[bytes, str], tuple[str, float]] = {}
        self._kept_requests: dict[bytes, tuple[bytes, float]] = {}
        self._sendings: dict[str, Sending] = {}
        self._flushes: dict[str, int] = {}
        self._leases: dict[str, tuple[str, float]] = {}
        self._arrivals: dict[str, list[Arrival]] = {}
        self._failures: list[DeliveryFailure] = []
        self.listeners = StoreListeners()
        """Through these a test tells what other workers and nodes did."""
        self.on_session_end = self.listeners.on_session_end
        self.on_session_change = self.listeners.on_session_change
        self.on_gap = self.listeners.on_gap

    def _called(self, method: str) -> None:
        self.calls.append(method)
        if self.away or (self.full and method not in _READING):
            raise StoreUnavailable("away, as the test wants it")

    async def create_session(self, session: Session, *, cookie: bytes, host: str) -> None:
        self._called("create_session")
        self._sessions[session.session_id] = session
        self._cookies[cookie] = (host, session.session_id)

    async def replace_session(self, old_session_id: str, session: Session, *, cookie: bytes, host: str) -> bool:
        self._called("replace_session")
        if old_session_id not in self._sessions:
            return False
        self._end(old_session_id)
        self._sessions[session.session_id] = session
        self._cookies[cookie] = (host, session.session_id)
        return True

    async def session_by_cookie(self, cookie: bytes, host: str) -> Session | None:
        self._called("session_by_cookie")
        bound_to, session_id = self._cookies.get(cookie, ("", ""))
        return self._sessions.get(session_id) if bound_to == host else None

    async def add_cookie(self, session_id: str, *, cookie: bytes, host: str) -> Session | None:
        self._called("add_cookie")
        if session_id in self._sessions:
            self._cookies[cookie] = (host, session_id)
        return self._sessions.get(session_id)

    async def update_principal(self, session: Session) -> None:
        self._called("update_principal")
        stored = self._sessions.get(session.session_id)
        if stored is not None:
            self._sessions[session.session_id] = replace(stored, principal=session.principal)
            self.listeners.tell_changed([session.session_id])

    async def touch_sessions(self, used: Iterable[tuple[str, float]]) -> None:
        self._called("touch_sessions")
        for session_id, last_used_at in used:
            stored = self._sessions.get(session_id)
            if stored is not None and stored.last_used_at < last_used_at:
                self._sessions[session_id] = replace(stored, last_used_at=last_used_at)

    async def count_flush(self, worker: str) -> dict[str, int]:
        self._called("count_flush")
        self._flushes[worker] = self._flushes.get(worker, 0) + 1
        return dict(self._flushes)

    async def forget_workers(self, workers: Sequence[str]) -> None:
        self._called("forget_workers")
        for worker in workers:
            self._flushes.pop(worker, None)

    async def sessions_by_id(self, session_ids: Sequence[str]) -> dict[str, Session]:
        self._called("sessions_by_id")
        return {session_id: self._sessions[session_id] for session_id in session_ids if session_id in self._sessions}

    async def end_session(self, session_id: str) -> bool:
        self._called("end_session")
        return self._end(session_id)

    async def end_sessions_of(self, guid: str) -> int:
        self._called("end_sessions_of")
        return sum(self._end(session.session_id) for session in await self.sessions(guid))

    async def end_all_sessions(self) -> int:
        self._called("end_all_sessions")
        return sum(self._end(session_id) for session_id in list(self._sessions))

    async def ends_heard(self) -> None:
        self._called("ends_heard")

    async def sessions(self, guid: str | None = None) -> list[Session]:
        self._called("sessions")
        found = [session for session in self._sessions.values() if guid is None or session.principal.guid == guid]
        return sorted(found, key=lambda session: session.created_at)

    async def persons(self) -> dict[str, float]:
        self._called("persons")
        return {session.principal.guid: session.created_at for session in await self.sessions()}

    async def hosts_of(self, session_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        self._called("hosts_of")
        hosts = {each: {host for host, of in self._cookies.values() if of == each} for each in session_ids}
        return {each: tuple(sorted(found)) for each, found in hosts.items() if found}

    async def former_owner(self, cookie: bytes, host: str, *, now: float) -> str | None:
        self._called("former_owner")
        bound_to, session_id = self._cookies.get(cookie, ("", ""))
        standing = self._sessions.get(session_id)
        if standing is not None and bound_to == host:
            return standing.principal.guid if standing.level is Level.SIGNED_IN else None
        guid, kept_until = self._former.get((cookie, host), ("", now))
        return guid if now < kept_until else None

    async def catch_up(self) -> None:
        self._called("catch_up")

    def _end(self, session_id: str) -> bool:
        ended = self._sessions.pop(session_id, None)
        if ended is None:
            return False
        if ended.level is Level.SIGNED_IN:
            kept_until = time.time() + FORMER_SECONDS
            hers = [(cookie, host) for cookie, (host, of) in self._cookies.items() if of == session_id]
            self._former |= dict.fromkeys(hers, (ended.principal.guid, kept_until))
        self._cookies = {cookie: bound for cookie, bound in self._cookies.items() if bound[1] != session_id}
        self._challenges = {key: value for key, value in self._challenges.items() if value.session_id != session_id}
        self._tickets = {key: value for key, value in self._tickets.items() if value.session_id != session_id}
        self.listeners.tell_ended([session_id])
        return True

    async def put_challenge(self, challenge: Challenge, *, newest: str | None = None) -> bool:
        self._called("put_challenge")
        found = self._newest_challenge(challenge.session_id, challenge.created_at)
        if challenge.session_id not in self._sessions:
            return False
        if newest is not None and newest != (found.challenge_id if found is not None else ""):
            return False
        self._challenges[challenge.challenge_id] = challenge
        return True

    async def challenge(self, challenge_id: str, *, session_id: str, now: float) -> Challenge | None:
        self._called("challenge")
        return self._live_challenge(challenge_id, session_id, now)

    def _live_challenge(self, challenge_id: str, session_id: str, now: float) -> Challenge | None:
        found = self._challenges.get(challenge_id)
        if found is None or found.session_id != session_id or found.created_at > now + SKEW_SECONDS:
            return None
        return found if now < found.expires_at else None

    async def challenge_of_session(self, session_id: str, *, now: float) -> Challenge | None:
        self._called("challenge_of_session")
        return self._newest_challenge(session_id, now)

    def _newest_challenge(self, session_id: str, now: float) -> Challenge | None:
        live = [key for key in self._challenges if self._live_challenge(key, session_id, now)]
        # The later one of two with the same instant is the newer one.
        return max((self._challenges[key] for key in reversed(live)), key=lambda found: found.created_at, default=None)

    async def answer_challenge(self, challenge_id: str, *, session_id: str, digest: bytes, now: float) -> AttemptResult:
        self._called("answer_challenge")
        found = self._live_challenge(challenge_id, session_id, now)
        if found is None:
            return AttemptResult(Attempt.GONE)
        if hmac.compare_digest(found.digest, digest):
            del self._challenges[challenge_id]
            return AttemptResult(Attempt.ACCEPTED, found.attempts_left)
        if found.attempts_left <= 1:
            del self._challenges[challenge_id]
            return AttemptResult(Attempt.EXHAUSTED)
        self._challenges[challenge_id] = replace(found, attempts_left=found.attempts_left - 1)
        return AttemptResult(Attempt.WRONG, found.attempts_left - 1)

    async def mark_sent(self, challenge_id: str, *, now: float, not_before: float) -> bool:
        self._called("mark_sent")
        found = self._challenges.get(challenge_id)
        if found is None or found.last_sent_at > not_before or now >= found.expires_at:
            return False
        self._challenges[challenge_id] = replace(found, last_sent_at=now)
        return True

    async def put_ticket(self, ticket_digest: bytes, ticket: Ticket) -> None:
        self._called("put_ticket")
        if ticket.session_id in self._sessions:
            self._tickets[ticket_digest] = ticket

    async def take_ticket(self, ticket_digest: bytes, *, now: float) -> Ticket | None:
        self._called("take_ticket")
        ticket = self._tickets.pop(ticket_digest, None)
        return ticket if ticket is not None and now < ticket.expires_at else None

    async def put_sending(self, sending: Sending) -> None:
        self._called("put_sending")
        self._sendings[sending.message_id] = sending

    async def sending(self, message_id: str, *, now: float) -> Sending | None:
        self._called("sending")
        found = self._sendings.get(message_id)
        return found if found is not None and now < found.expires_at else None

    async def sendings_of(self, challenge_id: str, *, now: float) -> tuple[Sending, ...]:
        self._called("sendings_of")
        found = [
            each for each in self._sendings.values() if each.challenge_id == challenge_id and now < each.expires_at
        ]
        return tuple(sorted(found, key=lambda each: each.sent_at))

    async def put_kept_request(self, digest: bytes, sealed: bytes, *, expires_at: float) -> None:
        self._called("put_kept_request")
        self._kept_requests[digest] = (sealed, expires_at)

    async def kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        self._called("kept_request")
        sealed, expires_at = self._kept_requests.get(digest, (b"", now))
        return sealed if now < expires_at else None

    async def take_kept_request(self, digest: bytes, *, now: float) -> bytes | None:
        self._called("take_kept_request")
        sealed, expires_at = self._kept_requests.pop(digest, (b"", now))
        return sealed if now < expires_at else None

    async def add(self, key: bytes, *, now: float, window_seconds: float) -> Count:
        self._called("add")
        return self._add(key, now, window_seconds)

    async def read(self, key: bytes, *, now: float) -> Count | None:
        self._called("read")
        return self._read(key, now)

    async def give_back(self, key: bytes, amount: int = 1, *, now: float) -> None:
        self._called("give_back")
        if (found := self._read(key, now)) is not None:
            self._counters[key] = Count(max(found.value - amount, 0), found.window_ends_at)

    def _read(self, key: bytes, now: float) -> Count | None:
        found = self._counters.get(key)
        return found if found is not None and now < found.window_ends_at else None

    def _add(self, key: bytes, now: float, window_seconds: float) -> Count:
        found = self._read(key, now) or Count(0, now + window_seconds)
        self._counters[key] = Count(found.value + 1, found.window_ends_at)
        return self._counters[key]

    async def reserve(self, counters: Sequence[Counter], *, now: float) -> Reached | None:
        self._called("reserve")
        for index, counter in enumerate(counters):
            count = self._read(counter.key, now) or Count(0, now + counter.window_seconds)
            if count.value >= counter.limit:
                return Reached(index, count.window_ends_at)
        for counter in counters:
            count = self._add(counter.key, now, counter.window_seconds)
            if counter.is_sliding:
                ends_at = max(count.window_ends_at, now + counter.window_seconds)
                self._counters[counter.key] = Count(count.value, ends_at)
        return None

    async def reset_count(self, key: bytes) -> None:
        self._called("reset_count")
        self._counters.pop(key, None)

    async def add_familiar(self, person: bytes, address: bytes, *, now: float, expires_at: float, most: int) -> None:
        self._called("add_familiar")
        addresses = {**self._familiar.get(person, {}), address: expires_at}
        latest = sorted(addresses.items(), key=lambda item: item[1], reverse=True)
        self._familiar[person] = dict(latest[:most])

    async def is_familiar(self, person: bytes, address: bytes, *, now: float) -> bool:
        self._called("is_familiar")
        return self._familiar.get(person, {}).get(address, now) > now

    async def put_known_number(self, guid: str, known: KnownNumber) -> None:
        self._called("put_known_number")
        self._known_numbers[guid] = known

    async def known_number(self, guid: str) -> KnownNumber | None:
        self._called("known_number")
        return self._known_numbers.get(guid)

    async def first_seen(self, digest: bytes, *, now: float, see: bool) -> float | None:
        found = await self.read(digest, now=now)
        if found is None and see:
            found = await self.add(digest, now=now, window_seconds=REMEMBERED_SECONDS)
        return None if found is None else found.window_ends_at - REMEMBERED_SECONDS

    async def put_arrival(self, channel: str, arrival: Arrival) -> None:
        self._called("put_arrival")
        self._arrivals.setdefault(channel, []).append(arrival)
        del self._arrivals[channel][:-MOST_ARRIVALS]

    async def arrivals(self, channel: str) -> tuple[Arrival, ...]:
        self._called("arrivals")
        return tuple(self._arrivals.get(channel, ()))

    async def put_failure(self, failure: DeliveryFailure) -> None:
        self._called("put_failure")
        over = failure.failed_at - FAILURE_REMEMBERED_SECONDS
        kept = [each for each in self._failures if each.failed_at > over and each.message_id != failure.message_id]
        self._failures = sorted((*kept, failure), key=lambda each: each.failed_at)[-MOST_REMEMBERED:]

    async def failures(self, *, since: float) -> tuple[DeliveryFailure, ...]:
        self._called("failures")
        return tuple(each for each in reversed(self._failures) if each.failed_at > since)

    async def take_lease(self, name: str, holder: str, *, now: float, seconds: float) -> bool:
        self._called("take_lease")
        held_by, ends_at = self._leases.get(name, (holder, now))
        if held_by != holder and now < ends_at:
            return False
        self._leases[name] = (holder, now + seconds)
        return True

    async def drop_lease(self, name: str, holder: str) -> None:
        self._called("drop_lease")
        if self._leases.get(name, ("", 0.0))[0] == holder:
            del self._leases[name]

    def _forget_persons(self, now: float) -> int:
        before = sum(map(len, self._familiar.values())) + len(self._known_numbers)
        self._familiar = {
            person: {address: ends for address, ends in addresses.items() if ends > now}
            for person, addresses in self._familiar.items()
        }
        self._known_numbers = {
            guid: known for guid, known in self._known_numbers.items() if known.used_at > now - REMEMBERED_SECONDS
        }
        return before - sum(map(len, self._familiar.values())) - len(self._known_numbers)

    async def remove_expired(self, *, now: float, idle_seconds: float, absolute_seconds: float) -> int:
        self._called("remove_expired")
        limits = SessionSettings.model_construct(idle=idle_seconds, absolute=absolute_seconds)
        self._sessions = {key: value.counted_from(now) for key, value in self._sessions.items()}
        over = [session.session_id for session in self._sessions.values() if session.is_over(limits, now)]
        for session_id in over:
            self._end(session_id)
        forgotten = [key for key, value in self._sendings.items() if now >= value.expires_at]
        for key in forgotten:
            del self._sendings[key]
        self._arrivals = {
            channel: kept
            for channel, kept in self._arrivals.items()
            if any(each.at > now - ARRIVALS_KEPT_SECONDS for each in kept)
        }
        before = len(self._challenges) + len(self._tickets) + len(self._counters) + len(self._kept_requests)
        self._kept_requests = {key: value for key, value in self._kept_requests.items() if now < value[1]}
        self._challenges = {key: value for key, value in self._challenges.items() if now < value.expires_at}
        self._tickets = {key: value for key, value in self._tickets.items() if now < value.expires_at}
        self._counters = {key: value for key, value in self._counters.items() if now < value.window_ends_at}
        left = len(self._challenges) + len(self._tickets) + len(self._counters) + len(self._kept_requests)
        return len(over) + len(forgotten) + before - left + self._forget_persons(now)

    async def server_time(self) -> float | None:
        return None

    async def ping(self) -> None:
        self._called("ping")

    async def close(self) -> None:
        self.calls.append("close")
