"""What every store must keep, stated once: subclass `StoreContract` and give it a `store` fixture."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter as Tally
from dataclasses import replace

import pytest

from config.factors import ChannelKind, Factor
from config.settings import SessionSettings
from proxy.delivery.channel import DeliveryStatus
from proxy.delivery.failures import MOST_REMEMBERED as MOST_FAILURES
from proxy.delivery.failures import REMEMBERED_SECONDS as FAILURES_KEPT
from proxy.delivery.failures import DeliveryFailure, FailureReason
from proxy.factors.challenge_store import Attempt
from proxy.factors.passcode.arrival_times import KEPT_SECONDS as ARRIVALS_KEPT
from proxy.factors.passcode.arrival_times import MOST_KEPT as MOST_ARRIVALS
from proxy.factors.passcode.arrival_times import Arrival
from proxy.factors.passcode.known_numbers import REMEMBERED_SECONDS, KnownNumber
from proxy.factors.proof import Proof
from proxy.sessions.session_store import FORMER_SECONDS
from proxy.sessions.ticket_store import Ticket
from proxy.store.contract import Store
from proxy.throttle.counter_store import Count, Counter, Reached
from tests.support.people import NOW, challenge, principal, sending, session

HOST = "signin.corp.example"
WIKI = "wiki.corp.example"
LIMITS = SessionSettings(idle=1800.0, absolute=43_200.0)
LIMITS = SessionSettings(idle=1800.0, absolute=43_200.0)


def cookie() -> bytes:
    return os.urandom(32)


def ticket(session_id: str, **fields: object) -> Ticket:
    defaults = {"session_id": session_id, "host": WIKI, "start_digest": "s", "return_to": "/a", "expires_at": NOW + 30}
    return Ticket(**{**defaults, **fields})  # type: ignore[arg-type]


def failure(**fields: object) -> DeliveryFailure:
    defaults = {
        **{
            "message_id": "m",
            "guid": "g",
            "realm": "corp",
            "username": "anna",
            "channel": "kapow",
            "destination": "•••456",
            "sent_at": NOW,
        },
        **{"reason": FailureReason.UNKNOWN, "detail": "550 \u2026", "failed_at": NOW},
    }
    return DeliveryFailure(**{**defaults, **fields})  # type: ignore[arg-type]


class StoreContract:
    # Sessions.
    async def test_a_session_is_read_back_exactly(self, store: Store) -> None:
        written = session(
            principal=principal(
                username="älice",
                display_name="Ali,ce \ud800 \x00 😀",
                mail=None,
                mobiles=("07400 123456", "+44"),
                groups=frozenset({"Wiki, Users", "Ümlaut"}),
                all_groups=("b", "a"),
                password_expires_at=NOW + 0.5,
            ),
            password_must_change=True,
            created_at=NOW + 0.123456,
        )
        digest = cookie()
        await store.sessions.create_session(written, cookie=digest, host=HOST)
        assert await store.sessions.session_by_cookie(digest, HOST) == written

    async def test_a_choice_of_factors_is_read_back(self, store: Store) -> None:
        either = session(factors=((Factor.PASSWORD,), (Factor.EMAIL, Factor.SMS)), is_half=True)
        await store.sessions.create_session(either, cookie=b"either", host=HOST)
        assert await store.sessions.session_by_cookie(b"either", HOST) == either

    async def test_a_user_agent_of_any_bytes_can_be_stored(self, store: Store) -> None:
        digest = cookie()
        await store.sessions.create_session(session(user_agent="x\udcff\x00"), cookie=digest, host=HOST)
        assert await store.sessions.session_by_cookie(digest, HOST) is not None

    async def test_a_cookie_is_bound_to_its_host(self, store: Store) -> None:
        digest = cookie()
        await store.sessions.create_session(session(), cookie=digest, host=HOST)
        assert await store.sessions.session_by_cookie(digest, WIKI) is None
        assert await store.sessions.session_by_cookie(cookie(), HOST) is None

    async def test_a_session_has_one_more_cookie_for_another_host(self, store: Store) -> None:
        one, two = cookie(), cookie()
        written = session()
        await store.sessions.create_session(written, cookie=one, host=HOST)
        assert await store.sessions.add_cookie(written.session_id, cookie=two, host=WIKI) == written
        assert await store.sessions.session_by_cookie(one, HOST) == written
        assert await store.sessions.session_by_cookie(two, WIKI) == written
        assert await store.sessions.session_by_cookie(two, HOST) is None

    async def test_an_ended_session_gets_no_cookie(self, store: Store) -> None:
        digest = cookie()
        assert await store.sessions.add_cookie("no such session", cookie=digest, host=WIKI) is None
        assert await store.sessions.session_by_cookie(digest, WIKI) is None

    async def test_a_step_up_replaces_the_session_and_all_that_hung_on_it(self, store: Store) -> None:
        first, second = session(is_half=True), session()
        old_cookie, new_cookie = cookie(), cookie()
        await store.sessions.create_session(first, cookie=old_cookie, host=HOST)
        pending = challenge(first.session_id)
        await store.challenges.put_challenge(pending)
        assert await store.sessions.replace_session(first.session_id, second, cookie=new_cookie, host=HOST)
        assert await store.sessions.session_by_cookie(old_cookie, HOST) is None
        assert await store.sessions.session_by_cookie(new_cookie, HOST) == second
        assert await store.challenges.challenge(pending.challenge_id, session_id=first.session_id, now=NOW) is None
        assert await store.sessions.sessions() == [second]

    async def test_a_session_that_is_gone_is_not_replaced(self, store: Store) -> None:
        digest = cookie()
        assert not await store.sessions.replace_session("gone", session(), cookie=digest, host=HOST)
        assert await store.sessions.session_by_cookie(digest, HOST) is None
        assert await store.sessions.sessions() == []

    async def test_parallel_step_ups_make_one_session(self, store: Store) -> None:
        first = session(is_half=True)
        await store.sessions.create_session(first, cookie=cookie(), host=HOST)
        replaced = await asyncio.gather(
            *(
                store.sessions.replace_session(first.session_id, session(), cookie=cookie(), host=HOST)
                for _ in range(20)
            )
        )
        assert replaced.count(True) == 1
        assert len(await store.sessions.sessions()) == 1

    async def test_only_the_principal_is_updated(self, store: Store) -> None:
        written = session()
        await store.sessions.create_session(written, cookie=cookie(), host=HOST)
        await store.sessions.touch_sessions([(written.session_id, NOW + 5)])
        changed = principal(groups=frozenset())
        await store.sessions.update_principal(replace(written, principal=changed, scheme="other"))
        assert await store.sessions.sessions() == [replace(written, principal=changed, last_used_at=NOW + 5)]

    async def test_an_ended_session_is_not_brought_back_by_an_update(self, store: Store) -> None:
        written = session()
        await store.sessions.update_principal(written)
        await store.sessions.touch_sessions([(written.session_id, NOW + 5)])
        assert await store.sessions.sessions() == []

    async def test_last_use_never_moves_backwards(self, store: Store) -> None:
        written = session()
        await store.sessions.create_session(written, cookie=cookie(), host=HOST)
        await store.sessions.touch_sessions(
            [(written.session_id, NOW + 9), (written.session_id, NOW + 4), ("gone", NOW)]
        )
        found = await store.sessions.sessions_by_id([written.session_id, "gone"])
        assert {key: value.last_used_at for key, value in found.items()} == {written.session_id: NOW + 9}

    async def test_the_flushes_of_every_worker_are_counted(self, store: Store) -> None:
        assert await store.sessions.count_flush("a") == {"a": 1}
        assert await store.sessions.count_flush("b") == {"a": 1, "b": 1}
        assert await store.sessions.count_flush("a") == {"a": 2, "b": 1}
        await store.sessions.forget_workers(["a", "unknown"])
        await store.sessions.forget_workers([])
        assert await store.sessions.count_flush("b") == {"b": 2}
        assert await store.sessions.count_flush("a") == {"a": 1, "b": 2}

    async def test_an_ended_session_is_gone_with_all_that_hung_on_it(self, store: Store) -> None:
        one, other = session(), session()
        digest, added, ticket_digest = cookie(), cookie(), cookie()
        await store.sessions.create_session(one, cookie=digest, host=HOST)
        await store.sessions.create_session(other, cookie=cookie(), host=HOST)
        await store.sessions.add_cookie(one.session_id, cookie=added, host=WIKI)
        pending = challenge(one.session_id)
        await store.challenges.put_challenge(pending)
        await store.tickets.put_ticket(ticket_digest, ticket(one.session_id))
        assert await store.sessions.end_session(one.session_id)
        assert not await store.sessions.end_session(one.session_id)
        assert await store.sessions.session_by_cookie(digest, HOST) is None
        assert await store.sessions.session_by_cookie(added, WIKI) is None
        answer = await store.challenges.answer_challenge(
            pending.challenge_id, session_id=one.session_id, digest=pending.digest, now=NOW
        )
        assert answer.attempt is Attempt.GONE
        assert await store.tickets.take_ticket(ticket_digest, now=NOW) is None
        assert await store.sessions.sessions() == [other]

    async def test_all_sessions_of_one_person_end_and_no_others(self, store: Store) -> None:
        for guid in ("a", "a", "b"):
            await store.sessions.create_session(session(guid=guid), cookie=cookie(), host=HOST)
        assert await store.sessions.end_sessions_of("a") == 2
        assert await store.sessions.end_sessions_of("a") == 0
        assert [found.principal.guid for found in await store.sessions.sessions()] == ["b"]
        assert await store.sessions.sessions("a") == []

    async def test_everybodys_sessions_end(self, store: Store) -> None:
        heard: list[str] = []
        unsubscribe = store.sessions.on_session_end(heard.append)
        standing = [session(guid=f"person {number % 3}", is_half=number % 2 == 0) for number in range(250)]
        digests = [cookie() for _ in standing]
        for written, digest in zip(standing, digests, strict=True):
            await store.sessions.create_session(written, cookie=digest, host=HOST)
        assert await store.sessions.end_all_sessions() == 250
        assert await store.sessions.sessions() == []
        assert await store.sessions.session_by_cookie(digests[0], HOST) is None
        assert sorted(heard) == sorted(each.session_id for each in standing)
        assert await store.sessions.end_all_sessions() == 0
        again = session()
        await store.sessions.create_session(again, cookie=cookie(), host=HOST)
        assert await store.sessions.sessions() == [again]
        unsubscribe()

    async def test_listeners_hear_of_an_end_before_it_is_acknowledged(self, store: Store) -> None:
        heard: list[str] = []
        unsubscribe = store.sessions.on_session_end(heard.append)
        ended, replaced, of_person, over = session(), session(), session(guid="b"), session(created_at=NOW - 1e6)
        for written in (ended, replaced, of_person, over):
            await store.sessions.create_session(written, cookie=cookie(), host=HOST)
        await store.sessions.end_session(ended.session_id)
        assert heard == [ended.session_id]
        await store.sessions.replace_session(replaced.session_id, session(), cookie=cookie(), host=HOST)
        assert heard[1:] == [replaced.session_id]
        await store.sessions.end_sessions_of("b")
        assert heard[2:] == [of_person.session_id]
        await store.sessions.remove_expired(now=NOW, limits=LIMITS)
        assert heard[3:] == [over.session_id]
        await store.sessions.end_session("gone")
        await store.sessions.ends_heard()
        unsubscribe()
        await store.sessions.end_sessions_of(principal().guid)
        assert len(heard) == 4

    async def test_listeners_have_heard_of_all_that_others_did_once_it_caught_up(self, store: Store) -> None:
        written = session()
        await store.sessions.create_session(written, cookie=cookie(), host=HOST)
        gaps: list[None] = []
        unsubscribe = store.sessions.on_session_change(lambda _: None), store.sessions.on_gap(lambda: gaps.append(None))
        await store.sessions.update_principal(written)
        await store.sessions.catch_up()
        assert gaps == []
        for each in unsubscribe:
            each()

    async def test_the_hosts_of_sessions_are_told(self, store: Store) -> None:
        one, other = session(), session()
        await store.sessions.create_session(one, cookie=cookie(), host=WIKI)
        await store.sessions.create_session(other, cookie=cookie(), host=HOST)
        for host in (HOST, WIKI):
            await store.sessions.add_cookie(one.session_id, cookie=cookie(), host=host)
        hosts = await store.sessions.hosts_of([one.session_id, "gone", other.session_id])
        assert hosts == {one.session_id: (HOST, WIKI), other.session_id: (HOST,)}
        assert await store.sessions.hosts_of([]) == {}

    async def test_whose_a_session_was_is_known_for_a_while(self, store: Store) -> None:
        now = time.time()
        mine, half = session(guid="a", created_at=now), session(guid="a", is_half=True, created_at=now)
        standing, of_half, added = cookie(), cookie(), cookie()
        await store.sessions.create_session(mine, cookie=standing, host=HOST)
        await store.sessions.add_cookie(mine.session_id, cookie=added, host=WIKI)
        await store.sessions.create_session(half, cookie=of_half, host=HOST)
        for _ in range(2):  # before the end, for a session may be over that was not removed yet, and after it
            assert await store.sessions.former_owner(standing, HOST, now=now) == "a"
            assert await store.sessions.former_owner(added, WIKI, now=now) == "a"
            assert await store.sessions.former_owner(standing, WIKI, now=now) is None
            assert await store.sessions.former_owner(of_half, HOST, now=now) is None
            assert await store.sessions.former_owner(cookie(), HOST, now=now) is None
            await store.sessions.end_sessions_of("a")
        assert await store.sessions.former_owner(standing, HOST, now=now + FORMER_SECONDS - 60) == "a"
        assert await store.sessions.former_owner(standing, HOST, now=now + FORMER_SECONDS + 60) is None

    async def test_whose_a_session_was_is_known_however_it_ended(self, store: Store) -> None:
        now = time.time()
        signed_out, over, renewed = cookie(), cookie(), cookie()
        mine, old = session(guid="a", created_at=now), session(guid="c", created_at=now)
        await store.sessions.create_session(mine, cookie=signed_out, host=HOST)
        await store.sessions.create_session(session(guid="b", created_at=now - 1e6), cookie=over, host=HOST)
        await store.sessions.create_session(old, cookie=renewed, host=HOST)
        await store.sessions.end_session(mine.session_id)
        await store.sessions.replace_session(
            old.session_id, session(guid="c", created_at=now), cookie=cookie(), host=HOST
        )
        await store.sessions.remove_expired(now=now, limits=LIMITS)
        assert [await store.sessions.former_owner(each, HOST, now=now) for each in (signed_out, over, renewed)] == [
            "a",
            "b",
            "c",
        ]

    async def test_what_is_over_is_removed_and_nothing_else(self, store: Store) -> None:
        idle_over = session(last_used_at=NOW - 1800)
        absolute_over = session(created_at=NOW - 43_200, last_used_at=NOW)
        half_over = session(created_at=NOW - 900, is_half=True, last_used_at=NOW)
        live = session(created_at=NOW - 43_199, last_used_at=NOW - 1799)
        half = session(created_at=NOW - 899, is_half=True)
        by_password = session(created_at=NOW - 2000, factors=((Factor.PASSWORD,),), last_used_at=NOW)
        for written in (idle_over, absolute_over, half_over, live, half, by_password):
            await store.sessions.create_session(written, cookie=cookie(), host=HOST)
        await store.challenges.put_challenge(challenge(live.session_id, expires_at=NOW))
        await store.tickets.put_ticket(cookie(), ticket(live.session_id, expires_at=NOW))
        await store.kept_requests.put_kept_request(cookie(), b"sealed", expires_at=NOW)
        await store.counters.add(b"over", now=NOW - 10, window_seconds=10)
        await store.counters.add(b"live", now=NOW - 9, window_seconds=10)
        assert await store.sessions.remove_expired(now=NOW, limits=LIMITS) == 7
        assert {found.session_id for found in await store.sessions.sessions()} == {
            live.session_id,
            half.session_id,
            by_password.session_id,
        }
        assert await store.counters.read(b"live", now=NOW) == Count(1, NOW + 1)
        assert await store.sessions.remove_expired(now=NOW, limits=LIMITS) == 0

    async def test_what_claims_to_be_from_the_future_counts_from_when_it_was_seen(self, store: Store) -> None:
        """Begun, used or proven by a clock that was an hour ahead. Up to a minute is how clocks differ."""
        later = NOW + 3600
        begun, used = session(created_at=later), session(created_at=NOW - 100, last_used_at=later)
        skewed = session(created_at=NOW + 60)
        half = session(created_at=later, is_half=True)
        for written in (begun, used, skewed, half):
            await store.sessions.create_session(written, cookie=cookie(), host=HOST)
        assert await store.sessions.persons() == {begun.principal.guid: later}
        assert await store.sessions.remove_expired(now=NOW, limits=LIMITS) == 0
        found = await store.sessions.sessions_by_id([each.session_id for each in (begun, used, skewed, half)])
        seen = replace(
            begun, created_at=NOW, last_used_at=NOW, proven=(Proof(Factor.PASSWORD, NOW), Proof(Factor.SMS, NOW))
        )
        assert found[begun.session_id] == seen
        assert found[used.session_id] == replace(used, last_used_at=NOW)
        assert found[skewed.session_id] == skewed
        assert found[half.session_id] == replace(
            half, created_at=NOW, last_used_at=NOW, proven=(Proof(Factor.PASSWORD, NOW),)
        )
        assert await store.sessions.persons() == {begun.principal.guid: NOW + 60}
        assert {each.session_id for each in await store.sessions.sessions(begun.principal.guid)} == set(found)
        assert await store.sessions.remove_expired(now=NOW + 900, limits=LIMITS) == 1
        await store.sessions.touch_sessions([(begun.session_id, NOW + 1000)])
        assert await store.sessions.remove_expired(now=NOW + 1800 + 60, limits=LIMITS) == 2
        await store.sessions.touch_sessions([(begun.session_id, NOW + 43_200)])
        assert await store.sessions.remove_expired(now=NOW + 43_200, limits=LIMITS) == 1
        assert await store.sessions.sessions() == []

    # Challenges.
    async def test_a_challenge_of_a_clock_that_was_far_ahead_is_over(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        ahead = challenge(mine.session_id, created_at=NOW + 3600, expires_at=NOW + 3900)
        await store.challenges.put_challenge(ahead)
        of_mine = {"session_id": mine.session_id, "now": NOW}
        assert await store.challenges.challenge(ahead.challenge_id, **of_mine) is None  # type: ignore[arg-type]
        assert await store.challenges.challenge_of_session(**of_mine) is None  # type: ignore[arg-type]
        result = await store.challenges.answer_challenge(ahead.challenge_id, digest=b"right", **of_mine)  # type: ignore[arg-type]
        assert result.attempt is Attempt.GONE
        skewed = challenge(mine.session_id, created_at=NOW + 60, expires_at=NOW + 360)
        assert await store.challenges.put_challenge(skewed, newest="")
        assert await store.challenges.challenge_of_session(**of_mine) == skewed  # type: ignore[arg-type]
        result = await store.challenges.answer_challenge(skewed.challenge_id, digest=b"right", **of_mine)  # type: ignore[arg-type]
        assert result.attempt is Attempt.ACCEPTED

    async def test_a_challenge_is_read_back_by_its_session_only(self, store: Store) -> None:
        mine, other = session(is_half=True), session(is_half=True)
        for written in (mine, other):
            await store.sessions.create_session(written, cookie=cookie(), host=HOST)
        pending = challenge(
            mine.session_id,
            return_to="https://wiki.corp.example/a?b",
            start_digest="x",
            number_digest=b"n",
            factor=Factor.EMAIL,
        )
        await store.challenges.put_challenge(pending)
        assert await store.challenges.challenge(pending.challenge_id, session_id=mine.session_id, now=NOW) == pending
        assert await store.challenges.challenge(pending.challenge_id, session_id=other.session_id, now=NOW) is None
        answer = await store.challenges.answer_challenge(
            pending.challenge_id, session_id=other.session_id, digest=pending.digest, now=NOW
        )
        assert answer.attempt is Attempt.GONE
        assert await store.challenges.challenge(pending.challenge_id, session_id=mine.session_id, now=NOW) == pending

    async def test_the_newest_live_challenge_of_a_session_is_found(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        assert await store.challenges.challenge_of_session(mine.session_id, now=NOW) is None
        old, new = challenge(mine.session_id), challenge(mine.session_id, created_at=NOW + 1, expires_at=NOW + 100)
        await store.challenges.put_challenge(new)
        await store.challenges.put_challenge(old)
        assert await store.challenges.challenge_of_session(mine.session_id, now=NOW) == new
        assert await store.challenges.challenge_of_session(mine.session_id, now=NOW + 100) == old
        assert await store.challenges.challenge_of_session(mine.session_id, now=NOW + 300) is None

    async def test_of_challenges_put_at_the_same_time_in_the_place_of_one_only_one_is(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        over = challenge(mine.session_id, created_at=NOW - 300, expires_at=NOW)
        await store.challenges.put_challenge(over)
        newest = ""
        for later in (0, 1):
            rivals = [challenge(mine.session_id, created_at=NOW + later + n / 100) for n in range(20)]
            put = await asyncio.gather(*(store.challenges.put_challenge(each, newest=newest) for each in rivals))
            assert put.count(True) == 1
            standing = await store.challenges.challenge_of_session(mine.session_id, now=NOW + 2)
            assert standing == rivals[put.index(True)]
            newest = standing.challenge_id
        assert not await store.challenges.put_challenge(challenge(mine.session_id), newest=over.challenge_id)
        assert await store.challenges.put_challenge(challenge(mine.session_id))

    async def test_a_challenge_of_an_ended_session_is_not_kept(self, store: Store) -> None:
        assert not await store.challenges.put_challenge(challenge("gone"))
        assert not await store.challenges.put_challenge(challenge("gone"), newest="")
        assert await store.challenges.challenge_of_session("gone", now=NOW) is None

    async def test_a_challenge_expires_at_its_instant(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        pending = challenge(mine.session_id)
        await store.challenges.put_challenge(pending)

        async def answer(now: float) -> Attempt:
            result = await store.challenges.answer_challenge(
                pending.challenge_id, session_id=mine.session_id, digest=b"right", now=now
            )
            return result.attempt

        assert (
            await store.challenges.challenge(pending.challenge_id, session_id=mine.session_id, now=NOW + 299.999)
            is not None
        )
        assert await store.challenges.challenge(pending.challenge_id, session_id=mine.session_id, now=NOW + 300) is None
        assert not await store.challenges.mark_sent(pending.challenge_id, now=NOW + 300, not_before=NOW + 300)
        assert await answer(NOW + 300) is Attempt.GONE
        assert await answer(NOW + 299.999) is Attempt.ACCEPTED

    async def test_a_passcode_is_accepted_once(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        pending = challenge(mine.session_id)
        await store.challenges.put_challenge(pending)
        results = await asyncio.gather(
            *(
                store.challenges.answer_challenge(
                    pending.challenge_id, session_id=mine.session_id, digest=b"right", now=NOW
                )
                for _ in range(50)
            )
        )
        assert Tally(result.attempt for result in results) == {Attempt.ACCEPTED: 1, Attempt.GONE: 49}

    async def test_parallel_wrong_answers_never_win_an_attempt(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        pending = challenge(mine.session_id)
        await store.challenges.put_challenge(pending)
        results = await asyncio.gather(
            *(
                store.challenges.answer_challenge(
                    pending.challenge_id, session_id=mine.session_id, digest=b"wrong", now=NOW
                )
                for _ in range(50)
            )
        )
        assert Tally(result.attempt for result in results) == {
            Attempt.WRONG: 4,
            Attempt.EXHAUSTED: 1,
            Attempt.GONE: 45,
        }
        judged = (result.attempts_left for result in results if result.attempt is not Attempt.GONE)
        assert sorted(judged) == [0, 1, 2, 3, 4], "each counted, in whatever order they came"
        late = await store.challenges.answer_challenge(
            pending.challenge_id, session_id=mine.session_id, digest=b"right", now=NOW
        )
        assert late.attempt is Attempt.GONE

    async def test_a_resend_is_claimed_by_one_and_resets_no_attempts(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        pending = challenge(mine.session_id)
        await store.challenges.put_challenge(pending)
        await store.challenges.answer_challenge(
            pending.challenge_id, session_id=mine.session_id, digest=b"wrong", now=NOW
        )
        assert not await store.challenges.mark_sent(pending.challenge_id, now=NOW + 29, not_before=NOW - 1)
        claims = await asyncio.gather(
            *(store.challenges.mark_sent(pending.challenge_id, now=NOW + 30, not_before=NOW) for _ in range(20))
        )
        assert claims.count(True) == 1
        found = await store.challenges.challenge(pending.challenge_id, session_id=mine.session_id, now=NOW + 30)
        assert found == replace(pending, last_sent_at=NOW + 30, attempts_left=4)
        assert not await store.challenges.mark_sent("gone", now=NOW, not_before=NOW)

    # Tickets.
    async def test_a_ticket_is_taken_once(self, store: Store) -> None:
        mine = session()
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        digest, written = cookie(), ticket(mine.session_id)
        await store.tickets.put_ticket(digest, written)
        taken = await asyncio.gather(*(store.tickets.take_ticket(digest, now=NOW) for _ in range(20)))
        assert [found for found in taken if found is not None] == [written]

    async def test_a_ticket_expires_at_its_instant(self, store: Store) -> None:
        mine = session()
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        one, two = cookie(), cookie()
        for digest in (one, two):
            await store.tickets.put_ticket(digest, ticket(mine.session_id))
        assert await store.tickets.take_ticket(one, now=NOW + 30) is None
        assert await store.tickets.take_ticket(two, now=NOW + 29.999) is not None
        assert await store.tickets.take_ticket(cookie(), now=NOW) is None

    async def test_a_ticket_of_an_ended_session_is_not_kept(self, store: Store) -> None:
        digest = cookie()
        await store.tickets.put_ticket(digest, ticket("gone"))
        assert await store.tickets.take_ticket(digest, now=NOW) is None

    # Kept requests.
    # Messages.
    async def test_a_message_is_found_by_its_id_and_by_its_challenge(self, store: Store) -> None:
        first = sending("challenge", sent_at=NOW, report_id="kapow_http:7", has_tag=True)
        second = sending("challenge", sent_at=NOW + 30.5, channel="email", kind=ChannelKind.EMAIL)
        await store.deliveries.put_sending(second)
        await store.deliveries.put_sending(first)
        await store.deliveries.put_sending(sending("another"))
        assert await store.deliveries.sendings_of("challenge", now=NOW) == (first, second)
        assert await store.deliveries.sending(second.message_id, now=NOW) == second
        assert await store.deliveries.sending("unheard-of", now=NOW) is None
        assert await store.deliveries.sendings_of("unheard-of", now=NOW) == ()

    async def test_what_becomes_known_of_a_message_replaces_what_was_known(self, store: Store) -> None:
        sent = sending("challenge")
        await store.deliveries.put_sending(sent)
        bounced = replace(sent, status=DeliveryStatus.FAILED, reason="550 5.1.1")
        await store.deliveries.put_sending(bounced)
        assert await store.deliveries.sendings_of("challenge", now=NOW) == (bounced,)
        assert await store.deliveries.sending(sent.message_id, now=NOW) == bounced

    async def test_a_message_outlives_its_session_and_is_forgotten_at_its_instant(self, store: Store) -> None:
        mine = session(is_half=True)
        await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
        sent = sending("challenge")
        await store.deliveries.put_sending(sent)
        await store.sessions.end_session(mine.session_id)
        assert await store.deliveries.sending(sent.message_id, now=sent.expires_at - 0.001) == sent
        assert await store.deliveries.sending(sent.message_id, now=sent.expires_at) is None
        assert await store.deliveries.sendings_of("challenge", now=sent.expires_at) == ()
        assert await store.sessions.remove_expired(now=sent.expires_at, limits=LIMITS) >= 1

    async def test_how_long_messages_took_is_remembered_of_each_channel_the_latest(self, store: Store) -> None:
        took = [Arrival(NOW + n, n + 0.1) for n in range(MOST_ARRIVALS + 2)]
        for each in took:
            await store.arrivals.put_arrival("kapow", each)
        await store.arrivals.put_arrival("email", took[0])
        await store.arrivals.put_arrival("email", took[0])
        assert set(await store.arrivals.arrivals("kapow")) == set(took[2:])
        assert await store.arrivals.arrivals("email") == (took[0], took[0])
        assert await store.arrivals.arrivals("unheard-of") == ()

    async def test_how_long_messages_took_is_forgotten_of_a_channel_that_is_not_used_any_more(
        self, store: Store
    ) -> None:
        for channel, at in (("kapow", NOW), ("email", NOW), ("email", NOW + 1)):
            await store.arrivals.put_arrival(channel, Arrival(at, 7.0))
        await store.sessions.remove_expired(now=NOW + ARRIVALS_KEPT, limits=LIMITS)
        assert await store.arrivals.arrivals("kapow") == ()
        assert len(await store.arrivals.arrivals("email")) == 2
        await store.sessions.remove_expired(now=NOW + 1 + ARRIVALS_KEPT, limits=LIMITS)
        assert await store.arrivals.arrivals("email") == ()

    async def test_a_kept_request_is_taken_once(self, store: Store) -> None:
        digest, sealed = cookie(), os.urandom(100_000)
        await store.kept_requests.put_kept_request(digest, sealed, expires_at=NOW + 300)
        taken = await asyncio.gather(*(store.kept_requests.take_kept_request(digest, now=NOW) for _ in range(20)))
        assert [found for found in taken if found is not None] == [sealed]

    async def test_a_kept_request_may_be_read_before_it_is_taken(self, store: Store) -> None:
        digest = cookie()
        assert await store.kept_requests.kept_request(digest, now=NOW) is None
        await store.kept_requests.put_kept_request(digest, b"sealed", expires_at=NOW + 300)
        assert [await store.kept_requests.kept_request(digest, now=NOW + at) for at in (0, 299.9, 300)] == [
            b"sealed",
            b"sealed",
            None,
        ]
        assert await store.kept_requests.take_kept_request(digest, now=NOW) == b"sealed"
        assert await store.kept_requests.kept_request(digest, now=NOW) is None

    async def test_what_was_taken_may_be_kept_anew_under_its_name(self, store: Store) -> None:
        digest = cookie()
        await store.kept_requests.put_kept_request(digest, b"first", expires_at=NOW + 300)
        await store.kept_requests.take_kept_request(digest, now=NOW)
        await store.kept_requests.put_kept_request(digest, b"second" * 1_000_000, expires_at=NOW + 600)
        assert await store.kept_requests.kept_request(digest, now=NOW + 300) == b"second" * 1_000_000

    async def test_a_kept_request_expires_at_its_instant(self, store: Store) -> None:
        one, two = cookie(), cookie()
        for digest in (one, two):
            await store.kept_requests.put_kept_request(digest, b"sealed", expires_at=NOW + 300)
        assert await store.kept_requests.take_kept_request(one, now=NOW + 300) is None
        assert await store.kept_requests.take_kept_request(two, now=NOW + 299.9) == b"sealed"
        assert await store.kept_requests.take_kept_request(cookie(), now=NOW) is None

    # Counters.
    async def test_a_counter_counts_within_the_window_that_its_first_count_opened(self, store: Store) -> None:
        assert await store.counters.read(b"k", now=NOW) is None
        assert await store.counters.add(b"k", now=NOW + 10, window_seconds=60) == Count(1, NOW + 70)
        assert await store.counters.add(b"k", now=NOW + 69.9, window_seconds=60) == Count(2, NOW + 70)
        assert await store.counters.read(b"k", now=NOW + 69.9) == Count(2, NOW + 70)
        assert await store.counters.add(b"other", now=NOW + 10, window_seconds=60) == Count(1, NOW + 70)
        assert await store.counters.read(b"k", now=NOW + 70) is None
        assert await store.counters.add(b"k", now=NOW + 70, window_seconds=60) == Count(1, NOW + 130)

    async def test_giving_back_never_goes_below_zero_and_opens_no_window(self, store: Store) -> None:
        await store.counters.give_back(b"k", 3, now=NOW)
        assert await store.counters.read(b"k", now=NOW) is None
        assert await store.counters.add(b"k", now=NOW + 5, window_seconds=60) == Count(1, NOW + 65)
        await store.counters.give_back(b"k", 3, now=NOW + 6)
        assert await store.counters.read(b"k", now=NOW + 6) == Count(0, NOW + 65)
        await store.counters.give_back(b"k", now=NOW + 65)
        assert await store.counters.read(b"k", now=NOW + 65) is None

    async def test_so_much_is_given_back_as_is_said(self, store: Store) -> None:
        for _ in range(5):
            await store.counters.add(b"k", now=NOW, window_seconds=60)
        await store.counters.give_back(b"k", now=NOW)
        await store.counters.give_back(b"k", 2, now=NOW)
        assert await store.counters.read(b"k", now=NOW) == Count(2, NOW + 60)

    async def test_parallel_counts_are_all_counted(self, store: Store) -> None:
        counts = await asyncio.gather(*(store.counters.add(b"k", now=NOW, window_seconds=60) for _ in range(100)))
        assert sorted(count.value for count in counts) == list(range(1, 101))

    async def test_a_counter_is_reset(self, store: Store) -> None:
        await store.counters.add(b"k", now=NOW, window_seconds=60)
        await store.counters.reset_count(b"k")
        await store.counters.reset_count(b"unknown")
        assert await store.counters.read(b"k", now=NOW) is None

    async def test_what_may_be_used_once_is_used_by_one_of_many(self, store: Store) -> None:
        """Such as the authenticator of a Kerberos ticket."""
        once = Counter(key=b"authenticator", limit=1, window_seconds=600)
        results = await asyncio.gather(*(store.counters.reserve([once], now=NOW) for _ in range(20)))
        assert results.count(None) == 1
        assert await store.counters.reserve([once], now=NOW + 599.9) == Reached(0, NOW + 600)
        assert await store.counters.reserve([once], now=NOW + 600) is None

    async def test_all_counters_are_reserved_or_none(self, store: Store) -> None:
        counters = [Counter(key=key, limit=limit, window_seconds=60) for key, limit in ((b"a", 5), (b"b", 3))]
        results = await asyncio.gather(*(store.counters.reserve(counters, now=NOW) for _ in range(20)))
        assert results.count(None) == 3
        assert [result for result in results if result is not None] == [Reached(1, NOW + 60)] * 17
        assert await store.counters.read(b"a", now=NOW) == Count(3, NOW + 60)
        assert await store.counters.reserve(counters, now=NOW + 60) is None

    async def test_a_sliding_window_starts_anew_with_each_count(self, store: Store) -> None:
        counter = Counter(key=b"s", limit=3, window_seconds=60, is_sliding=True)
        for second in (0, 50, 100):
            assert await store.counters.reserve([counter], now=NOW + second) is None
        assert await store.counters.reserve([counter], now=NOW + 159.9) == Reached(0, NOW + 160)
        assert await store.counters.reserve([counter], now=NOW + 160) is None
        assert await store.counters.read(b"s", now=NOW + 160) == Count(1, NOW + 220)

    async def test_sliding_windows_of_counters_counted_together_end_together(self, store: Store) -> None:
        both = [Counter(key=key, limit=9, window_seconds=1860.1, is_sliding=True) for key in (b"all", b"one")]
        for second in (0.123456789, 7.7, 7.3):  # workers' clocks differ
            assert await store.counters.reserve(both, now=NOW + second) is None
            everywhere, here = [await store.counters.read(each.key, now=NOW + 9) for each in both]
            assert everywhere == here is not None
        assert await store.counters.reserve(both[:1], now=NOW + 8) is None
        await store.counters.give_back(b"all", now=NOW + 9)
        everywhere, here = [await store.counters.read(each.key, now=NOW + 9) for each in both]
        assert everywhere is not None
        assert here is not None
        assert everywhere.value == here.value
        assert everywhere.window_ends_at != here.window_ends_at

    # What is remembered of persons.
    async def test_a_familiar_address_is_one_persons_until_its_time_is_over(self, store: Store) -> None:
        await store.counters.add_familiar(b"a", b"home", now=NOW, expires_at=NOW + 10, most=5)
        assert await store.counters.is_familiar(b"a", b"home", now=NOW + 9.9)
        assert not await store.counters.is_familiar(b"a", b"home", now=NOW + 10)
        assert not await store.counters.is_familiar(b"a", b"work", now=NOW)
        assert not await store.counters.is_familiar(b"b", b"home", now=NOW)
        await store.counters.add_familiar(b"a", b"home", now=NOW + 5, expires_at=NOW + 15, most=5)
        assert await store.counters.is_familiar(b"a", b"home", now=NOW + 14)

    async def test_the_latest_familiar_addresses_are_kept_and_no_more(self, store: Store) -> None:
        await store.counters.add_familiar(b"b", b"0", now=NOW, expires_at=NOW + 100, most=3)
        for number in range(6):
            expires_at = NOW + 100 + number
            await store.counters.add_familiar(b"a", str(number).encode(), now=NOW, expires_at=expires_at, most=3)
        kept = [number for number in range(6) if await store.counters.is_familiar(b"a", str(number).encode(), now=NOW)]
        assert kept == [3, 4, 5]
        assert await store.counters.is_familiar(b"b", b"0", now=NOW)

    async def test_one_number_of_a_person_is_known(self, store: Store) -> None:
        assert await store.numbers.known_number("a") is None
        for digest in (b"old", b"new"):
            await store.numbers.put_known_number("a", KnownNumber(digest=digest, sealed=b"s" + digest, used_at=NOW))
        assert await store.numbers.known_number("a") == KnownNumber(digest=b"new", sealed=b"snew", used_at=NOW)
        assert await store.numbers.known_number("b") is None

    async def test_what_is_known_of_persons_is_removed_when_it_is_old(self, store: Store) -> None:
        await store.counters.add_familiar(b"a", b"old", now=NOW, expires_at=NOW, most=9)
        await store.counters.add_familiar(b"a", b"new", now=NOW - 1, expires_at=NOW + 1, most=9)
        await store.numbers.put_known_number(
            "old", KnownNumber(digest=b"d", sealed=b"", used_at=NOW - REMEMBERED_SECONDS)
        )
        await store.numbers.put_known_number("new", KnownNumber(digest=b"d", sealed=b"", used_at=NOW))
        assert await store.sessions.remove_expired(now=NOW, limits=LIMITS) == 2
        assert await store.numbers.known_number("old") is None
        assert await store.numbers.known_number("new") is not None
        assert await store.sessions.remove_expired(now=NOW, limits=LIMITS) == 0

    # Failed deliveries.
    async def test_failures_are_told_from_an_instant_on_the_latest_first(self, store: Store) -> None:
        assert await store.deliveries.failures(since=0.0) == ()
        told = [failure(message_id=str(n), failed_at=NOW + n, reason=reason) for n, reason in enumerate(FailureReason)]
        for each in told:
            await store.deliveries.put_failure(each)
        assert await store.deliveries.failures(since=0.0) == tuple(reversed(told))
        assert await store.deliveries.failures(since=NOW + 2) == tuple(reversed(told[3:]))

    async def test_the_latest_failures_are_kept_for_some_days_and_no_more(self, store: Store) -> None:
        await store.deliveries.put_failure(failure(message_id="old", failed_at=NOW - FAILURES_KEPT))
        for n in range(3):
            await store.deliveries.put_failure(failure(message_id=str(n), failed_at=NOW + n))
        assert [each.message_id for each in await store.deliveries.failures(since=0.0)] == ["2", "1", "0"]
        for n in range(3, MOST_FAILURES + 2):
            await store.deliveries.put_failure(failure(message_id=str(n), failed_at=NOW + n))
        assert len(await store.deliveries.failures(since=0.0)) == MOST_FAILURES

    # Leases.
    async def test_a_lease_is_one_holders_until_it_ends_or_is_given_back(self, store: Store) -> None:
        taken = await asyncio.gather(*(store.leases.take_lease("watch", str(n), now=NOW, seconds=5) for n in range(20)))
        assert taken.count(True) == 1
        holder = str(taken.index(True))
        assert await store.leases.take_lease("other", "b", now=NOW, seconds=5)
        assert await store.leases.take_lease("watch", holder, now=NOW + 3, seconds=5)
        assert not await store.leases.take_lease("watch", "b", now=NOW + 7.9, seconds=5)
        await store.leases.drop_lease("watch", "b")
        assert not await store.leases.take_lease("watch", "b", now=NOW + 7.9, seconds=5)
        await store.leases.drop_lease("watch", holder)
        assert await store.leases.take_lease("watch", "b", now=NOW + 7.9, seconds=5)
        assert not await store.leases.take_lease("watch", holder, now=NOW + 8, seconds=5)

    # The house.
    async def test_a_store_that_is_there_answers_a_ping(self, store: Store) -> None:
        await store.ping()

    @pytest.mark.parametrize("field", ["session_id", "client_address", "user_agent"])
    def test_a_session_shows_no_secrets_when_printed(self, field: str) -> None:
        shown = session(**{field: "secret-value"})
        assert "secret-value" not in repr(shown)
