"""Everything that a store keeps, as one: each domain owns the Protocol of its part.

`tests/store/contract.py` holds each implementation to it. Methods raise `StoreUnavailable` when the store does not
answer. Records whose time is over are absent for every method that takes `now`, whether or not they were removed yet.
"""

from __future__ import annotations

from typing import Protocol

from proxy.delivery.delivery_store import DeliveryStore
from proxy.factors.challenge_store import ChallengeStore
from proxy.factors.passcode.passcode_store import ArrivalStore, NumberStore
from proxy.sessions.kept_requests import KeptRequestStore
from proxy.sessions.lease import LeaseStore
from proxy.sessions.session_store import WatchedSessions
from proxy.sessions.ticket import TicketStore
from proxy.throttle.counter_store import ThrottleStore


class Store(
    WatchedSessions,
    ChallengeStore,
    TicketStore,
    DeliveryStore,
    NumberStore,
    ArrivalStore,
    ThrottleStore,
    KeptRequestStore,
    LeaseStore,
    Protocol,
):
    async def ping(self) -> None:
        """Return if the store can be read, and written as durably as a sign-in writes, else raise."""
        ...

    async def close(self) -> None: ...
