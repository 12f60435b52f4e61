"""A `Store` in a few dictionaries, for tests of what stands on one. It keeps the contract but for durability."""

from __future__ import annotations

import hmac
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace

from config.factors import Factor
from proxy.audit.person_keys import PersonKey
from proxy.canary.canary_message import CanaryRecord
from proxy.degrade.rung import BegunRung
from proxy.delivery.delivery_store import MOST_LISTED, MOST_REMEMBERED, DeliveryFailure, Sending
from proxy.delivery.delivery_store import REMEMBERED_SECONDS as FAILURE_REMEMBERED_SECONDS
from proxy.factors.challenge import Attempt, AttemptResult, Challenge
from proxy.factors.enrolment import Enrolment
from proxy.factors.passcode.arrival_times import KEPT_SECONDS as ARRIVALS_KEPT_SECONDS
from proxy.factors.passcode.arrival_times import MOST_KEPT as MOST_ARRIVALS
from proxy.factors.passcode.arrival_times import PasscodeArrival
from proxy.factors.passcode.known_numbers import REMEMBERED_SECONDS, KnownNumber
from proxy.factors.passes.given_pass import Approver, GivenPass
from proxy.factors.passes.vouch import VouchAnswer, VouchRequest
from proxy.factors.remembered.browser import RememberedBrowser
from proxy.factors.remembered.browser_store import CHANGE_SECONDS, UsedValue, ValueUse
from proxy.help_desk.number_sweeps import SweepCount
from proxy.operations.notice_board import OperatorNotice
from proxy.operations.steady_clock import SKEW_SECONDS
from proxy.operations.store_errors import StoreUnavailable
from proxy.rehearsal.decisions import SealedDecision
from proxy.sessions.network_access import NetworkAccess
from proxy.sessions.session import Session
from proxy.sessions.ticket_store import Ticket
from proxy.sign_in.credentials import Credential
from proxy.sign_in.not_me import ReportedSignIn
from proxy.sign_in.reported_numbers import ReportedNumber
from proxy.throttle.counter_store import MOST_THROTTLED, Count, Counter, Reached, ThrottledPerson
from proxy.throttle.limits import Limit
from tests.support.memory_sessions import MemorySessions

_READING = {
    "session_by_cookie",
    "sessions_by_id",
    "sessions",
    "newest_sessions",
    "throttled",
    "latest_sendings",
    "persons",
    "hosts_of",
    "former_owner",
    "catch_up",
    "challenge",
    "challenge_of_session",
    "kept_request",
    "enrolments",
    "enrolment_by",
    "guids_with_enrolments",
    "guids_with_browsers",
    "browser",
    "browsers",
    "passes",
    "vouches",
    "credential_by",
    "credentials",
    "reported",
    "reported_numbers",
    "sweeps",
    "decisions",
    "was_rehearsed",
    "is_leased",
    "accesses",
    "notice",
    "person_keys_by_id",
    "person_keys",
    "key_months",
    "canary",
    "rungs",
}


class MemoryChallenges:
    def __init__(self, called: Callable[[str], None], sessions: Mapping[str, Session]) -> None:
        self._called = called
        self._sessions = sessions
        self._challenges: dict[str, Challenge] = {}

    async def put_challenge(self, challenge: Challenge, *, newest: str | None = None) -> bool:
        self._called("put_challenge")
        found = self._newest_challenge(challenge.session_id, challenge.created_at)
        if challenge.session_id not in self._sessions:
            return False
        if newest is not None and newest != (found.challenge_id if found is not None else ""):
            return False
        live = [
            key for key in self._challenges if self._live_challenge(key, challenge.session_id, challenge.created_at)
        ]
        left = min([challenge.attempts_left, *(self._challenges[key].attempts_left for key in live)])
        of_factor = (challenge.session_id, challenge.factor)
        self._challenges = {
            key: each for key, each in self._challenges.items() if (each.session_id, each.factor) != of_factor
        }
        self._challenges[challenge.challenge_id] = replace(challenge, attempts_left=left)
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
        for key, each in list(self._challenges.items()):
            if each.session_id == session_id:
                self._challenges[key] = replace(each, attempts_left=each.attempts_left - 1)
                if each.attempts_left <= 1:
                    del self._challenges[key]
        attempt = Attempt.WRONG if found.attempts_left > 1 else Attempt.EXHAUSTED
        return AttemptResult(attempt, max(0, found.attempts_left - 1))

    async def mark_sent(self, challenge_id: str, *, now: float, not_before: float) -> bool:
        self._called("mark_sent")
        found = self._challenges.get(challenge_id)
        if found is None or found.last_sent_at > not_before or now >= found.expires_at:
            return False
        self._challenges[challenge_id] = replace(found, last_sent_at=now)
        return True

    def forget_session(self, session_id: str) -> None:
        self._challenges = {key: value for key, value in self._challenges.items() if value.session_id != session_id}

    async def remove_expired(self, *, now: float) -> int:
        before = len(self._challenges)
        self._challenges = {key: value for key, value in self._challenges.items() if now < value.expires_at}
        return before - len(self._challenges)


class MemoryTickets:
    def __init__(self, called: Callable[[str], None], sessions: Mapping[str, Session]) -> None:
        self._called = called
        self._sessions = sessions
        self._tickets: dict[bytes, Ticket] = {}

    async def put_ticket(self, ticket_digest: bytes, ticket: Ticket) -> None:
        self._called("put_ticket")
        if ticket.session_id in self._sessions:
            self._tickets[ticket_digest] = ticket

    async def take_ticket(self, ticket_digest: bytes, *, now: float) -> Ticket | None:
        self._called("take_ticket")
        ticket = self._tickets.pop(ticket_digest, None)
        return ticket if ticket is not None and now < ticket.expires_at else None

    def forget_session(self, session_id: str) -> None:
        self._tickets = {key: value for key, value in self._tickets.items() if value.session_id != session_id}

    async def remove_expired(self, *, now: float) -> int:
        before = len(self._tickets)
        self._tickets = {key: value for key, value in self._tickets.items() if now < value.expires_at}
        return before - len(self._tickets)


class MemoryDeliveries:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self._sendings: dict[str, Sending] = {}
        self._failures: list[DeliveryFailure] = []

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

    async def latest_sendings(self, *, now: float) -> tuple[Sending, ...]:
        self._called("latest_sendings")
        found = [each for each in self._sendings.values() if now < each.expires_at]
        return tuple(sorted(found, key=lambda each: each.sent_at, reverse=True)[:MOST_LISTED])

    async def put_failure(self, failure: DeliveryFailure) -> None:
        self._called("put_failure")
        over = failure.failed_at - FAILURE_REMEMBERED_SECONDS
        kept = [each for each in self._failures if each.failed_at > over and each.message_id != failure.message_id]
        self._failures = sorted((*kept, failure), key=lambda each: each.failed_at)[-MOST_REMEMBERED:]

    async def failures(self, *, since: float) -> tuple[DeliveryFailure, ...]:
        self._called("failures")
        return tuple(each for each in reversed(self._failures) if each.failed_at > since)

    async def remove_expired(self, *, now: float) -> int:
        before = len(self._sendings)
        self._sendings = {key: value for key, value in self._sendings.items() if now < value.expires_at}
        return before - len(self._sendings)


class MemoryKeptRequests:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self._kept_requests: dict[bytes, tuple[bytes, float]] = {}

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

    async def remove_expired(self, *, now: float) -> int:
        before = len(self._kept_requests)
        self._kept_requests = {key: value for key, value in self._kept_requests.items() if now < value[1]}
        return before - len(self._kept_requests)


class MemoryCounters:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self.kept: dict[bytes, Count] = {}
        self._familiar: dict[bytes, dict[bytes, float]] = {}
        self._throttled: dict[tuple[str, Limit], ThrottledPerson] = {}

    async def add(self, key: bytes, *, now: float, window_seconds: float) -> Count:
        self._called("add")
        return self._add(key, now, window_seconds)

    async def read(self, key: bytes, *, now: float) -> Count | None:
        self._called("read")
        return self._read(key, now)

    async def give_back(self, key: bytes, amount: int = 1, *, now: float) -> None:
        self._called("give_back")
        if (found := self._read(key, now)) is not None:
            self.kept[key] = Count(max(found.value - amount, 0), found.window_ends_at)

    def _read(self, key: bytes, now: float) -> Count | None:
        found = self.kept.get(key)
        return found if found is not None and now < found.window_ends_at else None

    def _add(self, key: bytes, now: float, window_seconds: float) -> Count:
        found = self._read(key, now) or Count(0, now + window_seconds)
        self.kept[key] = Count(found.value + 1, found.window_ends_at)
        return self.kept[key]

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
                self.kept[counter.key] = Count(count.value, ends_at)
        return None

    async def reset_count(self, key: bytes) -> None:
        self._called("reset_count")
        self.kept.pop(key, None)

    async def add_familiar(self, person: bytes, address: bytes, *, now: float, expires_at: float, most: int) -> None:
        self._called("add_familiar")
        addresses = {**self._familiar.get(person, {}), address: expires_at}
        latest = sorted(addresses.items(), key=lambda item: item[1], reverse=True)
        self._familiar[person] = dict(latest[:most])

    async def is_familiar(self, person: bytes, address: bytes, *, now: float) -> bool:
        self._called("is_familiar")
        return self._familiar.get(person, {}).get(address, now) > now

    async def put_throttled(self, person: ThrottledPerson) -> None:
        self._called("put_throttled")
        kept = {**self._throttled, (person.guid, person.limit): person}
        latest = sorted(kept.items(), key=lambda item: item[1].at, reverse=True)
        self._throttled = dict(latest[:MOST_THROTTLED])

    async def throttled(self, *, now: float) -> tuple[ThrottledPerson, ...]:
        self._called("throttled")
        return tuple(each for each in self._throttled.values() if now < each.until)

    async def drop_throttled(self, guid: str, limit: Limit) -> None:
        self._called("drop_throttled")
        self._throttled.pop((guid, limit), None)

    async def remove_expired(self, *, now: float) -> int:
        before = len(self.kept) + sum(map(len, self._familiar.values()))
        self.kept = {key: value for key, value in self.kept.items() if now < value.window_ends_at}
        self._familiar = {
            person: {address: ends for address, ends in addresses.items() if ends > now}
            for person, addresses in self._familiar.items()
        }
        return before - len(self.kept) - sum(map(len, self._familiar.values()))


class MemoryNumbers:
    def __init__(self, called: Callable[[str], None], counters: MemoryCounters) -> None:
        self._called = called
        self._counters = counters
        self._known_numbers: dict[str, KnownNumber] = {}

    async def put_known_number(self, guid: str, known: KnownNumber) -> None:
        self._called("put_known_number")
        self._known_numbers[guid] = known

    async def known_number(self, guid: str) -> KnownNumber | None:
        self._called("known_number")
        return self._known_numbers.get(guid)

    async def first_seen(self, digest: bytes, *, now: float, see: bool) -> float | None:
        found = await self._counters.read(digest, now=now)
        if found is None and see:
            found = await self._counters.add(digest, now=now, window_seconds=REMEMBERED_SECONDS)
        return None if found is None else found.window_ends_at - REMEMBERED_SECONDS

    async def remove_expired(self, *, now: float) -> int:
        before = len(self._known_numbers)
        self._known_numbers = {
            guid: known for guid, known in self._known_numbers.items() if known.used_at > now - REMEMBERED_SECONDS
        }
        return before - len(self._known_numbers)


class MemoryPasses:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self._passes: dict[str, GivenPass] = {}
        self._vouches: dict[str, VouchRequest] = {}

    async def put_pass(self, given: GivenPass) -> bool:
        self._called("put_pass")
        if await self.passes(given.guid, now=given.given_at):
            return False
        self._passes[given.pass_id] = given
        return True

    async def passes(self, guid: str | None = None, *, now: float) -> tuple[GivenPass, ...]:
        self._called("passes")
        found = (each for each in self._passes.values() if guid in (None, each.guid) and now < each.ends_at)
        return tuple(sorted(found, key=lambda each: each.given_at))

    async def confirm_pass(self, pass_id: str, by: Approver, *, now: float) -> bool:
        self._called("confirm_pass")
        found = self._passes.get(pass_id)
        if found is None or found.confirmed_by is not None or now >= found.ends_at:
            return False
        self._passes[pass_id] = replace(found, confirmed_by=by)
        return True

    async def end_pass(self, pass_id: str) -> bool:
        self._called("end_pass")
        return self._passes.pop(pass_id, None) is not None

    async def put_vouch(self, request: VouchRequest) -> None:
        self._called("put_vouch")
        self._vouches[request.guid] = request

    async def vouches(self, guid: str | None = None, *, now: float) -> tuple[VouchRequest, ...]:
        self._called("vouches")
        found = (each for each in self._vouches.values() if guid in (None, each.guid) and now < each.expires_at)
        return tuple(sorted(found, key=lambda each: each.asked_at))

    async def answer_vouch(self, guid: str, vouch_id: str, answer: VouchAnswer, *, now: float) -> bool:
        self._called("answer_vouch")
        found = self._vouches.get(guid)
        if found is None or found.vouch_id != vouch_id or found.answer is not None or now >= found.expires_at:
            return False
        self._vouches[guid] = replace(found, answer=answer)
        return True

    async def remove_expired(self, *, now: float) -> int:
        before = len(self._passes) + len(self._vouches)
        self._passes = {key: value for key, value in self._passes.items() if now < value.ends_at}
        self._vouches = {key: value for key, value in self._vouches.items() if now < value.expires_at}
        return before - len(self._passes) - len(self._vouches)


class MemoryCredentials:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self._credentials: dict[str, Credential] = {}

    async def put_credential(self, credential: Credential, *, most: int) -> bool:
        self._called("put_credential")
        if len(await self.credentials(credential.guid, now=credential.made_at)) >= most:
            return False
        self._credentials[credential.credential_id] = credential
        return True

    async def credential_by(self, digest: bytes) -> Credential | None:
        self._called("credential_by")
        return next((each for each in self._credentials.values() if each.digest == digest), None)

    async def credentials(self, guid: str | None = None, *, now: float) -> tuple[Credential, ...]:
        self._called("credentials")
        found = (each for each in self._credentials.values() if guid in (None, each.guid) and now < each.ends_at)
        return tuple(sorted(found, key=lambda each: each.made_at))

    async def note_credential_use(self, credential_id: str, *, now: float) -> None:
        self._called("note_credential_use")
        found = self._credentials.get(credential_id)
        if found is not None and (found.used_at is None or found.used_at < now):
            self._credentials[credential_id] = replace(found, used_at=now)

    async def remove_credentials(self, ids: Collection[str]) -> int:
        self._called("remove_credentials")
        return sum(self._credentials.pop(each, None) is not None for each in ids)

    async def remove_expired(self, *, now: float) -> int:
        before = len(self._credentials)
        self._credentials = {key: value for key, value in self._credentials.items() if now < value.ends_at}
        return before - len(self._credentials)


class MemoryArrivals:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self._arrivals: dict[str, list[PasscodeArrival]] = {}

    async def put_arrival(self, channel: str, arrival: PasscodeArrival) -> None:
        self._called("put_arrival")
        self._arrivals.setdefault(channel, []).append(arrival)
        del self._arrivals[channel][:-MOST_ARRIVALS]

    async def arrivals(self, channel: str) -> tuple[PasscodeArrival, ...]:
        self._called("arrivals")
        return tuple(self._arrivals.get(channel, ()))

    async def remove_expired(self, *, now: float) -> int:
        self._arrivals = {
            channel: kept
            for channel, kept in self._arrivals.items()
            if any(each.at > now - ARRIVALS_KEPT_SECONDS for each in kept)
        }
        return 0


class MemoryEnrolments:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self.kept: dict[str, Enrolment] = {}

    async def put_enrolments(
        self,
        enrolments: Sequence[Enrolment],
        *,
        in_place_of: Factor | None = None,
        seen: Collection[str] | None = None,
    ) -> bool:
        self._called("put_enrolments")
        these = (enrolments[0].guid, enrolments[0].realm)
        there = {key for key, each in self.kept.items() if (each.guid, each.realm) == these}
        if seen is not None and {key for key in there if self.kept[key].factor is enrolments[0].factor} != set(seen):
            return False
        replaced = (*these, in_place_of)
        staying = {key: each for key, each in self.kept.items() if (each.guid, each.realm, each.factor) != replaced}
        if {each.lookup for each in enrolments if each.lookup} & {each.lookup for each in staying.values()}:
            return False
        self.kept = staying | {each.enrolment_id: each for each in enrolments}
        return True

    async def enrolments(self, guid: str) -> tuple[Enrolment, ...]:
        self._called("enrolments")
        return tuple(sorted(self._of(guid), key=lambda each: each.made_at))

    async def enrolment_by(self, lookup: bytes) -> Enrolment | None:
        self._called("enrolment_by")
        return next((each for each in self.kept.values() if lookup and each.lookup == lookup), None)

    async def use_enrolment(self, enrolment_id: str, *, counter: int, now: float) -> bool:
        self._called("use_enrolment")
        found = self.kept.get(enrolment_id)
        if found is None or not (found.counter < counter or found.counter == counter == 0):
            return False
        self.kept[enrolment_id] = replace(found, counter=counter, used_at=now)
        return True

    async def rename_enrolment(self, guid: str, enrolment_id: str, name: str) -> bool:
        self._called("rename_enrolment")
        if all(each.enrolment_id != enrolment_id for each in self._of(guid)):
            return False
        self.kept[enrolment_id] = replace(self.kept[enrolment_id], name=name)
        return True

    async def remove_enrolments(self, guid: str, ids: Collection[str] | None = None) -> int:
        self._called("remove_enrolments")
        gone = {each.enrolment_id for each in self._of(guid) if ids is None or each.enrolment_id in ids}
        self.kept = {key: each for key, each in self.kept.items() if key not in gone}
        return len(gone)

    async def reseal_enrolment(self, enrolment_id: str, *, was: bytes, sealed: bytes) -> bool:
        self._called("reseal_enrolment")
        found = self.kept.get(enrolment_id)
        if found is None or found.sealed != was:
            return False
        self.kept[enrolment_id] = replace(found, sealed=sealed)
        return True

    async def guids_with_enrolments(self) -> Collection[str]:
        self._called("guids_with_enrolments")
        return {each.guid for each in self.kept.values()}

    def _of(self, guid: str) -> list[Enrolment]:
        return [each for each in self.kept.values() if each.guid == guid]


class MemoryLeases:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self.held: dict[str, tuple[str, float]] = {}

    async def take_lease(self, name: str, holder: str, *, now: float, seconds: float) -> bool:
        self._called("take_lease")
        held_by, ends_at = self.held.get(name, (holder, now))
        if held_by != holder and now < ends_at <= now + seconds:
            return False
        self.held[name] = (holder, now + seconds)
        return True

    async def is_leased(self, name: str, *, now: float, seconds: float) -> bool:
        self._called("is_leased")
        return now < self.held.get(name, ("", now))[1] <= now + seconds

    async def drop_lease(self, name: str, holder: str) -> None:
        self._called("drop_lease")
        if self.held.get(name, ("", 0.0))[0] == holder:
            del self.held[name]


class MemoryRememberedBrowsers:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self._kept: dict[str, tuple[RememberedBrowser, bytes, bytes]] = {}

    async def put_browser(self, browser: RememberedBrowser, *, digest: bytes, most: int) -> None:
        self._called("put_browser")
        self._kept[browser.name] = (browser, digest, b"")
        for each in (await self.browsers(browser.guid))[:-most]:
            del self._kept[each.name]

    async def browser(self, name: str) -> RememberedBrowser | None:
        self._called("browser")
        return self._kept[name][0] if name in self._kept else None

    async def browsers(self, guid: str) -> tuple[RememberedBrowser, ...]:
        self._called("browsers")
        return tuple(each for each, _, _ in self._kept.values() if each.guid == guid)

    async def turn_browser(self, name: str, *, digest: bytes, becomes: bytes, now: float) -> UsedValue:
        self._called("turn_browser")
        if name not in self._kept:
            return UsedValue(ValueUse.GONE)
        browser, in_force, former = self._kept[name]
        if now < browser.used_at + CHANGE_SECONDS and digest in (in_force, former):
            return UsedValue(ValueUse.STANDS, in_force)
        if hmac.compare_digest(in_force, digest):
            self._kept[name] = (replace(browser, used_at=now), becomes, digest)
            return UsedValue(ValueUse.TURNED, becomes)
        return UsedValue(ValueUse.STOLEN)

    async def forget_browsers(self, guid: str, names: Collection[str] | None = None) -> int:
        self._called("forget_browsers")
        gone = [each.name for each in await self.browsers(guid) if names is None or each.name in names]
        for name in gone:
            del self._kept[name]
        return len(gone)

    async def guids_with_browsers(self) -> Collection[str]:
        self._called("guids_with_browsers")
        return {browser.guid for browser, _, _ in self._kept.values()}

    async def remove_expired(self, *, now: float) -> int:
        before = len(self._kept)
        self._kept = {name: kept for name, kept in self._kept.items() if now < kept[0].expires_at}
        return before - len(self._kept)


class MemoryNetworkAccesses:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self._kept: dict[str, NetworkAccess] = {}

    async def put_access(self, access: NetworkAccess) -> None:
        self._called("put_access")
        self._kept[access.session_id] = access

    async def accesses(self, session_ids: Sequence[str] | None = None) -> tuple[NetworkAccess, ...]:
        self._called("accesses")
        names = self._kept if session_ids is None else [each for each in session_ids if each in self._kept]
        return tuple(self._kept[each] for each in names)

    async def drop_access(self, session_id: str) -> None:
        self._called("drop_access")
        self._kept.pop(session_id, None)


class MemoryReportedSignIns:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self._kept: dict[str, ReportedSignIn] = {}

    async def put_reported(self, reported: ReportedSignIn) -> None:
        self._called("put_reported")
        self._kept[reported.guid] = reported

    async def reported(self) -> tuple[ReportedSignIn, ...]:
        self._called("reported")
        return tuple(sorted(self._kept.values(), key=lambda each: each.at, reverse=True))

    async def settle_reported(self, guid: str) -> bool:
        self._called("settle_reported")
        return self._kept.pop(guid, None) is not None


class MemoryOperatorNotices:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self._kept: OperatorNotice | None = None

    async def put_up(self, notice: OperatorNotice) -> None:
        self._called("put_up")
        self._kept = notice

    async def notice(self) -> OperatorNotice | None:
        self._called("notice")
        return self._kept

    async def take_down(self) -> bool:
        self._called("take_down")
        kept, self._kept = self._kept, None
        return kept is not None


class MemoryPersonKeys:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self._kept: dict[str, PersonKey] = {}

    async def keep_person_key(self, key: PersonKey) -> PersonKey:
        self._called("keep_person_key")
        found = self._found(key.owner, key.month)
        return found[0] if found else self._kept.setdefault(key.key_id, key)

    async def person_keys_by_id(self, key_ids: Sequence[str]) -> tuple[PersonKey, ...]:
        self._called("person_keys_by_id")
        return tuple(self._kept[each] for each in key_ids if each in self._kept)

    async def person_keys(self, owner: bytes | None = None, month: str | None = None) -> tuple[PersonKey, ...]:
        self._called("person_keys")
        return tuple(self._found(owner, month))

    async def key_months(self) -> tuple[str, ...]:
        self._called("key_months")
        return tuple(sorted({each.month for each in self._kept.values()}))

    async def erase_person_keys(self, *, owner: bytes | None = None, month: str | None = None) -> int:
        self._called("erase_person_keys")
        if owner is None and month is None:
            raise ValueError("whose, or of which month?")
        return len([self._kept.pop(each.key_id) for each in self._found(owner, month)])

    async def rewrap_person_key(self, key_id: str, *, was: bytes, wrapped: bytes) -> bool:
        self._called("rewrap_person_key")
        found = self._kept.get(key_id)
        if found is None or found.wrapped != was:
            return False
        self._kept[key_id] = replace(found, wrapped=wrapped)
        return True

    def _found(self, owner: bytes | None, month: str | None) -> list[PersonKey]:
        return [each for each in self._kept.values() if owner in (None, each.owner) and month in (None, each.month)]


class MemoryCanaries:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self._kept: dict[str, CanaryRecord] = {}

    async def canary(self, name: str) -> CanaryRecord:
        self._called("canary")
        return self._kept.get(name) or CanaryRecord(name=name)

    async def put_canary(self, record: CanaryRecord) -> bool:
        self._called("put_canary")
        if record.name in self._kept and self._kept[record.name].version != record.version - 1:
            return False
        self._kept[record.name] = record
        return True


class MemoryDecisions:
    """`DecisionStore`."""

    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self._kept: dict[bytes, SealedDecision] = {}
        self._rehearsed: dict[bytes, float] = {}

    async def put_decisions(self, decisions: Sequence[SealedDecision], *, forgotten_at: float) -> None:
        self._called("put_decisions")
        self._kept |= {each.name: each for each in decisions}

    async def decisions(self, days: Sequence[str]) -> AsyncIterator[Sequence[SealedDecision]]:
        self._called("decisions")
        yield [each for each in self._kept.values() if each.day in days]

    async def put_rehearsed(self, digest: bytes, *, forgotten_at: float) -> None:
        self._called("put_rehearsed")
        self._rehearsed[digest] = forgotten_at

    async def was_rehearsed(self, digest: bytes, *, now: float) -> bool:
        self._called("was_rehearsed")
        return self._rehearsed.get(digest, now) > now


class MemoryReportedNumbers:
    """`ReportedNumberStore` and `SweepCountStore`."""

    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self._kept: dict[str, ReportedNumber] = {}
        self._sweeps: dict[float, SweepCount] = {}

    async def put_reported_number(self, reported: ReportedNumber) -> bool:
        self._called("put_reported_number")
        if (known := self._kept.get(reported.guid)) is not None and known.number == reported.number:
            return False
        self._kept[reported.guid] = reported
        return True

    async def reported_numbers(self) -> tuple[ReportedNumber, ...]:
        self._called("reported_numbers")
        return tuple(sorted(self._kept.values(), key=lambda each: each.at, reverse=True))

    async def drop_reported_number(self, guid: str, number: bytes) -> bool:
        self._called("drop_reported_number")
        known = self._kept.get(guid)
        return known is not None and known.number == number and self._kept.pop(guid) is known

    async def put_sweep(self, sweep: SweepCount, *, most: int) -> None:
        self._called("put_sweep")
        kept = {**self._sweeps, sweep.made_at: sweep}
        self._sweeps = {at: kept[at] for at in sorted(kept)[-most:]}

    async def sweeps(self) -> tuple[SweepCount, ...]:
        self._called("sweeps")
        return tuple(self._sweeps.values())


class MemoryRungs:
    def __init__(self, called: Callable[[str], None]) -> None:
        self._called = called
        self._kept: dict[str, BegunRung] = {}

    async def put_rung(self, rung: BegunRung, *, seen: BegunRung | None) -> bool:
        self._called("put_rung")
        if self._kept.get(rung.name) != seen:
            return False
        self._kept[rung.name] = rung
        return True

    async def rungs(self) -> tuple[BegunRung, ...]:
        self._called("rungs")
        return tuple(sorted(self._kept.values(), key=lambda each: (each.begun_at, each.name)))


class MemoryStore:
    """`away = True` makes every call raise `StoreUnavailable`, `full = True` every one that writes."""

    def __init__(self) -> None:
        self.away = False
        self.full = False
        self.calls: list[str] = []
        standing: dict[str, Session] = {}
        self.challenges = MemoryChallenges(self._called, standing)
        self.tickets = MemoryTickets(self._called, standing)
        self.counters = MemoryCounters(self._called)
        self.numbers = MemoryNumbers(self._called, self.counters)
        self.passes = MemoryPasses(self._called)
        self.credentials = MemoryCredentials(self._called)
        self.arrivals = MemoryArrivals(self._called)
        self.deliveries = MemoryDeliveries(self._called)
        self.kept_requests = MemoryKeptRequests(self._called)
        self.leases = MemoryLeases(self._called)
        self.enrolments = MemoryEnrolments(self._called)
        self.reported = MemoryReportedSignIns(self._called)
        self.reported_numbers = self.sweeps = MemoryReportedNumbers(self._called)
        self.network_accesses = MemoryNetworkAccesses(self._called)
        self.person_keys = MemoryPersonKeys(self._called)
        self.operator_notices = MemoryOperatorNotices(self._called)
        self.canaries = MemoryCanaries(self._called)
        self.decisions = MemoryDecisions(self._called)
        self.rungs = MemoryRungs(self._called)
        self.browsers = MemoryRememberedBrowsers(self._called)
        hanging = (self.challenges, self.tickets)
        mine = (self.passes, self.browsers, self.credentials)
        others = (self.counters, self.numbers, self.arrivals, self.deliveries, self.kept_requests, *mine)
        self.sessions = MemorySessions(self._called, standing, hanging, (*hanging, *others))

    def _called(self, method: str) -> None:
        self.calls.append(method)
        if self.away or (self.full and method not in _READING):
            raise StoreUnavailable("away, as the test wants it")

    async def ping(self) -> None:
        self._called("ping")

    async def remarks(self) -> tuple[str, ...]:
        return ()

    def waiting(self) -> Mapping[str, int]:
        return {}

    async def close(self) -> None:
        self.calls.append("close")
