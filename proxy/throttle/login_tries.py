"""What all workers and nodes know of each other's tries of a login of Gatepost's own, kept in the store.

A service account of a domain, a relay, a mailbox: alone, each worker would try a wrong password a few times; together
they would lock the account. A store that does not answer stops nobody: then each process uses what it knows itself.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from directory.refused_logins import LeftAlone, Turn
from proxy.operations.store_errors import StoreError
from proxy.throttle.counter_store import Counter, CounterStore

ANSWER_SECONDS = 1.0
_TRY_SECONDS = 10.0
"""How long a turn lasts that nobody ends. A server may be slow to refuse: Exchange waits five seconds."""
_IN_A_ROW_SECONDS = 86_400.0

T = TypeVar("T")


class LoginTries:
    """`account` is a digest of where, name and password. No method raises, and none takes longer than a second: without
    an answer of the store it is as if nobody else had tried."""

    def __init__(self, store: CounterStore, *, key: bytes, clock: Callable[[], float]) -> None:
        """`key` names the counters; `clock` in epoch seconds."""
        self._store = store
        self._secret = key
        self._clock = clock

    async def left_alone(self, account: bytes) -> LeftAlone | None:
        return await _answered(self._left_alone(account), None)

    async def begin(self, account: bytes) -> Turn | LeftAlone:
        return await _answered(self._begin(account), Turn.YOURS)

    async def taken(self, account: bytes) -> None:
        await _answered(self._forget(account, "wrong in a row", "left alone", "turn"), None)

    async def refused(self, account: bytes, *, counts: bool) -> int:
        """How many wrong passwords there were in a row, from all processes. `counts`: whether this was one."""
        return await _answered(self._in_a_row(account, counts=counts), 0)

    async def leave_alone(self, account: bytes, *, seconds: float) -> bool:
        """Also ends the turn. Returns whether others know of it now."""
        return await _answered(self._leave_alone(account, seconds), False)

    async def is_taken_since(self, account: bytes) -> bool:
        """Whether the wait is over early, because some process was let in."""
        return await _answered(self._is_taken_since(account), False)

    async def given_up(self, account: bytes) -> None:
        """The turn ends without a result."""
        await _answered(self._forget(account, "turn"), None)

    async def _left_alone(self, account: bytes) -> LeftAlone | None:
        key, now = self._key("left alone", account), self._clock()
        read = await self._store.read(key, now=now)
        return LeftAlone(read.window_ends_at - now) if read is not None and read.value else None

    async def _begin(self, account: bytes) -> Turn | LeftAlone:
        turn = Counter(key=self._key("turn", account), limit=1, window_seconds=_TRY_SECONDS)
        is_mine = await self._store.reserve([turn], now=self._clock()) is None
        # Only now: by now the previous holder of the turn has recorded its result.
        left_alone = await self._left_alone(account)
        if left_alone is None:
            return Turn.YOURS if is_mine else Turn.ANOTHERS
        if is_mine:
            await self._store.reset_count(turn.key)
        return left_alone

    async def _in_a_row(self, account: bytes, *, counts: bool) -> int:
        key, now = self._key("wrong in a row", account), self._clock()
        if counts:
            return (await self._store.add(key, now=now, window_seconds=_IN_A_ROW_SECONDS)).value
        read = await self._store.read(key, now=now)
        return 0 if read is None else read.value

    async def _is_taken_since(self, account: bytes) -> bool:
        return await self._left_alone(account) is None

    async def _leave_alone(self, account: bytes, seconds: float) -> bool:
        key = self._key("left alone", account)
        await self._store.reset_count(key)
        await self._store.add(key, now=self._clock(), window_seconds=seconds)
        await self._forget(account, "turn")
        return True

    async def _forget(self, account: bytes, *kinds: str) -> None:
        for kind in kinds:
            await self._store.reset_count(self._key(kind, account))

    def _key(self, kind: str, account: bytes) -> bytes:
        return hmac.digest(self._secret, f"service account {kind}\0".encode() + account, "sha256")


class OperatorsLoginTries(LoginTries):
    """For a try by hand, which does not wait. If it succeeds, all others try at once."""

    async def left_alone(self, account: bytes) -> LeftAlone | None:
        return None

    async def begin(self, account: bytes) -> Turn | LeftAlone:
        return Turn.YOURS


async def _answered(question: Coroutine[Any, Any, T], otherwise: T) -> T:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await question
    except (StoreError, TimeoutError):
        return otherwise
