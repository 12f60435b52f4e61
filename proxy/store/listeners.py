"""The three kinds of listeners of a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from proxy.sessions.subscribers import Subscribers


class StoreListeners:
    """Told on the event loop: of ends, of changes, and that either may have been missed."""

    def __init__(self) -> None:
        self._of_ends: Subscribers[str] = Subscribers()
        self._of_changes: Subscribers[str] = Subscribers()
        self._of_gaps: Subscribers[()] = Subscribers()

    def __bool__(self) -> bool:
        """Whether anybody listens."""
        return bool(self._of_ends or self._of_changes or self._of_gaps)

    def on_session_end(self, listener: Callable[[str], None]) -> Callable[[], None]:
        return self._of_ends.add(listener)

    def on_session_change(self, listener: Callable[[str], None]) -> Callable[[], None]:
        return self._of_changes.add(listener)

    def on_gap(self, listener: Callable[[], None]) -> Callable[[], None]:
        return self._of_gaps.add(listener)

    def tell_ended(self, session_ids: Iterable[str]) -> None:
        for session_id in session_ids:
            self._of_ends.tell(session_id)

    def tell_changed(self, session_ids: Iterable[str]) -> None:
        for session_id in session_ids:
            self._of_changes.tell(session_id)

    def tell_gap(self) -> None:
        self._of_gaps.tell()
