"""A `Recorder` that keeps what it is handed, for tests of what is recorded."""

from __future__ import annotations

from proxy.audit.event import AuditEvent
from proxy.audit.recorder import AuditUnavailable


class KeptEvents:
    def __init__(self) -> None:
        self.events: list[AuditEvent] = []
        self.is_full = False
        """Nothing can be written, and it is required."""

    def record(self, event: AuditEvent) -> None:
        self.events.append(event)

    async def written(self) -> None:
        if self.is_full:
            raise AuditUnavailable("the audit cannot be written: no space left on the device")

    @property
    def names(self) -> list[str]:
        return [each.event for each in self.events]

    def of(self, name: str) -> list[AuditEvent]:
        return [each for each in self.events if each.event == name]

    def one(self, name: str) -> AuditEvent:
        (found,) = self.of(name)
        return found
