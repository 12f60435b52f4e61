"""What an older Gatepost wrote is read on: who was signed in is, passcodes under way are accepted, counts count on.

`stored_before/` holds one state, written by the release before a challenge said what kind of channel it is for, to
SQLite (as a dump) and to Redis (each key less the prefix, with the command that writes it; bytes as Latin-1). All of
it happened around `NOW`; the master key is of these tests alone.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from config.factors import ChannelKind, Factor
from config.settings import SessionSettings, StoreSettings, ThrottleSettings
from directory.lockout import PasswordLimits
from directory.mobile import E164
from proxy.delivery.channel import DeliveryStatus, Outcome
from proxy.delivery.delivery_store import FailureReason
from proxy.factors.challenge import Attempt
from proxy.factors.passcode.arrival_times import PasscodeArrival
from proxy.factors.passcode.passcode import passcode_digest, passcode_of
from proxy.factors.passcode.passcodes import changed_at, mail_of, number_of, number_that_was_known
from proxy.factors.proof import Proof
from proxy.secrets.keys import Keys, Purpose
from proxy.sessions.kept_requests import KeptRequests
from proxy.sessions.session import Level
from proxy.store.contract import Store
from proxy.store.redis.redis_store import RedisStore
from proxy.store.sqlite.sqlite_store import SQLiteStore
from proxy.throttle.counter_store import Counter
from proxy.throttle.limits import UNTIL_CLEARED_SECONDS, Limit
from proxy.throttle.throttle import CountedAttempts, Throttle
from tests.support.people import NOW, principal
from tests.support.redis_server import RedisServer, new_prefix

FOLDER = Path(__file__).parent / "stored_before"
SIGN_IN, WIKI = "signin.corp.example", "wiki.corp.example"
ANNA, BEN, CARA, DAN, EVE, FAY, GUS = (f"5f6a1c3e-0000-4000-8000-{number:012d}" for number in range(1, 8))
NUMBER = E164("+447400123456")
KEYS = Keys(bytes(range(32)), clock=lambda: NOW + 20)
WINDOW = ThrottleSettings().window
LIMITS = PasswordLimits(in_all=5, from_unfamiliar=3, window_seconds=1860.0)


@pytest.fixture(params=["sqlite", "redis"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, redis_server: RedisServer) -> AsyncIterator[Store]:
    opened = await restored(request.param, tmp_path, redis_server)
    yield opened
    await opened.close()


async def restored(kind: str, folder: Path, server: RedisServer) -> Store:
    if kind == "sqlite":
        with sqlite3.connect(folder / "state.db") as connection:
            connection.executescript((FOLDER / "sqlite.sql").read_text())
        connection.close()
        return SQLiteStore(folder / "state.db", clock=lambda: NOW + 20)
    prefix = new_prefix()
    client = Redis(unix_socket_path=str(server.socket))
    for key, (command, *words) in json.loads((FOLDER / "redis.json").read_text()).items():
        written = [word.encode("latin-1") for word in (f"{{{prefix}}}:{key}", *words)]
        await client.execute_command(command, *written)
    await client.aclose()
    return RedisStore(StoreSettings(url=server.url, prefix=prefix), clock=lambda: NOW + 20)


def token(name: str) -> str:
    return f"{name}-{'x' * 43}"[:43]


def digest(name: str) -> bytes:
    return hashlib.sha256(token(name).encode()).digest()


def throttle(store: Store) -> Throttle:
    return Throttle(store.counters, ThrottleSettings(), key=KEYS.derive(Purpose.THROTTLE))


async def test_who_was_signed_in_is(store: Store) -> None:
    found = await store.sessions.session_by_cookie(digest("eve"), SIGN_IN)
    assert found is not None
    assert found == await store.sessions.session_by_cookie(digest("eve-wiki"), WIKI)
    assert (found.level, found.principal.guid, found.scheme) == (Level.SIGNED_IN, EVE, "browser")
    assert found.principal.display_name == "Eve Ögmundsdóttir"
    assert found.principal.groups == {"Wiki Users", "Gatepost Admins"}
    assert (found.begun_at, found.authenticated_at) == (NOW - 60, NOW - 30)
    assert (found.created_at, found.last_used_at) == (NOW - 30, NOW - 5)
    assert not found.is_over(SessionSettings(), NOW + 20)
    assert await store.sessions.hosts_of([found.session_id]) == {found.session_id: (SIGN_IN, WIKI)}
    assert await store.sessions.session_by_cookie(digest("eve-at-first"), SIGN_IN) is None
    assert await store.sessions.add_cookie(found.session_id, cookie=digest("new"), host="other.corp.example") == found


async def test_what_was_proven_beyond_a_scheme_stays_proven(store: Store) -> None:
    found = await store.sessions.session_by_cookie(digest("gus"), SIGN_IN)
    assert found is not None
    assert found.proven == (
        Proof(Factor.PASSWORD, NOW - 600),
        Proof(Factor.SMS, NOW - 10),
        Proof(Factor.EMAIL, NOW - 300),
    )
    assert (found.level, found.principal.guid, found.authenticated_at) == (Level.SIGNED_IN, GUS, NOW - 10)


async def test_who_was_half_way_goes_on_from_there(store: Store) -> None:
    for name, level, next_choice in (
        ("anna", Level.FIRST_FACTOR, (Factor.SMS,)),
        ("ben", Level.FIRST_FACTOR, (Factor.EMAIL,)),
        ("cara", Level.FIRST_FACTOR, (Factor.SMS,)),
        ("dan", Level.MUST_CHANGE_PASSWORD, None),
    ):
        found = await store.sessions.session_by_cookie(digest(name), SIGN_IN)
        assert found is not None
        assert (found.level, found.next_choice) == (level, next_choice)


async def test_persons_and_their_sessions_are_listed_and_ended(store: Store) -> None:
    standing = {ANNA: NOW, BEN: NOW, CARA: NOW, DAN: NOW, EVE: NOW - 30, GUS: NOW - 600}
    assert await store.sessions.persons() == standing
    assert {each.principal.guid for each in await store.sessions.sessions()} == set(standing)
    assert await store.sessions.end_sessions_of(EVE) == 1
    assert await store.sessions.session_by_cookie(digest("eve-wiki"), WIKI) is None
    assert await store.tickets.take_ticket(digest("ticket"), now=NOW + 20) is None


async def test_whose_an_ended_session_was_is_known(store: Store) -> None:
    assert await store.sessions.session_by_cookie(digest("fay"), WIKI) is None
    assert await store.sessions.former_owner(digest("fay"), WIKI, now=NOW + 20) == FAY


@pytest.mark.parametrize(
    ("name", "guid", "factor", "kind", "attempts_left", "passcode"),
    [
        ("anna", ANNA, Factor.SMS, ChannelKind.SMS, 4, "892451"),
        ("ben", BEN, Factor.EMAIL, ChannelKind.EMAIL, 5, "581251"),
        ("cara", CARA, Factor.SMS, ChannelKind.EMAIL, 5, "386133"),  # by mail in the place of an SMS
    ],
)
async def test_a_passcode_that_is_under_way_is_accepted(
    store: Store, name: str, guid: str, factor: Factor, kind: ChannelKind, attempts_left: int, passcode: str
) -> None:
    session_id, challenge_id = f"session-of-{name}", f"challenge-of-{name}"
    found = await store.challenges.challenge_of_session(session_id, now=NOW + 20)
    assert found is not None
    assert found == await store.challenges.challenge(challenge_id, session_id=session_id, now=NOW + 20)
    assert (found.guid, found.factor, found.kind) == (guid, factor, kind)
    assert (found.created_at, found.expires_at, found.attempts_left) == (NOW, NOW + 300, attempts_left)
    assert passcode_of(KEYS.derive(Purpose.PASSCODE, at=found.created_at), challenge_id, digits=6) == passcode
    wrong = await store.challenges.answer_challenge(challenge_id, session_id=session_id, digest=b"wrong", now=NOW + 20)
    assert (wrong.attempt, wrong.attempts_left) == (Attempt.WRONG, attempts_left - 1)
    key = KEYS.derive(Purpose.CHALLENGE, at=found.created_at)
    typed = passcode_digest(key, challenge_id=challenge_id, guid=guid, passcode=passcode)
    answer = await store.challenges.answer_challenge(challenge_id, session_id=session_id, digest=typed, now=NOW + 20)
    assert answer.attempt is Attempt.ACCEPTED


async def test_a_challenge_knows_where_it_was_sent_and_where_it_leads_to(store: Store) -> None:
    for name, guid, chosen, way_back in (
        ("anna", ANNA, number_of(KEYS, principal(guid=ANNA), NUMBER), (f"https://{WIKI}/a?b=c", "start-of-anna")),
        ("cara", CARA, mail_of(KEYS, principal(guid=CARA, mail="cara@corp.example"), factor=Factor.SMS), ("", "")),
    ):
        found = await store.challenges.challenge_of_session(f"session-of-{name}", now=NOW + 20)
        assert found is not None
        assert chosen is not None
        assert chosen.is_of(found)
        assert (found.guid, found.masked_destination) == (guid, chosen.masked)
        assert (found.return_to, found.start_digest) == way_back


async def test_sending_again_waits_from_the_sending_before(store: Store) -> None:
    assert not await store.challenges.mark_sent("challenge-of-anna", now=NOW + 20, not_before=NOW)
    assert await store.challenges.mark_sent("challenge-of-anna", now=NOW + 20, not_before=NOW + 1)


async def test_what_became_of_messages_is_known(store: Store) -> None:
    first, again, nobodys = await store.deliveries.sendings_of("challenge-of-anna", now=NOW + 20)
    assert first == await store.deliveries.sending("<one@corp.example>", now=NOW + 20)
    assert (first.guid, first.channel, first.kind, first.outcome) == (ANNA, "kapow", ChannelKind.SMS, Outcome.ACCEPTED)
    assert (first.status, first.reason, first.report_id, first.has_tag) == (
        DeliveryStatus.FAILED,
        "number_refused",
        "4711",
        True,
    )
    assert (again.channel, again.kind, again.outcome) == ("email", ChannelKind.EMAIL, Outcome.UNKNOWN)
    assert (nobodys.channel, nobodys.kind, nobodys.outcome) == ("", None, Outcome.UNAVAILABLE)
    assert [each.is_under_way for each in (first, again, nobodys)] == [True, True, False]


async def test_failures_and_how_long_messages_took_are_known(store: Store) -> None:
    (failure,) = await store.deliveries.failures(since=NOW)
    assert (failure.message_id, failure.guid, failure.failed_at) == ("<one@corp.example>", ANNA, NOW + 3)
    assert (failure.reason, failure.detail) == (FailureReason.NUMBER_REFUSED, "550 no such number …")
    taken = {PasscodeArrival(NOW, 8.5), PasscodeArrival(NOW - 1, 9.5), PasscodeArrival(NOW - 2, 10.5)}
    assert set(await store.arrivals.arrivals("kapow")) == taken


async def test_a_ticket_is_taken_once(store: Store) -> None:
    ticket = await store.tickets.take_ticket(digest("ticket"), now=NOW + 20)
    assert ticket is not None
    assert (ticket.session_id, ticket.host, ticket.start_digest) == ("session-of-eve", WIKI, "start-of-eve")
    assert (ticket.return_to, ticket.expires_at) == (f"https://{WIKI}/a?b=c", NOW + 30)
    assert await store.tickets.take_ticket(digest("ticket"), now=NOW + 20) is None


async def test_a_kept_form_is_sent_on(store: Store) -> None:
    kept_requests = KeptRequests(store, KEYS)
    sending = kept_requests.sending(token("kept"), "session-of-fay")
    kept = await kept_requests.take(
        sending, session_id="session-of-fay", guid=FAY, host=WIKI, target="/save?x=1", now=NOW + 20
    )
    assert kept is not None
    assert kept.lines == (b"Content-Type: text/plain", b"X-Name: \xe9")
    assert (kept.cookie, kept.body, kept.kept_at) == (b"app=1", b"a form\n\x00", NOW)
    assert await kept_requests.read(token("kept"), WIKI, now=NOW + 20) is None


async def test_counts_count_on(store: Store) -> None:
    counted = throttle(store)
    assert await counted.judged_so_far(person=ANNA, now=NOW + 20) is None
    third = await counted.reserve_password(person=ANNA, address="198.51.100.9", limits=LIMITS, now=NOW + 20)
    assert third is None
    assert await counted.judged_so_far(person=ANNA, now=NOW + 20) == CountedAttempts(3, 3)
    refused = await counted.reserve_password(person=ANNA, address="198.51.100.9", limits=LIMITS, now=NOW + 20)
    assert refused is not None
    assert (refused.limit, refused.retry_after_seconds) == (Limit.PASSWORDS_FROM_UNFAMILIAR, 1860)
    standings = await counted.standings(
        person=ANNA, limits=LIMITS, number=NUMBER, address="192.0.2.7", typed="name:corp:anna", now=NOW + 20
    )
    assert {each.limit: (each.count, each.window_ends_at) for each in standings} == {
        Limit.PASSWORDS_PER_PERSON: (3, NOW + 1880),
        Limit.PASSWORDS_FROM_UNFAMILIAR: (3, NOW + 1880),
        Limit.PASSWORDS_PER_ADDRESS: (0, NOW + 20 + WINDOW),
        Limit.PASSCODES_PER_PERSON: (1, NOW + WINDOW),
        Limit.PASSCODE_FAILURES_IN_A_ROW: (1, NOW + UNTIL_CLEARED_SECONDS),
        Limit.SENDS_PER_PERSON: (1, NOW + WINDOW),
        Limit.SENDS_PER_NUMBER: (1, NOW + WINDOW),
        Limit.SENDS_PER_ADDRESS: (1, NOW + WINDOW),
        Limit.SENDS_PER_DAY: (1, NOW + 86_400),
        Limit.PASSWORDS_AS_TYPED: (1, NOW + 1860),
    }
    assert await counted.is_known_wrong(b"wrong password's digest", now=NOW + 20)


async def test_what_was_used_once_is_not_used_again(store: Store) -> None:
    used = hmac.digest(KEYS.derive(Purpose.THROTTLE), b"ticket\0authenticator", "sha256")
    assert await store.counters.reserve([Counter(key=used, limit=1, window_seconds=3600.0)], now=NOW + 20) is not None


async def test_familiar_addresses_and_numbers_are_known(store: Store) -> None:
    assert await throttle(store).is_familiar(person=EVE, address="192.0.2.7", now=NOW + 20)
    assert not await throttle(store).is_familiar(person=EVE, address="198.51.100.9", now=NOW + 20)
    known = await store.numbers.known_number(EVE)
    assert known is not None
    assert known.used_at == NOW
    assert known.digest in number_of(KEYS, principal(guid=EVE), NUMBER).digests
    assert number_that_was_known(KEYS, EVE, known) == NUMBER
    unread = principal(guid=BEN, is_mobile_change_unread=True)
    key = KEYS.derive(Purpose.THROTTLE)
    assert await changed_at(store.numbers, key, unread, NUMBER, now=NOW + 20, see=True) == NOW - 1000


async def test_leases_hold_and_flushes_are_counted_on(store: Store) -> None:
    assert not await store.leases.take_lease("upkeep", "another", now=NOW + 20, seconds=60)
    assert await store.leases.take_lease("upkeep", "a worker", now=NOW + 20, seconds=60)
    assert await store.sessions.count_flush("a worker") == {"a worker": 2}


async def test_all_of_it_is_removed_when_its_time_is_over(store: Store) -> None:
    await store.sessions.remove_expired(
        now=NOW + 500 * 86_400.0, limits=SessionSettings(idle=1800.0, absolute=43_200.0)
    )
    assert await store.sessions.sessions() == []
    assert await store.challenges.challenge("challenge-of-anna", session_id="session-of-anna", now=NOW + 20) is None
    assert await store.deliveries.sending("<one@corp.example>", now=NOW + 20) is None
    assert await store.numbers.known_number(EVE) is None
    assert await store.kept_requests.kept_request(digest("kept"), now=NOW + 20) is None
