"""A recorder for one command: it takes a chain when there is something to record, writes it, and leaves."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from proxy.audit.open_audit import ServedAudit, serving_audit
from proxy.audit.person_keys import PersonKeys
from proxy.secrets.keys import Keys
from proxy.store.contract import Store


@asynccontextmanager
async def audit_of_command(
    settings: Settings, store: Store, keys: Keys, *, log: FilteringBoundLogger
) -> AsyncIterator[ServedAudit]:
    """Everything that was recorded is written when the block is left, or `audit.lost` is in the log.

    `flushed` raises `AuditUnavailable` before that, for a command that must not go on without.
    """
    person_keys = PersonKeys(store.person_keys, keys)
    async with serving_audit(settings.audit, person_keys, keys, log=log, clock=time.time, for_command=True) as audit:
        yield audit
