"""What a person has elsewhere on a session's behalf, such as a VPN connection: kept until it is known to be over there.

The session may end anywhere, at a time when nobody who could say so to the other side is there. So this is kept beside
it and not with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

FORGOTTEN_SECONDS = 86_400.0
"""How long after its own end one is kept if nobody drops it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkAccess:
    session_id: str = field(repr=False)
    record: str = field(repr=False)
    """By what the other side knows it; opaque to all but the way in that gave it."""
    expires_at: float
    """Epoch seconds: the other side ends it then by itself."""


class NetworkAccessStore(Protocol):
    """Methods raise `StoreUnavailable`."""

    async def put_access(self, access: NetworkAccess) -> None:
        """Durable."""
        ...

    async def accesses(self, session_ids: Sequence[str] | None = None) -> tuple[NetworkAccess, ...]:
        """Those of these sessions, whether they stand or not; None: all."""
        ...

    async def drop_access(self, session_id: str) -> None: ...
