"""Telling the operator what no later try will fix: a login, sender or certificate that is refused, and low credit.

Once for each change: an error in the log, a gauge, and (through the channels) `/readyz`.
"""

from __future__ import annotations

from structlog.typing import FilteringBoundLogger

from proxy.operations.metrics import Metrics


class Alarms:
    """What is wrong now, by relay or channel. Without a log or metrics (a command that ends soon) it only remembers."""

    def __init__(self, log: FilteringBoundLogger | None = None, metrics: Metrics | None = None) -> None:
        self._log = log
        self._metrics = metrics
        self._wrong: dict[str, str] = {}
        self._low: set[str] = set()

    def wrong_with(self, service: str) -> str:
        """What the operator has to fix, or nothing."""
        return self._wrong.get(service, "")

    def misconfigured(self, service: str, reason: str) -> None:
        """`service`: ``host:port`` of a relay or the name of a channel."""
        is_new = self._wrong.get(service) != reason
        self._wrong[service] = reason
        if self._metrics is not None:
            self._metrics.set_misconfigured(service, True)
        if is_new and self._log is not None:
            self._log.error("relay.misconfigured", relay=service, reason=reason)

    def works(self, service: str) -> None:
        if self._metrics is not None:
            self._metrics.set_misconfigured(service, False)
        if self._wrong.pop(service, None) is not None and self._log is not None:
            self._log.info("relay.works", relay=service)

    def credit(self, channel: str, credits: int, *, warn_below: int) -> None:
        """How many messages the account can still pay for."""
        if self._metrics is not None:
            self._metrics.set_sms_credit(channel, credits)
        is_low = credits < warn_below
        if is_low and channel not in self._low and self._log is not None:
            self._log.error("sms.credit_low", channel=channel, credits=credits, warn_below=warn_below)
        if is_low:
            self._low.add(channel)
        else:
            self._low.discard(channel)
