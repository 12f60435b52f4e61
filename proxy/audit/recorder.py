"""Where the parts hand in what happened."""

from __future__ import annotations

from typing import Protocol

from proxy.audit.event import AuditEvent
from proxy.operations.store_errors import StoreUnavailable


class AuditUnavailable(StoreUnavailable):
    """The audit cannot be written, and `[audit] required` says that nobody signs in then. The text says why.

    Every way in answers it as it answers a store that is down.
    """


class Recorder(Protocol):
    def record(self, event: AuditEvent) -> None:
        """Keep it. Returns at once and never raises: what cannot be written is told by `/readyz` and the log."""
        ...

    async def written(self) -> None:
        """Wait until all that was recorded so far is in the file, where the audit is required; else return at once.

        Raises `AuditUnavailable` where it is required and cannot be written.
        """
        ...


class NoAudit:
    """Where no audit is configured."""

    def record(self, event: AuditEvent) -> None:
        return

    async def written(self) -> None:
        return
