"""The shared tries of a service account's password, for the threads that the directory works in."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from directory.refused_logins import LeftAlone, Turn
from proxy.throttle.login_tries import ANSWER_SECONDS, LoginTries

_PATIENCE_SECONDS = ANSWER_SECONDS + 0.5
"""The event loop itself may be busy."""

T = TypeVar("T")


class StoredTries:
    """See `directory.active_directory.shared_tries.SharedTries`. To be made on the event loop."""

    def __init__(self, tries: LoginTries) -> None:
        self._tries = tries
        self._loop = asyncio.get_running_loop()

    def left_alone(self, account: bytes) -> LeftAlone | None:
        return self._asked(self._tries.left_alone(account), None)

    def begin(self, account: bytes) -> Turn | LeftAlone:
        return self._asked(self._tries.begin(account), Turn.YOURS)

    def taken(self, account: bytes) -> None:
        self._asked(self._tries.taken(account), None)

    def refused(self, account: bytes, *, counts: bool) -> int:
        return self._asked(self._tries.refused(account, counts=counts), 0)

    def leave_alone(self, account: bytes, *, seconds: float) -> bool:
        return self._asked(self._tries.leave_alone(account, seconds=seconds), False)

    def is_taken_since(self, account: bytes) -> bool:
        return self._asked(self._tries.is_taken_since(account), False)

    def given_up(self, account: bytes) -> None:
        self._asked(self._tries.given_up(account), None)

    def _asked(self, question: Coroutine[Any, Any, T], otherwise: T) -> T:
        try:
            answer = asyncio.run_coroutine_threadsafe(question, self._loop)
        except RuntimeError:  # the loop is closed
            question.close()
            return otherwise
        with suppress(TimeoutError):
            return answer.result(_PATIENCE_SECONDS)
        answer.cancel()
        return otherwise
