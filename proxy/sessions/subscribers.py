"""Listeners within one process, called on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVarTuple, Unpack

Ts = TypeVarTuple("Ts")


class Subscribers(Generic[*Ts]):
    """A failure in one listener does not keep the others from hearing."""

    def __init__(self) -> None:
        self._listeners: dict[object, Callable[[Unpack[Ts]], None]] = {}

    def __bool__(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    def add(self, listener: Callable[[Unpack[Ts]], None]) -> Callable[[], None]:
        """What unsubscribes it."""
        token = object()
        self._listeners[token] = listener

        def unsubscribe() -> None:
            self._listeners.pop(token, None)

        return unsubscribe

    def tell(self, *what: *Ts) -> None:
        for listener in tuple(self._listeners.values()):
            try:
                listener(*what)
            except Exception as exc:  # noqa: BLE001  # one listener's bug must not keep the others from hearing
                asyncio.get_running_loop().call_exception_handler({"message": "a listener failed", "exception": exc})
