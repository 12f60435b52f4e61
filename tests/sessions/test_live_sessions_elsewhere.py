"""What other workers do to sessions that this one keeps, and what happens while they, or the store, are not heard."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from config.settings import SessionSettings
from proxy.operations.store_errors import NotHeard, StoreUnavailable
from proxy.secrets.tokens import new_token, token_digest
from proxy.sessions.asking import AskingLimits, Asleep
from proxy.sessions.live_sessions import LiveSessions, cookie_key
from proxy.sessions.session import Session
from proxy.sessions.session_store import NOTICE_SECONDS
from proxy.sessions.upkeep import keep_up
from proxy.store.listeners import StoreListeners
from tests.support.eventually import eventually
from tests.support.memory_store import MemoryStore
from tests.support.people import NOW, principal, session

HOST = "wiki.corp.example"
GRACE = 60.0
LIMITS = SessionSettings(idle=600.0, absolute=3600.0, store_grace=GRACE)


class Instant:
    """A monotonic clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def instant() -> Instant:
    return Instant()


@pytest.fixture
def live(store: MemoryStore, instant: Instant) -> LiveSessions:
    return LiveSessions(store.sessions, LIMITS, monotonic=instant)


def impatient(store: MemoryStore, instant: Instant, *, awake_seconds: float) -> LiveSessions:
    """A worker that waits for a store that hangs no longer than a test can."""
    limits = AskingLimits(answer_seconds=0.01, awake_seconds=awake_seconds)
    return LiveSessions(store.sessions, LIMITS, monotonic=instant, asking=limits)


def cached(live: LiveSessions, token: bytes, host: str, now: float) -> Session | None:
    return live.known_by(cookie_key(token, host), now)


async def known(store: MemoryStore, live: LiveSessions, **fields: object) -> tuple[bytes, Session]:
    """A session that this worker has seen."""
    token, written = new_token().encode(), session(**fields)
    await store.sessions.create_session(written, cookie=token_digest(token), host=HOST)
    assert await live.find(token, HOST, NOW) == written
    return token, written


def end_unheard(store: MemoryStore, session_id: str) -> None:
    """As another worker does whose notice does not arrive."""
    del store.sessions.standing[session_id]


async def test_a_worker_that_was_stopped_serves_no_session_that_ended_meanwhile(
    store: MemoryStore, live: LiveSessions, instant: Instant
) -> None:
    token, written = await known(store, live)
    ended: list[str] = []
    live.on_end(ended.append)
    end_unheard(store, written.session_id)
    instant.now += NOTICE_SECONDS
    assert cached(live, token, HOST, NOW) is None
    assert await live.find(token, HOST, NOW) is None
    assert ended == [written.session_id]


async def test_who_has_caught_up_answers_from_memory_until_the_next_notice_is_due(
    store: MemoryStore, live: LiveSessions, instant: Instant
) -> None:
    token, _ = await known(store, live)
    for _ in range(3):
        instant.now += NOTICE_SECONDS
        await live.looks.look()
        store.calls.clear()
        instant.now += NOTICE_SECONDS - 0.01
        assert await live.find(token, HOST, NOW) is not None
        assert store.calls == []
        instant.now += 0.01
        assert await live.find(token, HOST, NOW) is not None
        assert store.calls == ["session_by_cookie"]


async def test_without_the_store_sessions_go_on_for_the_grace_and_no_longer(
    store: MemoryStore, live: LiveSessions, instant: Instant
) -> None:
    token, _ = await known(store, live)
    await live.looks.look()
    lost_at, store.away = instant.now, True
    for seconds in (0.3, 20.0, GRACE - 0.1):
        instant.now = lost_at + seconds
        assert await live.find(token, HOST, NOW) is not None
        await live.looks.look()
        store.calls.clear()
        assert cached(live, token, HOST, NOW) is not None
        assert store.calls == []  # it is not asked before each answer
    assert live.heard.away_since is not None
    instant.now = lost_at + GRACE
    await live.looks.look()
    assert cached(live, token, HOST, NOW) is None
    with pytest.raises(StoreUnavailable):
        await live.find(token, HOST, NOW)
    store.away = False
    assert await live.find(token, HOST, NOW) is not None
    await live.looks.look()
    assert cached(live, token, HOST, NOW) is not None
    assert live.heard.away_since is None


async def test_the_grace_prolongs_no_limit(store: MemoryStore, live: LiveSessions) -> None:
    token, _ = await known(store, live)
    store.away = True
    await live.looks.look()
    assert await live.find(token, HOST, NOW + 600) is None


async def test_nobody_comes_in_whom_the_store_did_not_name_before(store: MemoryStore, live: LiveSessions) -> None:
    store.away = True
    with pytest.raises(StoreUnavailable):
        await live.find(new_token().encode(), HOST, NOW)


async def test_a_worker_that_was_stopped_during_an_outage_asks_before_it_answers(
    store: MemoryStore, live: LiveSessions, instant: Instant
) -> None:
    token, written = await known(store, live)
    store.away = True
    await live.looks.look()
    instant.now += NOTICE_SECONDS
    store.away = False
    end_unheard(store, written.session_id)
    assert cached(live, token, HOST, NOW) is None
    assert await live.find(token, HOST, NOW) is None


async def test_a_worker_that_hears_nothing_asks_a_store_that_answers(store: MemoryStore, live: LiveSessions) -> None:
    """The server is back, and this worker has not subscribed to it again: an end is not waited for by it for long."""
    token, written = await known(store, live)

    async def not_heard() -> None:
        raise NotHeard("not subscribed")

    store.sessions.catch_up = not_heard  # type: ignore[method-assign]
    await live.looks.look()
    end_unheard(store, written.session_id)
    assert cached(live, token, HOST, NOW) is None
    assert await live.find(token, HOST, NOW) is None


async def test_after_a_gap_a_store_that_is_silent_is_no_reason_to_answer_from_memory(
    store: MemoryStore, instant: Instant
) -> None:
    live = impatient(store, instant, awake_seconds=60.0)
    token, _ = await known(store, live)

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    store.sessions.session_by_cookie = hang  # type: ignore[assignment]
    store.sessions.catch_up = hang  # type: ignore[method-assign]
    store.sessions.listeners.tell_gap()
    await asyncio.wait_for(live.looks.look(), 5)
    assert cached(live, token, HOST, NOW) is None
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(live.find(token, HOST, NOW), 5)


async def test_a_store_that_hangs_is_waited_for_shortly_where_memory_has_an_answer(
    store: MemoryStore, instant: Instant
) -> None:
    live = impatient(store, instant, awake_seconds=60.0)
    token, _ = await known(store, live)

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    store.sessions.session_by_cookie = hang  # type: ignore[assignment]
    store.sessions.catch_up = hang  # type: ignore[method-assign]
    instant.now += 1.0
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(live.find(token, HOST, NOW), 5)  # once may be chance
    instant.now -= 0.5
    for _ in range(2):
        await asyncio.wait_for(live.looks.look(), 5)
    assert live.heard.away_since is not None
    instant.now += NOTICE_SECONDS
    assert cached(live, token, HOST, NOW) is None
    assert await asyncio.wait_for(live.find(token, HOST, NOW), 5) is not None
    await asyncio.wait_for(live.looks.look(), 5)
    assert cached(live, token, HOST, NOW) is not None
    instant.now += GRACE
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(live.find(token, HOST, NOW), 5)


async def test_a_worker_that_was_late_itself_takes_no_silence_for_an_outage(
    store: MemoryStore, instant: Instant
) -> None:
    live = impatient(store, instant, awake_seconds=0.0)
    token, written = await known(store, live)
    answers = store.sessions.catch_up, store.sessions.session_by_cookie

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    store.sessions.session_by_cookie = hang  # type: ignore[assignment]
    store.sessions.catch_up = hang  # type: ignore[method-assign]
    for _ in range(3):
        await asyncio.wait_for(live.looks.look(), 5)
    assert live.heard.away_since is None
    instant.now += NOTICE_SECONDS
    with pytest.raises(Asleep):
        await asyncio.wait_for(live.find(token, HOST, NOW), 5)
    end_unheard(store, written.session_id)
    store.sessions.catch_up, store.sessions.session_by_cookie = answers  # type: ignore[method-assign]
    assert await live.find(token, HOST, NOW) is None


async def test_what_is_open_is_closed_when_the_grace_is_over(
    store: MemoryStore, live: LiveSessions, instant: Instant
) -> None:
    _, written = await known(store, live)
    ended: list[str] = []
    live.on_end(ended.append)
    keeping = asyncio.create_task(keep_up(live, clock=lambda: NOW))
    store.away = True
    await eventually(lambda: live.heard.away_since is not None)
    assert ended == []
    instant.now += GRACE
    await eventually(lambda: ended == [written.session_id])
    assert len(live) == 1
    store.away = False
    await eventually(lambda: live.heard.away_since is None)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_a_store_that_comes_back_in_time_closes_nothing(
    store: MemoryStore, live: LiveSessions, instant: Instant
) -> None:
    await known(store, live)
    ended: list[str] = []
    live.on_end(ended.append)
    instant.now += GRACE
    await live.close_all()
    assert ended == []


async def test_a_principal_that_another_worker_wrote_counts_at_once_and_listeners_hear(
    store: MemoryStore, live: LiveSessions
) -> None:
    token, written = await known(store, live)
    heard: list[Session] = []
    live.on_change(heard.append)
    changed = replace(written, principal=principal(groups=frozenset()))
    await store.sessions.update_principal(changed)
    found = await live.find(token, HOST, NOW)
    assert found == changed
    await live.read_anew(NOW)
    assert heard == [changed]
    assert cached(live, token, HOST, NOW) == changed


async def test_a_change_of_a_session_that_is_not_kept_costs_nothing(store: MemoryStore, live: LiveSessions) -> None:
    written = session()
    await store.sessions.create_session(written, cookie=token_digest(new_token()), host=HOST)
    await store.sessions.update_principal(written)
    store.calls.clear()
    await live.read_anew(NOW)
    assert store.calls == []


async def test_after_a_gap_all_that_is_kept_is_read_anew(store: MemoryStore, instant: Instant) -> None:
    live = LiveSessions(store.sessions, LIMITS, monotonic=instant, most_whole=3, read_at_once=2)
    seen = [await known(store, live) for _ in range(5)]
    assert len(live) > len(live.kept.whole)
    ended: list[str] = []
    heard: list[Session] = []
    live.on_end(ended.append)
    live.on_change(heard.append)
    changed = [replace(written, principal=principal(groups=frozenset())) for _, written in seen[2:]]
    for _, written in seen[:2]:
        end_unheard(store, written.session_id)
    store.sessions.standing |= {each.session_id: each for each in changed}
    store.sessions.listeners.tell_gap()
    await live.looks.look()
    assert cached(live, seen[4][0], HOST, NOW) is None  # nobody knows what was missed
    assert await live.find(seen[4][0], HOST, NOW) == changed[2]
    await live.read_anew(NOW)
    await live.looks.look()
    assert sorted(ended) == sorted(written.session_id for _, written in seen[:2])
    assert {each.session_id: each.principal for each in heard} == {each.session_id: each.principal for each in changed}
    assert cached(live, seen[4][0], HOST, NOW) == changed[2]
    assert len(live) == 3


async def test_a_gap_during_a_look_up_is_not_overlooked(store: MemoryStore, live: LiveSessions) -> None:
    token, written = new_token().encode(), session()
    await store.sessions.create_session(written, cookie=token_digest(token), host=HOST)
    read_it = store.sessions.session_by_cookie

    async def slowly(cookie: bytes, host: str) -> Session | None:
        found = await read_it(cookie, host)
        if store.sessions.standing:
            end_unheard(store, written.session_id)
            store.sessions.listeners.tell_gap()
        return found

    store.sessions.session_by_cookie = slowly  # type: ignore[method-assign]
    assert await live.find(token, HOST, NOW) is None
    assert len(live) == 0


async def test_a_gap_is_read_anew_in_the_background_and_however_often_the_store_fails(
    store: MemoryStore, live: LiveSessions
) -> None:
    token, _ = await known(store, live)
    store.away = True
    keeping = asyncio.create_task(keep_up(live, clock=lambda: NOW))
    store.sessions.listeners.tell_gap()
    await eventually(lambda: store.calls.count("sessions_by_id") >= 2)
    assert cached(live, token, HOST, NOW) is not None  # by the grace
    store.away = False
    await eventually(lambda: not live.has_to_read.is_set() and live.heard.away_since is None)
    await eventually(lambda: cached(live, token, HOST, NOW) is not None)
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


async def test_an_older_principal_that_was_being_read_does_not_come_back(
    store: MemoryStore, live: LiveSessions
) -> None:
    token, written = await known(store, live)
    store.sessions.listeners = StoreListeners()  # nobody is told what they wrote themselves
    newer = replace(written, principal=principal(groups=frozenset()))
    read_them = store.sessions.sessions_by_id

    async def slowly(session_ids: Sequence[str]) -> dict[str, Session]:
        found = await read_them(session_ids)
        if store.calls.count("update_principal") == 0:
            await live.update_principal(newer)
        return found

    store.sessions.sessions_by_id = slowly  # type: ignore[method-assign]
    live.mark_used(written.session_id, NOW + 5)
    await live.uses.flush()
    live.draw_net()
    await live.read_anew(NOW)
    assert store.calls.count("sessions_by_id") == 2  # once more, for it had changed meanwhile
    found = cached(live, token, HOST, NOW)
    assert found is not None
    assert found.principal == newer.principal


async def test_what_was_used_is_read_anew_whatever_was_heard(store: MemoryStore, live: LiveSessions) -> None:
    used, unused = [(await known(store, live))[1].session_id for _ in range(2)]
    ended: list[str] = []
    live.on_end(ended.append)
    live.mark_used(used, NOW + 5)
    await live.uses.flush()
    for session_id in (used, unused):
        end_unheard(store, session_id)
    live.draw_net()
    await live.read_anew(NOW)
    assert ended == [used]
    live.draw_net()
    store.calls.clear()
    await live.read_anew(NOW)
    assert store.calls == []


async def test_what_was_read_for_its_only_use_is_not_read_again_for_that(
    store: MemoryStore, live: LiveSessions
) -> None:
    token, _ = await known(store, live, last_used_at=NOW - 1)
    read = []
    for now in (NOW, NOW + 1):
        await live.uses.flush()
        live.draw_net()
        await live.read_anew(now)
        read.append(store.calls.count("sessions_by_id"))
        assert cached(live, token, HOST, now + 1) is not None
    assert read == [0, 1], "not for the use that it was read for, but for one of which the store was not asked"


async def test_a_tunnel_of_a_session_that_was_put_aside_is_under_the_net_too(
    store: MemoryStore, instant: Instant
) -> None:
    live = LiveSessions(store.sessions, LIMITS, monotonic=instant, most_whole=1)
    tunnelled, unused = [(await known(store, live))[1].session_id for _ in range(2)]
    await known(store, live)
    assert {tunnelled, unused} <= set(live.kept.session_ids()) - live.kept.whole.keys()
    ended: list[str] = []
    live.on_end(ended.append)
    live.mark_used(tunnelled, NOW + 5)
    await live.uses.flush()
    for session_id in (tunnelled, unused):
        end_unheard(store, session_id)
    live.draw_net()
    await live.read_anew(NOW)
    assert ended == [tunnelled]


@pytest.mark.parametrize("was_seen", [True, False], ids=["in memory", "new here"])
async def test_an_end_heard_between_the_answer_and_its_asker_counts(
    store: MemoryStore, live: LiveSessions, instant: Instant, was_seen: bool
) -> None:
    token, written = await known(store, live)
    if not was_seen:
        live = LiveSessions(store.sessions, LIMITS, monotonic=instant)
    instant.now += NOTICE_SECONDS
    loop, answer = asyncio.get_running_loop(), store.sessions.session_by_cookie

    def end() -> None:
        end_unheard(store, written.session_id)
        store.sessions.listeners.tell_ended([written.session_id])

    async def answer_and_end(cookie: bytes, host: str) -> Session | None:
        found = await answer(cookie, host)
        loop.call_soon(end)
        return found

    store.sessions.session_by_cookie = answer_and_end  # type: ignore[method-assign]
    await live.find(token, HOST, NOW)
    await asyncio.sleep(0)
    await live.looks.look()
    assert cached(live, token, HOST, NOW) is None
    live.stop_listening()
