"""The Redis store: the contract, and what it writes: found again by indices, all under one tag, and removed in full."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import pytest

from config.factors import Factor
from config.settings import SessionSettings, StoreSettings
from proxy.help_desk.number_sweeps import SweepCount
from proxy.operations.notice_board import OperatorNotice
from proxy.operations.store_errors import StoreError
from proxy.sessions.session_store import FORMER_SECONDS
from proxy.sign_in.not_me import ReportedSignIn
from proxy.sign_in.reported_numbers import ReportedNumber
from proxy.store.open import open_store
from proxy.store.redis.challenges import challenge_to_record
from proxy.store.redis.persons import scan
from proxy.store.redis.redis_store import RedisStore
from proxy.store.redis.scripts import SESSIONS
from proxy.throttle.counter_store import Count
from tests.store.contract import HOST, WIKI, StoreContract, cookie, ticket
from tests.support.people import NOW, challenge, principal, session
from tests.support.redis_server import RedisServer, new_prefix, running_redis

LIMITS = SessionSettings(idle=1800.0, absolute=43_200.0)


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[RedisStore]:
    store = RedisStore(StoreSettings(url=redis_server.url, prefix=new_prefix()))
    yield store
    await store.close()


class TestRedisStore(StoreContract):
    pass


async def keys(store: RedisStore) -> set[str]:
    """The names of all keys of this store, without the prefix."""
    prefix = store.connections.prefix
    found = await store.connections.command("KEYS", prefix + b"*")
    return {key.removeprefix(prefix).decode() for key in found}


async def raw(store: RedisStore, *command: str) -> object:
    name, key, *more = command
    return await store.connections.command(name, store.connections.prefix + key.encode(), *more)


async def test_a_newer_node_may_say_more_of_what_is_reported_and_told(store: RedisStore) -> None:
    number = ReportedNumber(guid="a", realm="corp", username="a", number=b"1", masked="•", changed_at=None, at=NOW)
    sign_in = ReportedSignIn(guid="a", realm="corp", username="a", at=NOW)
    sweep, notice = SweepCount(made_at=NOW, persons=2, unusable=1), OperatorNotice(text="Slow", ends_at=None)

    def of_newer(value: Any, **other: str) -> str:
        return json.dumps({**asdict(value), "added_later": {}, **other}, default=str)

    await raw(store, "HSET", "reported_numbers", "a", "31 " + of_newer(number, number="31"))
    await raw(store, "HSET", "reported", "a", of_newer(sign_in))
    await raw(store, "ZADD", "sweeps", "1", of_newer(sweep))
    await raw(store, "SET", "operator-notice", of_newer(notice))
    assert await store.reported_numbers.reported_numbers() == (number,)
    assert await store.reported.reported() == (sign_in,)
    assert await store.sweeps.sweeps() == (sweep,)
    assert await store.operator_notices.notice() == notice
    for damaged in ("{", "[]", "{}"):
        await raw(store, "SET", "operator-notice", damaged)
        with pytest.raises(StoreError):
            await store.operator_notices.notice()


async def everything(store: RedisStore) -> str:
    """One of each record; the session's id."""
    half, whole = session(is_half=True), session()
    await store.sessions.create_session(half, cookie=cookie(), host=HOST)
    await store.challenges.put_challenge(challenge(half.session_id))
    await store.sessions.replace_session(half.session_id, whole, cookie=cookie(), host=HOST)
    await store.sessions.add_cookie(whole.session_id, cookie=cookie(), host=WIKI)
    await store.challenges.put_challenge(challenge(whole.session_id))
    await store.tickets.put_ticket(cookie(), ticket(whole.session_id))
    await store.kept_requests.put_kept_request(b"kept", b"sealed", expires_at=NOW + 30)
    await store.counters.add(b"k", now=NOW, window_seconds=30)
    await store.counters.add_familiar(b"p", b"a", now=NOW, expires_at=NOW + 30, most=2)
    return whole.session_id


LEFT = {"persons-version", "persons-changed", "hearers", "store"}


async def test_what_ended_leaves_nothing_behind(store: RedisStore) -> None:
    await store.sessions.end_session(await everything(store))
    assert await store.sessions.remove_expired(now=NOW + FORMER_SECONDS + 1e6, limits=LIMITS) == 4
    # What the store says of itself, how far the list of persons has got, who listens, and the last acknowledgements,
    # which Redis removes itself.
    assert {key for key in await keys(store) if not key.startswith("heard:")} == LEFT


async def test_what_was_removed_by_its_time_leaves_nothing_behind(store: RedisStore) -> None:
    await everything(store)
    assert await store.sessions.remove_expired(now=NOW + 1e6, limits=LIMITS) == 5
    await store.sessions.remove_expired(now=NOW + 2e6, limits=LIMITS)
    assert {key for key in await keys(store) if not key.startswith("heard:")} == LEFT


async def test_all_keys_lie_in_one_slot_of_a_cluster() -> None:
    with running_redis("--cluster-enabled", "yes") as server:
        assert server.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383") == b"+OK\r\n"
        async with asyncio.timeout(10):
            while b"cluster_state:ok" not in server.ask("CLUSTER", "INFO"):  # noqa: ASYNC110  # another program's
                await asyncio.sleep(0.01)
        store = RedisStore(StoreSettings(url=server.url))
        await store.sessions.end_session(await everything(store))
        found = await store.connections.command("KEYS", "*")
        assert len(found) > 5
        assert all(key.startswith(b"{gatepost}:") for key in found)
        await store.close()


async def test_a_session_that_was_used_meanwhile_is_not_removed(store: RedisStore) -> None:
    written = session(created_at=NOW - 2000)
    await store.sessions.create_session(written, cookie=cookie(), host=HOST)
    await store.sessions.touch_sessions([(written.session_id, NOW)])
    for last_used_at, ended in ((NOW - 2000, []), (NOW, [written.session_id.encode()])):
        arguments = ("teller", "", NOW, 1000, written.session_id, last_used_at)
        _, *found = await store.connections.run(SESSIONS, "finish_unused", *arguments)
        assert found == ended


async def test_more_than_are_looked_at_at_once_are_removed_and_those_between_stay(store: RedisStore) -> None:
    over = [session(created_at=NOW - 100) for _ in range(150)]
    halves = [session(created_at=NOW - 100, is_half=True) for _ in range(150)]  # no idle limit ends these
    for pair in zip(over, halves, strict=True):
        await asyncio.gather(*(store.sessions.create_session(each, cookie=cookie(), host=HOST) for each in pair))
    assert await store.sessions.remove_expired(now=NOW, limits=SessionSettings(idle=60.0, absolute=43_200.0)) == 150
    assert {each.session_id for each in await store.sessions.sessions()} == {each.session_id for each in halves}


async def test_uses_of_ended_sessions_are_not_noted(store: RedisStore) -> None:
    await store.sessions.touch_sessions([("gone", NOW)])
    assert await keys(store) == set()


async def test_a_record_of_another_version_is_no_session(store: RedisStore) -> None:
    digests = [cookie(), cookie()]
    written = [session(), session()]
    for each, digest in zip(written, digests, strict=True):
        await store.sessions.create_session(each, cookie=digest, host=HOST)
    await raw(store, "HSET", f"session:{written[0].session_id}", "record", '{"v":99}')
    await raw(store, "HSET", f"session:{written[1].session_id}", "principal", '{"v":99}')
    assert [await store.sessions.session_by_cookie(digest, HOST) for digest in digests] == [None, None]
    assert await store.sessions.sessions() == []
    assert await store.sessions.remove_expired(now=NOW + 43_200, limits=LIMITS) == 2


@pytest.mark.parametrize("field", ["factor", "kind"])
async def test_a_challenge_of_a_factor_that_is_not_known_here_is_none(store: RedisStore, field: str) -> None:
    mine = session(is_half=True)
    await store.sessions.create_session(mine, cookie=cookie(), host=HOST)
    known, newer = challenge(mine.session_id, factor=Factor.TOTP), challenge(mine.session_id, created_at=NOW + 1)
    for each in (known, newer):
        await store.challenges.put_challenge(each)
    record = json.dumps({**json.loads(challenge_to_record(newer)), field: "palm"})
    await raw(store, "HSET", f"challenge:{newer.challenge_id}", "record", record)
    assert await store.challenges.challenge(newer.challenge_id, session_id=mine.session_id, now=NOW + 2) is None
    assert await store.challenges.challenge_of_session(mine.session_id, now=NOW + 2) == known
    # And the next one can be asked for.
    assert await store.challenges.put_challenge(
        challenge(mine.session_id, created_at=NOW + 2), newest=known.challenge_id
    )


# Who has a session: only what changed is asked for.


async def test_persons_are_the_same_object_until_something_changes(store: RedisStore) -> None:
    one = session(guid="a")
    await store.sessions.create_session(one, cookie=cookie(), host=HOST)
    found = await store.sessions.persons()
    assert found == {"a": NOW}
    await store.sessions.touch_sessions([(one.session_id, NOW + 1)])
    assert await store.sessions.persons() is found
    await store.sessions.create_session(session(guid="b", created_at=NOW + 1), cookie=cookie(), host=HOST)
    newer = session(guid="a", created_at=NOW + 2)
    await store.sessions.create_session(newer, cookie=cookie(), host=HOST)
    assert await store.sessions.persons() == {"a": NOW + 2, "b": NOW + 1}
    assert found == {"a": NOW}
    await store.sessions.end_session(newer.session_id)
    assert await store.sessions.persons() == {"a": NOW, "b": NOW + 1}
    await store.sessions.end_sessions_of("b")
    assert await store.sessions.persons() == {"a": NOW}


@pytest.mark.parametrize("what", ["a gap", "more changes than are kept", "a server that went back in time"])
async def test_persons_are_read_anew_after(store: RedisStore, what: str) -> None:
    await store.sessions.create_session(session(guid="a"), cookie=cookie(), host=HOST)
    await store.sessions.create_session(session(guid="b"), cookie=cookie(), host=HOST)
    assert await store.sessions.persons() == {"a": NOW, "b": NOW}
    await raw(store, "ZREM", "persons", "b")  # a change that was not noted
    match what:
        case "a gap":
            store.listening.listeners.tell_gap()
        case "more changes than are kept":
            await raw(store, "SET", "persons-forgotten", "7")
            await raw(store, "SET", "persons-version", "8")
        case _:
            await raw(store, "SET", "persons-version", "1")
    assert await store.sessions.persons() == {"a": NOW}
    assert await store.sessions.persons() == {"a": NOW}


async def test_only_the_latest_changes_of_persons_are_kept(store: RedisStore) -> None:
    for start in range(0, 10_000, 1000):
        pairs = (part for number in range(start, start + 1000) for part in (str(number - 10_000), f"g{number}"))
        await raw(store, "ZADD", "persons-changed", *pairs)
    await store.sessions.create_session(session(guid="a"), cookie=cookie(), host=HOST)
    assert await raw(store, "ZCARD", "persons-changed") == 10_000
    assert await raw(store, "GET", "persons-forgotten") == b"-10000"


async def test_a_large_index_is_read_in_parts(store: RedisStore) -> None:
    count = 3000
    for number in range(count):
        await raw(store, "ZADD", "persons", str(number), f"guid-{number}")
    found = {member async for member, _ in scan(store.connections, "persons")}
    assert len(found) == count


# Opening it.


async def test_a_redis_url_opens_a_redis_store() -> None:
    for url in ("redis://localhost", "valkeys://r.corp.example:7000/1", "unix:/run/redis.sock"):
        store = open_store(StoreSettings(url=url))
        assert isinstance(store, RedisStore)
        await store.close()
    with pytest.raises(ValueError, match="login"):
        open_store(StoreSettings(url="redis://:secret@localhost"))


async def test_a_challenge_is_compared_by_what_nobody_can_foresee(store: RedisStore) -> None:
    """No digest is longer, shorter, or a beginning of another, and yet taken for it."""
    half = session(is_half=True)
    await store.sessions.create_session(half, cookie=cookie(), host=HOST)
    pending = challenge(half.session_id, digest=b"right\x00digest", guid=principal().guid)
    await store.challenges.put_challenge(pending)
    for wrong in (b"", b"right", b"right\x00", b"right\x00digest\x00"):
        result = await store.challenges.answer_challenge(
            pending.challenge_id, session_id=half.session_id, digest=wrong, now=NOW
        )
        assert result.attempt.value == "wrong"


async def test_what_is_given_back_does_not_shorten_how_long_a_counter_is_kept(store: RedisStore) -> None:
    """Or Redis would forget a day's passcodes an hour after one that was not begun."""
    now = time.time()
    await store.counters.add(b"day", now=now, window_seconds=86_400)
    await store.counters.add(b"day", now=now, window_seconds=86_400)
    await store.counters.give_back(b"day", now=now)
    assert await raw(store, "PTTL", "counter:day") > 86_400_000  # type: ignore[operator]
    assert await store.counters.read(b"day", now=now) == Count(1, now + 86_400)
