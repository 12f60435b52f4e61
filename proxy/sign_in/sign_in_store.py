"""What the sign-in has kept, over all its steps: the parts of a store that it uses."""

from __future__ import annotations

from typing import Protocol

from proxy.delivery.delivery_store import DeliveryStore
from proxy.factors.challenge_store import ChallengeStore
from proxy.factors.passcode.passcode_store import ArrivalStore, NumberStore
from proxy.sessions.session_store import SessionStore
from proxy.throttle.counter_store import ThrottleStore


class SignInStore(Protocol):
    """Each part raises `StoreUnavailable` where the store does not answer."""

    @property
    def sessions(self) -> SessionStore: ...

    @property
    def challenges(self) -> ChallengeStore: ...

    @property
    def deliveries(self) -> DeliveryStore: ...

    @property
    def numbers(self) -> NumberStore: ...

    @property
    def arrivals(self) -> ArrivalStore: ...

    @property
    def counters(self) -> ThrottleStore: ...
