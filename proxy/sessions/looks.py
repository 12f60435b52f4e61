"""Looks at the store: what others did is heard of, or that the store is down, and then what memory may still answer."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from proxy.operations.store_errors import NotHeard, Silent, StoreUnavailable
from proxy.sessions.asking import AskingLimits, Asleep, StoreQuestion
from proxy.sessions.hearing import HeardChanges
from proxy.sessions.session_store import SessionNews

T = TypeVar("T")

MOST_WAITS = 4
"""How often to wait that long, if the store is not known to be down, or this worker was late itself."""
MOST_LATE = 8
"""How many late answers may still be outstanding."""


class StoreLooks:
    """Those of one worker."""

    def __init__(
        self, store: SessionNews, limits: AskingLimits, *, grace_seconds: float, monotonic: Callable[[], float]
    ) -> None:
        self._store = store
        self._limits = limits
        self._monotonic = monotonic
        # Nothing is kept yet: nothing can have been missed.
        self.heard = HeardChanges(grace_seconds=grace_seconds, current_at=monotonic())
        self.heard.caught_up(monotonic())
        """What was heard of others, and until when memory may answer."""
        self._late: deque[StoreQuestion[None]] = deque()
        """Questions of `look` that were not answered in time."""

    @property
    def is_in_grace(self) -> bool:
        """Whether what is kept may be answered from although the store does not answer."""
        return self.heard.is_in_grace(self._monotonic())

    def may_do_without(self, error: StoreUnavailable) -> bool:
        """Whether memory may answer where the store did not."""
        is_silent = isinstance(error, Silent)
        return not isinstance(error, Asleep) and self.heard.may_do_without(self._monotonic(), is_silent=is_silent)

    async def answer(self, asking: Coroutine[Any, Any, T]) -> T:
        """What the store says; an error as soon as memory may do without it."""
        question = StoreQuestion(asking, self._limits)
        waits = 0
        try:
            while True:
                waits += 1
                try:
                    return await question.answer()
                except (Silent, Asleep) as exc:
                    is_known_away = self.heard.is_granted and not self.is_in_grace
                    if waits == MOST_WAITS or self.may_do_without(exc) or is_known_away:
                        raise
        finally:
            await question.drop()

    async def look(self) -> None:
        """Hear of everything that others did, or find out that the store is down."""
        began_at = self._monotonic()
        question = StoreQuestion(self._store.catch_up(), self._limits)
        try:
            await question.answer()
        except NotHeard:
            self.heard.hears_nothing()
        except Asleep:
            self._hear_late(question, began_at)  # the permission of memory to answer runs out by itself
        except Silent:
            self.heard.store_is_silent(began_at, self._monotonic())
            self._hear_late(question, began_at)
        except StoreUnavailable:
            self.heard.store_is_away(began_at, self._monotonic())
        except BaseException:
            await question.drop()
            raise
        else:
            self.heard.caught_up(began_at)
        await self._drop_late(MOST_LATE)

    def _hear_late(self, question: StoreQuestion[None], began_at: float) -> None:
        """A store that answers late is slow, not down: others may end sessions there."""

        def note(error: Exception | None) -> None:
            with contextlib.suppress(ValueError):
                self._late.remove(question)
            if error is None:
                self.heard.caught_up(began_at)
            elif isinstance(error, NotHeard) and self.heard.current_at <= began_at:
                self.heard.hears_nothing()

        self._late.append(question)
        question.when_late(note)

    async def close(self) -> None:
        """Nothing that was asked is waited for any more."""
        await self._drop_late(0)

    async def _drop_late(self, most: int) -> None:
        while len(self._late) > most:
            await self._late.popleft().drop()
