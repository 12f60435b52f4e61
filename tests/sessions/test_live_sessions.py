"""Sessions in the worker: limits to the second, ends at once, uses counted, memory bounded."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import replace

import pytest

from config.settings import SessionSettings
from proxy.operations.store_errors import StoreUnavailable
from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.last_uses import CLEAN_UP_SLACK_SECONDS
from proxy.sessions.live_sessions import LiveSessions, cookie_key
from proxy.sessions.session import Session, SessionEnds
from proxy.sessions.upkeep import keep_up
from tests.store.contract.passes import begun_with_a_pass
from tests.support.eventually import eventually
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW, principal, session

HOST = "wiki.corp.example"
LIMITS = SessionSettings(idle=600.0, absolute=3600.0)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def live(store: MemoryStore) -> LiveSessions:
    return LiveSessions(store.sessions, LIMITS, monotonic=lambda: 0.0)


def cached(live: LiveSessions, token: bytes, host: str, now: float) -> Session | None:
    return live.known_by(cookie_key(token, host), now)


async def signed_in(store: MemoryStore, written: Session | None = None) -> tuple[bytes, Session]:
    token, written = new_token().encode(), written or session()
    await store.sessions.create_session(written, cookie=token_digest(token), host=HOST)
    return token, written


async def test_a_session_is_read_once(store: MemoryStore, live: LiveSessions) -> None:
    token, written = await signed_in(store)
    assert cached(live, token, HOST, NOW) is None
    assert await live.find(token, HOST, NOW) == written
    assert cached(live, token, HOST, NOW + 1) == written
    assert await live.find(token, HOST, NOW + 2) == written
    assert store.calls.count("session_by_cookie") == 1
    assert cached(live, token, "other.corp.example", NOW) is None


async def test_memory_holds_no_token(store: MemoryStore, live: LiveSessions) -> None:
    token, _ = await signed_in(store)
    await live.find(token, HOST, NOW)
    assert all(token not in key and token.decode() not in key for key in live.kept.by_cookie)


@pytest.mark.parametrize("token", [b"", b"x", b"a" * 42, b"a" * 44, b"a" * 42 + b"=", b"a" * 42 + b"\n", b"\xff" * 43])
async def test_a_malformed_token_is_none_without_a_look_up(
    store: MemoryStore, live: LiveSessions, token: bytes
) -> None:
    store.away = True
    assert await live.find(token, HOST, NOW) is None
    assert store.calls == []


async def test_what_is_over_already_is_not_kept(store: MemoryStore, live: LiveSessions) -> None:
    token, _ = await signed_in(store)
    assert await live.find(token, HOST, NOW + 600) is None
    assert len(live) == 0


async def test_an_unknown_token_is_asked_for_again(store: MemoryStore, live: LiveSessions) -> None:
    token = new_token().encode()
    assert await live.find(token, HOST, NOW) is None
    written = session()
    await store.sessions.create_session(written, cookie=token_digest(token), host=HOST)
    assert await live.find(token, HOST, NOW) == written


async def test_the_idle_limit_is_exact_and_every_use_moves_it(store: MemoryStore, live: LiveSessions) -> None:
    token, _ = await signed_in(store)
    await live.find(token, HOST, NOW)
    assert cached(live, token, HOST, NOW + 599.9) is not None
    assert cached(live, token, HOST, NOW + 1199.8) is not None  # counted although nothing was flushed
    assert cached(live, token, HOST, NOW + 1799.9) is None
    assert await live.find(token, HOST, NOW + 1799.9) is None


async def test_a_look_says_how_long_it_lasts_and_is_no_use(store: MemoryStore, live: LiveSessions) -> None:
    token, written = await signed_in(store)
    for seconds in (0, 100, 599):
        looked = await live.look_at(token, HOST, NOW + seconds, sure_for=60.0)
        assert looked == SessionEnds(session=written, idle_at=NOW + 600, ends_at=NOW + 3600)
    assert await live.look_at(token, HOST, NOW + 600, sure_for=60.0) is None
    assert await live.look_at(b"x", HOST, NOW, sure_for=60.0) is None


async def test_a_look_asks_the_store_near_the_end_alone_because_another_worker_may_have_used_it(
    store: MemoryStore, live: LiveSessions
) -> None:
    token, _ = await signed_in(store)
    await live.look_at(token, HOST, NOW, sure_for=60.0)
    other = LiveSessions(store.sessions, LIMITS, monotonic=lambda: 0.0)
    await other.find(token, HOST, NOW + 500)
    await other.uses.flush()
    store.calls.clear()
    before = await live.look_at(token, HOST, NOW + 540, sure_for=60.0)
    assert (before is not None and before.idle_at, store.calls) == (NOW + 600, [])
    after = await live.look_at(token, HOST, NOW + 541, sure_for=60.0)
    assert after is not None
    assert (after.idle_at, after.ends_at) == (NOW + 1100, NOW + 3600)


async def test_the_absolute_limit_is_exact_whatever_the_use(store: MemoryStore, live: LiveSessions) -> None:
    token, _ = await signed_in(store)
    await live.find(token, HOST, NOW)
    for second in range(0, 3600, 300):
        assert cached(live, token, HOST, NOW + second) is not None
    assert cached(live, token, HOST, NOW + 3599.9) is not None
    assert cached(live, token, HOST, NOW + 3600) is None
    await live.uses.flush()
    assert await live.find(token, HOST, NOW + 3600) is None


async def test_a_session_by_a_pass_ends_with_it_whatever_the_use_and_listeners_hear(
    store: MemoryStore, live: LiveSessions
) -> None:
    """So its tunnels are closed, too."""
    token, begun = await signed_in(store, begun_with_a_pass(created_at=NOW))
    ended: list[str] = []
    live.on_end(ended.append)
    for seconds in (0, 300, 599):
        assert await live.find(token, HOST, NOW + seconds) is not None
        live.mark_used(begun.session_id, NOW + seconds)
    await live.expire(NOW + 599.9)
    assert ended == []
    assert cached(live, token, HOST, NOW + 600) is None
    assert await live.find(token, HOST, NOW + 600) is None
    await live.expire(NOW + 600)
    assert ended == [begun.session_id]


async def test_a_session_by_a_pass_that_was_put_aside_ends_with_it(store: MemoryStore) -> None:
    live = LiveSessions(store.sessions, LIMITS, monotonic=lambda: 0.0)
    token, begun = await signed_in(store, begun_with_a_pass(created_at=NOW))
    await live.find(token, HOST, NOW)
    live.kept.put_aside(begun.session_id)
    live.mark_used(begun.session_id, NOW + 590)
    assert live.kept.ends_at(begun.session_id) == NOW + 600


async def test_a_first_factor_lives_fifteen_minutes_whatever_the_use(store: MemoryStore, live: LiveSessions) -> None:
    token, _ = await signed_in(store, session(is_half=True))
    await live.find(token, HOST, NOW)
    assert cached(live, token, HOST, NOW + 899.9) is not None
    assert cached(live, token, HOST, NOW + 900) is None
    assert await live.find(token, HOST, NOW + 900) is None


async def test_a_clock_that_steps_back_shortens_and_lengthens_nothing(store: MemoryStore, live: LiveSessions) -> None:
    token, _ = await signed_in(store)
    await live.find(token, HOST, NOW + 100)
    assert cached(live, token, HOST, NOW - 1000) is not None
    assert cached(live, token, HOST, NOW + 700) is None
    assert cached(live, token, HOST, NOW + 699.9) is not None


async def test_a_use_on_another_worker_counts(store: MemoryStore, live: LiveSessions) -> None:
    token, _ = await signed_in(store)
    other = LiveSessions(store.sessions, LIMITS)
    await live.find(token, HOST, NOW)
    await other.find(token, HOST, NOW + 300)
    await other.uses.flush()
    ended: list[str] = []
    live.on_end(ended.append)
    await live.expire(NOW + 600)
    assert cached(live, token, HOST, NOW + 899.9) is not None
    assert await live.find(token, HOST, NOW + 899.9) is not None
    await live.uses.flush()
    await other.expire(NOW + 900)
    assert await other.find(token, HOST, NOW + 900) is not None
    assert ended == []


async def test_an_idle_session_ends_in_its_second_and_listeners_hear(store: MemoryStore, live: LiveSessions) -> None:
    tokens = [await signed_in(store, session(last_used_at=NOW + i)) for i in range(3)]
    for token, written in tokens:
        await live.find(token, HOST, written.last_used_at)
    ended: list[str] = []
    live.on_end(ended.append)
    store.calls.clear()
    for second in (1, 599.75):
        await live.expire(NOW + second)
    assert store.calls == []  # nothing was due
    await live.expire(NOW + 600)
    assert ended == [tokens[0][1].session_id]
    await live.expire(NOW + 602)
    assert ended == [written.session_id for _, written in tokens]
    assert len(live) == 0


async def test_an_end_is_in_force_at_once(store: MemoryStore, live: LiveSessions) -> None:
    token, written = await signed_in(store)
    await live.find(token, HOST, NOW)
    ended: list[str] = []
    unsubscribe = live.on_end(ended.append)
    await store.sessions.end_session(written.session_id)
    assert ended == [written.session_id]
    assert cached(live, token, HOST, NOW) is None
    assert len(live) == 0
    assert await live.find(token, HOST, NOW) is None
    unsubscribe()
    token, written = await signed_in(store)
    await store.sessions.end_session(written.session_id)
    assert len(ended) == 1


async def test_an_end_during_a_look_up_is_not_overlooked(live: LiveSessions, store: MemoryStore) -> None:
    token, written = await signed_in(store)
    read_it = store.sessions.session_by_cookie

    async def slowly(cookie: bytes, host: str) -> Session | None:
        found = await read_it(cookie, host)
        await store.sessions.end_session(written.session_id)
        return found

    store.sessions.session_by_cookie = slowly  # type: ignore[method-assign]
    assert await live.find(token, HOST, NOW) is None
    assert cached(live, token, HOST, NOW) is None
    assert len(live) == 0


async def test_a_failing_listener_does_not_keep_others_from_hearing(store: MemoryStore, live: LiveSessions) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    def fail(session_id: str) -> None:
        raise ValueError

    ended: list[str] = []
    live.on_end(fail)
    live.on_end(ended.append)
    _, written = await signed_in(store)
    await store.sessions.end_session(written.session_id)
    assert ended == [written.session_id]
    assert len(reported) == 1


async def test_what_is_known_goes_on_without_the_store_and_the_unknown_is_unavailable(
    store: MemoryStore, live: LiveSessions
) -> None:
    token, _ = await signed_in(store)
    await live.find(token, HOST, NOW)
    store.away = True
    assert await live.find(token, HOST, NOW + 1) is not None
    with pytest.raises(StoreUnavailable):
        await live.find(new_token().encode(), HOST, NOW)
    with pytest.raises(StoreUnavailable):
        await live.uses.flush()
    await live.expire(NOW + 601)
    assert cached(live, token, HOST, NOW + 601) is None


async def test_uses_that_could_not_be_flushed_are_flushed_later(store: MemoryStore, live: LiveSessions) -> None:
    token, written = await signed_in(store)
    await live.find(token, HOST, NOW + 50)
    store.away = True
    with pytest.raises(StoreUnavailable):
        await live.uses.flush()
    store.away = False
    await live.uses.flush()
    assert (await store.sessions.sessions())[0].last_used_at == NOW + 50
    assert cached(live, token, HOST, NOW + 50) == replace(written, last_used_at=NOW + 50)
    store.calls.clear()
    await live.uses.flush()
    assert "touch_sessions" not in store.calls


async def test_all_uses_are_flushed_in_one_batch(store: MemoryStore, live: LiveSessions) -> None:
    batches: list[list[tuple[str, float]]] = []

    async def note(used: Iterable[tuple[str, float]]) -> None:
        batches.append(list(used))

    store.sessions.touch_sessions = note  # type: ignore[method-assign]
    for _ in range(3):
        token, _ = await signed_in(store)
        for second in (1, 2, 3):
            await live.find(token, HOST, NOW + second)
    await live.uses.flush()
    assert [[last_used_at for _, last_used_at in batch] for batch in batches] == [[NOW + 3] * 3]


async def test_memory_is_bounded_and_tunnels_of_what_was_put_aside_go_on(store: MemoryStore) -> None:
    live = LiveSessions(store.sessions, LIMITS, monotonic=lambda: 0.0, most_whole=20)
    seen = []
    for second in range(100):
        token, written = await signed_in(store)
        seen.append((token, written))
        await live.find(token, HOST, NOW + second)
    assert len(live.kept.whole) <= 20
    assert len(live.kept.by_cookie) <= 20
    assert len(live) == 100
    assert cached(live, seen[99][0], HOST, NOW + 99) is not None
    assert cached(live, seen[0][0], HOST, NOW + 99) is None
    assert await live.find(seen[0][0], HOST, NOW + 99) is not None
    await live.uses.flush()
    ended: list[str] = []
    live.on_end(ended.append)
    await live.expire(NOW + 601)
    assert ended == [seen[1][1].session_id]  # the first one was used again, and the third has a part of its second left
    await store.sessions.end_session(seen[3][1].session_id)
    assert len(live) == 98


async def test_a_new_principal_counts_at_once(store: MemoryStore, live: LiveSessions) -> None:
    token, written = await signed_in(store)
    await live.find(token, HOST, NOW)
    without_groups = principal(groups=frozenset())
    await live.update_principal(replace(written, principal=without_groups))
    found = cached(live, token, HOST, NOW)
    assert found is not None
    assert found.principal == without_groups
    assert (await store.sessions.sessions())[0].principal == without_groups


async def test_cleaning_up_leaves_time_for_uses_that_other_workers_have_not_flushed(
    store: MemoryStore, live: LiveSessions
) -> None:
    await signed_in(store)
    await live.uses.clean_up(NOW + 600)
    assert len(await store.sessions.sessions()) == 1
    await live.uses.clean_up(NOW + 600 + CLEAN_UP_SLACK_SECONDS)
    assert await store.sessions.sessions() == []


async def test_running_flushes_expires_and_outlives_an_absent_store(store: MemoryStore) -> None:
    now = NOW
    live = LiveSessions(store.sessions, LIMITS)
    token, written = await signed_in(store)
    await live.find(token, HOST, NOW + 1)
    store.away = True
    running = asyncio.create_task(keep_up(live, clock=lambda: now))
    ended = asyncio.get_running_loop().create_future()
    live.on_end(ended.set_result)
    for _ in range(10):
        await asyncio.sleep(0)  # both loops of `run` have had their turn
    assert live.heard.away_since is not None
    store.away = False
    now = NOW + 700
    assert await asyncio.wait_for(ended, 5) == written.session_id
    token, _ = await signed_in(store, session(created_at=now))
    await live.find(token, HOST, now + 7)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert now + 7 in {found.last_used_at for found in await store.sessions.sessions()}


async def test_what_passes_through_a_tunnel_uses_its_session_but_revives_none(
    store: MemoryStore, live: LiveSessions
) -> None:
    token, written = await signed_in(store)
    await live.find(token, HOST, NOW)
    live.mark_used(written.session_id, NOW + 500)
    live.mark_used(written.session_id, NOW + 1100)
    assert cached(live, token, HOST, NOW + 1100) is None
    live.mark_used("unknown", NOW)
    await live.uses.flush()
    (stored,) = (await store.sessions.sessions_by_id([written.session_id])).values()
    assert stored.last_used_at == NOW + 500
    assert cached(live, token, HOST, NOW + 1099) is not None


@pytest.mark.parametrize("goes_on", ["by a request", "by a tunnel"])
async def test_the_latest_use_is_written_of_what_was_used_before_and_after_it_was_put_aside(
    store: MemoryStore, goes_on: str
) -> None:
    live = LiveSessions(store.sessions, LIMITS, monotonic=lambda: 0.0, most_whole=1)
    token, used = await signed_in(store)
    other, _ = await signed_in(store)
    await live.find(token, HOST, NOW + 1)
    await live.find(token, HOST, NOW + 2)
    await live.find(other, HOST, NOW + 3)
    assert cached(live, token, HOST, NOW + 3) is None  # put aside, its use not written yet
    if goes_on == "by a request":
        await live.find(token, HOST, NOW + 4)
    else:
        live.mark_used(used.session_id, NOW + 4)
    await live.uses.flush()
    assert (
        next(
            each.last_used_at
            for each in await store.sessions.sessions(used.principal.guid)
            if each.session_id == used.session_id
        )
        == NOW + 4
    )


async def test_a_tunnel_keeps_a_session_that_was_put_aside(store: MemoryStore) -> None:
    live = LiveSessions(store.sessions, LIMITS, monotonic=lambda: 0.0, most_whole=1)
    first, second = await signed_in(store), await signed_in(store)
    await live.find(first[0], HOST, NOW)
    await live.find(second[0], HOST, NOW + 1)
    assert first[1].session_id in live.kept
    assert first[1].session_id not in live.kept.whole
    live.mark_used(first[1].session_id, NOW + 500)
    await live.uses.flush()
    ended: list[str] = []
    live.on_end(ended.append)
    await live.expire(NOW + 700)
    assert ended == [second[1].session_id]
    await live.expire(NOW + 1099)
    assert ended == [second[1].session_id]


async def test_a_tunnel_of_what_was_put_aside_goes_on_while_its_uses_cannot_be_written() -> None:
    """For longer than it may be idle; no longer than its absolute limit; and the store knows of its use after that."""
    store, now = Unwritable(), [NOW]
    live = LiveSessions(store.sessions, LIMITS, monotonic=lambda: now[0], most_whole=1)
    (first, used), (second, _) = await signed_in(store), await signed_in(store)
    for token in (first, second):
        await live.find(token, HOST, now[0])
        now[0] += 1
    assert used.session_id in live.kept
    assert used.session_id not in live.kept.whole
    await live.uses.flush()
    ended: list[str] = []
    live.on_end(ended.append)

    async def pass_by(seconds: float) -> None:
        now[0] += seconds
        live.mark_used(used.session_id, now[0])
        with contextlib.suppress(StoreUnavailable):
            await live.uses.flush()
        await live.looks.look()
        await live.expire(now[0])

    store.is_full = True
    for _ in range(4):
        await pass_by(LIMITS.idle / 2)
    assert used.session_id not in ended
    store.is_full = False
    await pass_by(1)
    assert (await store.sessions.sessions_by_id([used.session_id]))[used.session_id].last_used_at == now[0]
    store.is_full = True
    while now[0] < NOW + LIMITS.absolute:
        assert used.session_id not in ended
        await pass_by(LIMITS.idle / 2)
    assert used.session_id in ended


class Unwritable(MemoryStore):
    """Which can be read all the same while its disk is full."""

    is_full = False

    def _called(self, method: str) -> None:
        super()._called(method)
        if self.is_full and method in ("touch_sessions", "count_flush"):
            raise StoreUnavailable("the disk is full")


async def test_a_session_of_a_clock_that_was_ahead_outlives_no_limit(store: MemoryStore, live: LiveSessions) -> None:
    """It counts from when it was first seen, however often it is read again, kept whole or put aside."""
    unused, kept = await signed_in(store, session(created_at=NOW + 7200))
    aside, put_aside = await signed_in(store, session(created_at=NOW + 7200))
    used, _ = await signed_in(store, session(created_at=NOW + 7200))
    for token in (unused, aside, used):
        assert await live.find(token, HOST, NOW) is not None
    live.kept.put_aside(put_aside.session_id)
    ended: list[str] = []
    live.on_end(ended.append)
    for later in range(100, int(LIMITS.absolute), 100):
        store.sessions.listeners.tell_gap()
        await live.read_anew(NOW + later)
        await live.looks.look()
        await live.expire(NOW + later)
        assert await live.find(used, HOST, NOW + later) is not None
        assert (kept.session_id in ended) == (later >= LIMITS.idle)
        assert (put_aside.session_id in ended) == (later >= LIMITS.idle)
    assert await live.find(used, HOST, NOW + LIMITS.absolute) is None


async def test_what_is_kept_lives_on_as_long_as_before_when_the_clock_is_set(store: MemoryStore) -> None:
    for seconds in (7200.0, -7200.0):
        live = LiveSessions(store.sessions, LIMITS, monotonic=lambda: 0.0)
        token, written = await signed_in(store)
        assert await live.find(token, HOST, NOW + 100) is not None
        await live.uses.flush()
        live.go_on_from(seconds)
        await live.uses.flush()
        stored = (await store.sessions.sessions_by_id([written.session_id]))[written.session_id]
        assert stored.last_used_at == NOW + 100 + max(seconds, 0.0), "no node takes it for unused"
        now = NOW + seconds
        assert cached(live, token, HOST, now + 100 + LIMITS.idle) is None
        await live.expire(now + 100 + LIMITS.idle - 1)
        assert cached(live, token, HOST, now + 100 + LIMITS.idle - 1) is not None


async def test_who_follows_the_clock_first_signs_nobody_out_whom_others_serve(store: MemoryStore) -> None:
    """Half an hour forward, where sessions may be idle for ten minutes."""
    now = [NOW]
    first, second = (LiveSessions(store.sessions, LIMITS, monotonic=lambda: now[0]) for _ in range(2))
    (used, _), (unused, _), (tunnelled, _) = [await signed_in(store) for _ in range(3)]
    for token in (used, unused, tunnelled):
        assert await second.find(token, HOST, now[0]) is not None
    assert await first.find(tunnelled, HOST, now[0]) is not None
    for _ in range(2):
        for worker in (first, second):
            await worker.uses.flush()
            await worker.looks.look()
        now[0] += 1
    first.go_on_from(1800.0)
    with pytest.raises(StoreUnavailable, match="nobody knows when"):
        await first.find(used, HOST, now[0] + 1800.0)
    ended: list[str] = []
    first.on_end(ended.append)
    await first.expire(now[0] + 1800.0)
    assert ended == []
    await first.looks.look()
    assert cached(first, tunnelled, HOST, now[0] + 1800.0) is not None
    second.go_on_from(1800.0)
    await second.uses.flush()
    assert await first.find(used, HOST, now[0] + 1800.0) is not None
    now[0] += LIMITS.idle
    await first.uses.flush()
    await second.uses.flush()
    assert await first.find(unused, HOST, now[0] + 1800.0) is None


async def test_nothing_is_removed_while_the_clock_may_be_wrong(store: MemoryStore, live: LiveSessions) -> None:
    is_settled = False
    await signed_in(store)
    keeping = asyncio.create_task(keep_up(live, clock=lambda: NOW + 7200, may_clean_up=lambda: is_settled))
    await eventually(lambda: "catch_up" in store.calls)
    await asyncio.sleep(0)
    assert "remove_expired" not in store.calls
    is_settled = True
    await eventually(lambda: not store.sessions.standing)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_a_node_whose_clock_is_far_ahead_removes_nothing(store: MemoryStore, live: LiveSessions) -> None:
    await signed_in(store)

    async def server_time() -> float | None:
        return NOW

    store.sessions.server_time = server_time  # type: ignore[method-assign]
    await live.uses.clean_up(NOW + 7200)
    assert store.sessions.standing
