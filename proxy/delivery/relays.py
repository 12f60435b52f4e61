"""The relays together: a mail goes to the first that works, and to the next only if it was certainly not taken.

Times are seconds of the event loop's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from proxy.delivery.channel import Delivery, Outcome
from proxy.delivery.mail import Mail
from proxy.delivery.smtp_relay import SMTPRelay


class Relays:
    def __init__(self, relays: Sequence[SMTPRelay], *, budget_seconds: float = 10.0) -> None:
        """`relays`, at least one, in order; `budget_seconds` for all of them together, where there is no deadline."""
        self._relays = tuple(relays)
        self._budget_seconds = budget_seconds

    def is_down(self) -> bool:
        return all(relay.breaker.is_down() for relay in self._relays)

    def misconfigured(self) -> tuple[str, ...]:
        """The relays that wait for the operator."""
        return tuple(relay.name for relay in self._relays if relay.misconfiguration)

    def are_up(self) -> Mapping[str, bool]:
        return {relay.name: relay.breaker.is_closed for relay in self._relays}

    async def hand_over(self, mail_from: Callable[[str], Mail], *, deadline: float | None = None) -> Delivery:
        """`mail_from` makes the mail for a relay's sender address. Never raises for what a relay or network does."""
        loop = asyncio.get_running_loop()
        end = deadline if deadline is not None else loop.time() + self._budget_seconds
        order = sorted(self._relays, key=lambda relay: (relay.breaker.is_down(), relay.is_busy))
        reasons = []
        for index, relay in enumerate(order):
            share = (end - loop.time()) / (len(order) - index)  # a hanging relay leaves time for those after it
            patience = relay.breaker.patience(min(relay.timeout, share))
            # A mail that was sent completely goes nowhere else, so this relay may use the time of those behind it.
            answer_by = min(end, loop.time() + relay.timeout)
            delivery = await relay.send(mail_from(relay.sender), deadline=loop.time() + patience, answer_by=answer_by)
            if delivery.outcome is not Outcome.UNAVAILABLE:
                return delivery
            reasons.append(f"{relay.name}: {delivery.reason}")
        return replace(delivery, reason="; ".join(reasons))

    async def check(self) -> list[Delivery]:
        """One result per relay, in the order of the configuration."""
        now = asyncio.get_running_loop().time()
        return await asyncio.gather(*(relay.check(deadline=now + relay.timeout) for relay in self._relays))

    async def close(self) -> None:
        await asyncio.gather(*(relay.close() for relay in self._relays))
