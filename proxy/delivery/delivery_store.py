"""What is kept of messages that carried a passcode, and of failed deliveries. Methods raise `StoreUnavailable`."""

from __future__ import annotations

from typing import Protocol

from proxy.delivery.failures import DeliveryFailure
from proxy.delivery.sending import Sending


class DeliveryStore(Protocol):
    """Messages outlive their challenge and its session."""

    async def put_sending(self, sending: Sending) -> None:
        """Remember it until its `expires_at`, and replace what was known about this message id."""
        ...

    async def sending(self, message_id: str, *, now: float) -> Sending | None: ...

    async def sendings_of(self, challenge_id: str, *, now: float) -> tuple[Sending, ...]:
        """Every message of one challenge, in the order of sending. The caller judges whose challenge it is."""
        ...

    async def put_failure(self, failure: DeliveryFailure) -> None:
        """Remember it for `failures.REMEMBERED_SECONDS`, and no more than the `MOST_REMEMBERED` latest. Durable."""
        ...

    async def failures(self, *, since: float) -> tuple[DeliveryFailure, ...]:
        """Those read after that instant, the latest first."""
        ...
