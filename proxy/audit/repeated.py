"""Refusals that repeat themselves: nobody may fill a disk by being refused, which would stop a required audit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from proxy.audit.event import AuditEvent

REPEATED = frozenset({"sign_in.refused", "passcode.refused", "credential.refused", "ticket.refused", "admin.refused"})
ALL_UP_TO = 20
_WITHIN_SECONDS = 3600.0
_MOST_KNOWN = 10_000
"""Kinds of refusals; beyond that the one that was longest ago is forgotten."""


class RepeatedRefusals:
    """Of one worker."""

    def __init__(self, network_of: Callable[[str], str], *, clock: Callable[[], float] = time.monotonic) -> None:
        """`network_of`: what of an address counts as one client."""
        self._network_of = network_of
        self._clock = clock
        self._counts: dict[object, tuple[float, int]] = {}

    def kept(self, event: AuditEvent) -> AuditEvent | None:
        """Of the same refusal of the same person and client within an hour, the first `ALL_UP_TO`; then the 32nd, the
        64th and so on, which say how many there were."""
        if event.event not in REPEATED:
            return event
        whose = event.actor or event.person
        guid, facts = "" if whose is None else whose.guid, tuple(sorted(event.facts.items()))
        kind = (event.event, guid, self._network_of(event.address), facts)
        now = self._clock()
        begun, count = self._counts.pop(kind, (now, 0))
        if now - begun >= _WITHIN_SECONDS:
            begun, count = now, 0
        count += 1
        self._counts[kind] = (begun, count)
        if len(self._counts) > _MOST_KNOWN:
            del self._counts[next(iter(self._counts))]
        if count <= ALL_UP_TO:
            return event
        is_power_of_two = not count & (count - 1)
        return replace(event, facts={**event.facts, "repeated": count}) if is_power_of_two else None


def times(event: AuditEvent) -> int:
    """How many refusals this one stands for: itself, and those that were left out since the one before. Pure."""
    count = event.facts.get("repeated")
    return 1 if not isinstance(count, int) else count - max(count // 2, ALL_UP_TO)
