"""What is open for which session, so that the cost of ending a session does not grow with everything else that is
open."""

from __future__ import annotations

from typing import Generic, TypeVar

Open = TypeVar("Open")


class OpenBySession(Generic[Open]):
    """Client connections, tunnels or channels, by `session_id`; it holds no more keys than things."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: dict[str, set[Open]] = {}

    def __len__(self) -> int:
        """Sessions that something is open for."""
        return len(self._open)

    def add(self, session_id: str, each: Open) -> None:
        self._open.setdefault(session_id, set()).add(each)

    def discard(self, session_id: str, each: Open) -> None:
        of_session = self._open.get(session_id)
        if of_session is not None:
            of_session.discard(each)
            if not of_session:
                del self._open[session_id]

    def of(self, session_id: str) -> tuple[Open, ...]:
        """A copy: what is done to them may change what is open."""
        return tuple(self._open.get(session_id, ()))
