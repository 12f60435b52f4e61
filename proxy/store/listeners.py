"""The three kinds of listeners of a store."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.sessions.subscribers import Subscribers


class StoreListeners:
    """Told on the event loop: of ends, of changes, and that either may have been missed."""

    def __init__(self) -> None:
        self._of_ends: Subscribers[str] = Subscribers()
        self._of_changes: Subscribers[str] = Subscribers()
        self._of_gaps: Subscribers[()] = Subscribers()
        self.on_session_end = self._of_ends.add
        self.on_session_change = self._of_changes.add
        self.on_gap = self._of_gaps.add
        self.tell_gap = self._of_gaps.tell

    def __bool__(self) -> bool:
        """Whether anybody listens."""
        return bool(self._of_ends or self._of_changes or self._of_gaps)

    def tell_ended(self, session_ids: Iterable[str]) -> None:
        for session_id in session_ids:
            self._of_ends.tell(session_id)

    def tell_changed(self, session_ids: Iterable[str]) -> None:
        for session_id in session_ids:
            self._of_changes.tell(session_id)
