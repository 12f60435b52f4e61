"""What is kept of passes, and of what persons ask their managers for."""

from __future__ import annotations

from typing import Protocol

from proxy.factors.passes.given_pass import Approver, GivenPass
from proxy.factors.passes.vouch import VouchAnswer, VouchRequest


class PassStore(Protocol):
    """A pass or request that is over counts as absent, even if it was not removed yet. Changes are durable.

    Methods raise `StoreUnavailable`.
    """

    async def put_pass(self, given: GivenPass) -> bool:
        """False, and nothing kept, if the person has one already, living at `given_at`: of several at once, one is."""
        ...

    async def passes(self, guid: str | None = None, *, now: float) -> tuple[GivenPass, ...]:
        """One person's, or everybody's, the oldest first."""
        ...

    async def confirm_pass(self, pass_id: str, by: Approver, *, now: float) -> bool:
        """True for one caller only; False for a pass that was confirmed before or is not there (any more)."""
        ...

    async def end_pass(self, pass_id: str) -> bool:
        """Remove it; True for one caller only."""
        ...

    async def put_vouch(self, request: VouchRequest) -> None:
        """In the place of what its person asked for before."""
        ...

    async def vouches(self, guid: str | None = None, *, now: float) -> tuple[VouchRequest, ...]:
        """What a person asks for, or everybody does, answered or not, the oldest first."""
        ...

    async def answer_vouch(self, guid: str, vouch_id: str, answer: VouchAnswer, *, now: float) -> bool:
        """True for one caller only; False for a request that was answered before or is not there (any more)."""
        ...
