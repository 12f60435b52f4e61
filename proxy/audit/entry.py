"""An entry of the audit as it is read: what happened, when, and where it stands in its chain."""

from __future__ import annotations

from dataclasses import dataclass

from proxy.audit.event import AuditedPerson, AuditEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedEntry:
    time: float
    """Epoch seconds."""
    chain: str
    seq: int
    event: AuditEvent
    """Without the persons and personal fields whose key is gone."""
    is_erased: bool = False
    """Whether something of it cannot be read any more."""

    @property
    def persons(self) -> tuple[AuditedPerson, ...]:
        return tuple(each for each in (self.event.actor, self.event.person) if each is not None)
