"""Who wants to hear of ends, changes and gaps, within one process; told on the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TypeVarTuple, Unpack

Ts = TypeVarTuple("Ts")


class StoreListeners:
    """The three kinds of listeners of a `Store`. What fails in one does not keep the others from hearing."""

    def __init__(self) -> None:
        self._of_ends: dict[object, Callable[[str], None]] = {}
        self._of_changes: dict[object, Callable[[str], None]] = {}
        self._of_gaps: dict[object, Callable[[], None]] = {}

    def __bool__(self) -> bool:
        """Whether anybody listens."""
        return bool(self._of_ends or self._of_changes or self._of_gaps)

    def on_session_end(self, listener: Callable[[str], None]) -> Callable[[], None]:
        return _subscribe(self._of_ends, listener)

    def on_session_change(self, listener: Callable[[str], None]) -> Callable[[], None]:
        return _subscribe(self._of_changes, listener)

    def on_gap(self, listener: Callable[[], None]) -> Callable[[], None]:
        return _subscribe(self._of_gaps, listener)

    def tell_ended(self, session_ids: Iterable[str]) -> None:
        for session_id in session_ids:
            _tell(self._of_ends.values(), session_id)

    def tell_changed(self, session_ids: Iterable[str]) -> None:
        for session_id in session_ids:
            _tell(self._of_changes.values(), session_id)

    def tell_gap(self) -> None:
        _tell(self._of_gaps.values())


def _subscribe(
    listeners: dict[object, Callable[[Unpack[Ts]], None]], listener: Callable[[Unpack[Ts]], None]
) -> Callable[[], None]:
    token = object()
    listeners[token] = listener

    def unsubscribe() -> None:
        listeners.pop(token, None)

    return unsubscribe


def _tell(listeners: Iterable[Callable[[Unpack[Ts]], None]], *what: *Ts) -> None:
    for listener in tuple(listeners):
        try:
            listener(*what)
        except Exception as exc:  # noqa: BLE001  # one listener's bug must not keep the others from hearing
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a listener of the store failed", "exception": exc}
            )
