"""A login of Gatepost's own, at a relay or a mailbox: after a refusal it waits longer and longer, with all workers.

Readiness is checked every few seconds in each worker, and people press "Try again". With a wrong password, that many
tries would soon lock the account.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import Protocol

from directory.refused_logins import LeftAlone, Turn, wait_seconds

PATIENCE_SECONDS = 5.0
"""How long to wait for another worker's try."""
_LOOK_AGAIN_SECONDS = 0.1


class SharedLogins(Protocol):
    """What all workers and nodes know of each other's tries. `account` is a digest of where, name and password. Nothing
    raises; what a process that is alone knows stands here."""

    async def begin(self, account: bytes) -> Turn | LeftAlone:
        """May this process try it now?"""
        return Turn.YOURS

    async def taken(self, account: bytes) -> None:
        return

    async def refused(self, account: bytes, *, counts: bool) -> int:
        """How many wrong passwords there were in a row, from all processes."""
        return 0

    async def leave_alone(self, account: bytes, *, seconds: float) -> bool:
        """Also ends the turn. Returns whether others know of it now."""
        return False

    async def is_taken_since(self, account: bytes) -> bool:
        """Whether the wait is over early, because some process was let in."""
        return False

    async def given_up(self, account: bytes) -> None:
        return


class _AloneLogins(SharedLogins):
    """For a process that is alone."""


class OwnLogin:
    def __init__(
        self,
        server: str,
        username: str,
        password: str,
        *,
        shared: SharedLogins | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock`: a monotonic one, in seconds."""
        self._shared = shared or _AloneLogins()
        self._account = hashlib.sha256(f"{server}\0{username}\0{password}".encode("utf-8", "surrogatepass")).digest()
        self._clock = clock
        self._in_a_row = 0
        self._next_at = float("-inf")
        self._reason = ""
        self._is_shared = False
        """Whether others know of this wait, and so may end it."""

    async def held_back(self) -> str:
        """Why not to try it now, or nothing."""
        if self._clock() >= self._next_at:
            return ""
        if self._is_shared and await self._shared.is_taken_since(self._account):
            self._next_at = float("-inf")
            return ""
        return self._reason

    async def take_turn(self) -> str:
        """Why not to try it after all, or nothing: then `taken`, `refused` or `given_up` has to follow."""
        give_up_at = self._clock() + PATIENCE_SECONDS
        while True:
            if held_back := await self.held_back():
                return held_back
            turn = await self._shared.begin(self._account)
            if isinstance(turn, LeftAlone):
                self._wait("the login was refused, as another worker found", turn.seconds, is_shared=True)
                return self._reason
            if turn is Turn.YOURS:
                return ""
            if self._clock() >= give_up_at:
                # Not without a turn: a server that is slow to refuse would count a try of each worker.
                return "another worker is trying the login at the moment"
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def taken(self) -> None:
        self._in_a_row = 0
        self._next_at = float("-inf")
        await self._shared.taken(self._account)

    async def refused(self, reason: str) -> None:
        """`reason` is for the log."""
        if self._clock() < self._next_at:
            return  # both were in flight
        everywhere = await self._shared.refused(self._account, counts=True)
        self._in_a_row = max(self._in_a_row + 1, everywhere)
        seconds = wait_seconds(self._in_a_row)
        self._wait(reason, seconds, is_shared=await self._shared.leave_alone(self._account, seconds=seconds))

    async def given_up(self) -> None:
        """It was not judged."""
        await self._shared.given_up(self._account)

    def _wait(self, reason: str, seconds: float, *, is_shared: bool) -> None:
        self._next_at = self._clock() + seconds
        self._is_shared = is_shared
        self._reason = f"{reason}: the login is tried again in {seconds / 60:.0f} min, or with a new setting"
