"""Asking a store that may hang: whether it is silent, or nobody here had the time to read its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from proxy.operations.store_errors import Silent, StoreUnavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskingLimits:
    """How long a store that may hang is waited for."""

    answer_seconds: float = 0.5
    """For an answer, where memory could do without it."""
    last_chance_seconds: float = 0.05
    """Extra time for an answer that had arrived when the time was up: the event loop needs a few turns to read it."""
    awake_seconds: float = 0.1
    """If that last chance took longer than this, the process was busy or was not running."""


USUAL_LIMITS = AskingLimits()


class Asleep(StoreUnavailable):
    """No answer was read, but that says nothing about the store: this process was late itself."""


class StoreQuestion(Generic[T]):
    """One question to a store. Several callers may wait for it: a late answer is still an answer."""

    def __init__(self, question: Coroutine[Any, Any, T], limits: AskingLimits = USUAL_LIMITS) -> None:
        self._limits = limits
        self._asking = asyncio.get_running_loop().create_task(question)
        self._asking.add_done_callback(take_note)

    async def answer(self) -> T:
        """Raises what the question raises, and `Silent` or `Asleep` if there is no answer in time."""
        limits = self._limits
        loop = asyncio.get_running_loop()
        await asyncio.wait({self._asking}, timeout=limits.answer_seconds)
        if not self._asking.done():
            began_at = loop.time()
            await asyncio.wait({self._asking}, timeout=limits.last_chance_seconds)
            if not self._asking.done():
                was_awake = loop.time() - began_at < limits.awake_seconds
                raise (Silent if was_awake else Asleep)(f"no answer from the store within {limits.answer_seconds:g} s")
        return self._asking.result()

    def when_late(self, note: Callable[[Exception | None], None]) -> None:
        """Call `note` once the answer arrives after all, or with the error that came instead."""

        def done(asking: asyncio.Task[T]) -> None:
            if not asking.cancelled():
                error = asking.exception()
                note(error if isinstance(error, Exception) else None)

        self._asking.add_done_callback(done)

    async def drop(self) -> None:
        """Nobody waits for it any more."""
        if not self._asking.done():
            self._asking.cancel()
            await asyncio.wait({self._asking})


def take_note(asking: asyncio.Task[Any]) -> None:
    """An error that nobody waits for any more is not a failure of this program."""
    if not asking.cancelled():
        asking.exception()
