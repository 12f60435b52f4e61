"""Sessions kept in the worker: read from the store once, looked up per request without a wait."""

from __future__ import annotations

from collections.abc import Callable

from config.settings import SessionSettings
from proxy.sessions.session import Session
from proxy.store.store import Store


class LiveSessions:
    """What the gate asks. Limits are checked here on every look-up, exact to the second; ends reach it at once."""

    def __init__(self, store: Store, limits: SessionSettings) -> None: ...

    def cached(self, token: bytes, host: str, now: float) -> Session | None:
        """The session of this cookie if it is in memory and not over; marks it used. None says nothing: ask `find`."""
        raise NotImplementedError

    async def find(self, token: bytes, host: str, now: float) -> Session | None:
        """The session of this cookie, from memory or store, unless it is over; marks it used.

        Malformed tokens are None without a look-up. Raises `StoreUnavailable`.
        """
        raise NotImplementedError

    def is_live(self, session_id: str, now: float) -> bool:
        """Whether a session that was found before is still good: what a tunnel's timer asks."""
        raise NotImplementedError

    def on_end(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call `listener(session_id)` when a session ends, by its limits (within a second) or by anyone."""
        raise NotImplementedError

    async def flush(self) -> None:
        """Write the last uses to the store in one batch."""
        raise NotImplementedError

    async def run(self) -> None:
        """Flush, expire and clean up at intervals, until cancelled."""
        raise NotImplementedError
