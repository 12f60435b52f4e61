"""What every store must keep of sessions: `proxy.sessions.session_store`."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace

from config.factors import Factor
from proxy.factors.challenge import Attempt
from proxy.factors.confinement import Confinement
from proxy.factors.proof import Proof
from proxy.operations.store_errors import StoreUnavailable
from proxy.sessions.session_store import FORMER_SECONDS
from proxy.sessions.way import TOKEN_HOST, Way
from proxy.store.contract import Store
from proxy.throttle.counter_store import Count
from tests.store.contract.values import HOST, LIMITS, WIKI, cookie, ticket
from tests.support.people import NOW, challenge, principal, session


class SessionsContract:
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

    async def test_a_text_that_reads_like_a_command_is_a_value(self, store: Store) -> None:
        hostile = "'); DROP TABLE sessions; --\r\n*1\r\n$8\r\nFLUSHDB\r\n\") redis.call('FLUSHDB')"
        one, two = cookie(), cookie()
        written = session(user_agent=hostile, principal=principal(username=hostile))
        await store.sessions.create_session(session(), cookie=one, host=HOST)
        await store.sessions.create_session(written, cookie=two, host=HOST)
        assert await store.sessions.session_by_cookie(two, HOST) == written
        assert await store.sessions.session_by_cookie(one, HOST) is not None
        assert await store.sessions.session_by_cookie(two, hostile) is None

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

    async def test_a_cookie_opens_one_session_on_one_host(self, store: Store) -> None:
        """A token is never given out twice: should its digest come twice, it opens nothing more than one session."""
        one, two, digest = session(), session(), cookie()
        await store.sessions.create_session(one, cookie=digest, host=HOST)
        await store.sessions.create_session(two, cookie=cookie(), host=HOST)
        with suppress(StoreUnavailable):
            await store.sessions.add_cookie(two.session_id, cookie=digest, host=WIKI)
        found = [await store.sessions.session_by_cookie(digest, host) for host in (HOST, WIKI)]
        assert found in ([one, None], [None, two])

    async def test_a_cookie_of_an_ended_session_opens_no_other(self, store: Store) -> None:
        one, two, digest = session(), session(), cookie()
        await store.sessions.create_session(one, cookie=digest, host=HOST)
        await store.sessions.create_session(two, cookie=cookie(), host=HOST)
        await store.sessions.end_session(one.session_id)
        assert await store.sessions.session_by_cookie(digest, HOST) is None
        assert await store.sessions.add_cookie(one.session_id, cookie=digest, host=WIKI) is None
        assert await store.sessions.session_by_cookie(digest, WIKI) is None

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

    async def test_with_one_more_than_the_most_the_oldest_ends(self, store: Store) -> None:
        half, other = session(is_half=True, created_at=NOW - 900), session(guid="other", created_at=NOW - 900)
        first, second, third = (session(created_at=NOW + number) for number in range(3))
        for written in (half, other, second, first):
            await store.sessions.create_session(written, cookie=cookie(), host=HOST, most=2)
        heard: list[str] = []
        unsubscribe = store.sessions.on_session_end(heard.append)
        await store.sessions.create_session(third, cookie=cookie(), host=HOST, most=2)
        assert heard == [first.session_id]
        begun = session(is_half=True, created_at=NOW + 3)
        await store.sessions.create_session(begun, cookie=cookie(), host=HOST, most=2)
        assert heard == [first.session_id], "only who has signed in takes the place of another session"
        signed_in = session(created_at=NOW - 1)
        assert await store.sessions.replace_session(begun.session_id, signed_in, cookie=cookie(), host=HOST, most=2)
        assert heard[1:] == [begun.session_id, second.session_id], "however old, it is not the one that ends"
        unsubscribe()
        standing = {each.session_id for each in await store.sessions.sessions()}
        assert standing == {each.session_id for each in (half, other, signed_in, third)}

    async def test_sessions_of_credentials_do_not_count_among_a_persons(self, store: Store) -> None:
        confined = Confinement(apps=("Wiki",), credential_id="c")
        factors = ((Factor.APP_PASSWORD,),)
        of_password = session(factors=factors, confined=confined, way=Way.APP_PASSWORD, created_at=NOW - 60)
        await store.sessions.create_session(of_password, cookie=cookie(), host=TOKEN_HOST)
        first, second = session(created_at=NOW), session(created_at=NOW + 1)
        for written in (first, second):
            await store.sessions.create_session(written, cookie=cookie(), host=HOST, most=1)
        assert await store.sessions.sessions() == [of_password, second]

    async def test_a_token_names_no_session_on_a_host(self, store: Store) -> None:
        written, token = session(way=Way.SSH), cookie()
        await store.sessions.create_session(written, cookie=token, host=TOKEN_HOST)
        assert await store.sessions.session_by_cookie(token, TOKEN_HOST) == written
        assert await store.sessions.session_by_cookie(token, HOST) is None

    async def test_a_session_that_is_not_replaced_ends_no_other(self, store: Store) -> None:
        standing = session()
        await store.sessions.create_session(standing, cookie=cookie(), host=HOST)
        assert not await store.sessions.replace_session("gone", session(), cookie=cookie(), host=HOST, most=1)
        assert await store.sessions.sessions() == [standing]

    async def test_parallel_sign_ins_leave_no_more_than_the_most(self, store: Store) -> None:
        halves = [session(is_half=True) for _ in range(10)]
        for half in halves:
            await store.sessions.create_session(half, cookie=cookie(), host=HOST)
        replaced = [
            store.sessions.replace_session(half.session_id, session(), cookie=cookie(), host=HOST, most=3)
            for half in halves
        ]
        created = [store.sessions.create_session(session(), cookie=cookie(), host=HOST, most=3) for _ in range(10)]
        await asyncio.gather(*replaced, *created)
        assert len(await store.sessions.sessions()) == 3

    async def test_the_newest_are_listed_and_no_more_than_one_asks_for(self, store: Store) -> None:
        written = [session(created_at=NOW + seconds) for seconds in (3, 1, 2)]
        assert await store.sessions.newest_sessions(2) == []
        for each in written:
            await store.sessions.create_session(each, cookie=cookie(), host=HOST)
        assert await store.sessions.newest_sessions(2) == [written[0], written[2]]
        assert await store.sessions.newest_sessions(9) == [written[0], written[2], written[1]]

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
