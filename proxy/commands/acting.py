"""What a command looks up and does is recorded like what an admin does on the pages: by whom, and to whom."""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from directory.principal import Account, Principal
from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.audit.open_audit import ServedAudit, serving_audit
from proxy.audit.person_keys import PersonKeys
from proxy.audit.recorder import NoAudit, Recorder
from proxy.operations.log import configure_log
from proxy.operations.own_user import WrongUser, become_owner_of
from proxy.operations.store_errors import StoreError
from proxy.secrets.key_file import KeyFileError, existing_keys
from proxy.secrets.keys import Keys
from proxy.store.contract import Store
from proxy.store.open import open_store


def own_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user of no name, as containers have
        return "somebody without a name"


def by_this_command() -> str:
    """What stands under ``by``, in the log and in the audit."""
    return f"command of {own_name()}"


def person_of(whose: Account | Principal) -> AuditedPerson:
    return AuditedPerson(realm=whose.realm, guid=whose.guid, name=whose.username)


def act(what: str, person: AuditedPerson | None = None, **facts: str | int) -> AuditEvent:
    """What a command did, to somebody or to nobody whom a directory knows."""
    said = {name: value for name, value in facts.items() if value != ""}
    return AuditEvent(event=what, person=person, facts=said, personal={"by": by_this_command()})


class RecordedLater:
    """A `Recorder` for what is done before the audit may be opened."""

    def __init__(self) -> None:
        self.events: list[AuditEvent] = []

    def record(self, event: AuditEvent) -> None:
        self.events.append(event)

    async def written(self) -> None:
        return


@asynccontextmanager
async def audit_of_command(
    settings: Settings, store: Store, keys: Keys, *, log: FilteringBoundLogger
) -> AsyncIterator[ServedAudit]:
    """It takes a chain when there is something to record. Everything that was recorded is written when the block is
    left, or `audit.lost` is in the log.

    `flushed` raises `AuditUnavailable` before that, for a command that must not go on without.
    """
    person_keys = PersonKeys(store.person_keys, keys)
    async with serving_audit(settings.audit, person_keys, keys, log=log, clock=time.time, for_command=True) as audit:
        yield audit


@asynccontextmanager
async def acting(settings: Settings, store: Store, keys: Keys | None = None) -> AsyncIterator[Recorder]:
    """Written when the block is left. Without a master key nothing can be sealed: that is said, and nothing kept."""
    if not settings.audit.is_on:
        yield NoAudit()
        return
    try:
        keys = keys or Keys(existing_keys(settings.server), clock=time.time)
    except KeyFileError as error:
        print(f"gatepost: not recorded in the audit: {error}", file=sys.stderr)
        yield NoAudit()
        return
    async with audit_of_command(settings, store, keys, log=configure_log()) as recorder:
        yield recorder


async def record_acts(settings: Settings, store: Store, events: Iterable[AuditEvent], keys: Keys | None = None) -> None:
    """What is done already."""
    async with acting(settings, store, keys) as recorder:
        for event in events:
            recorder.record(event)


async def record_afterwards(settings: Settings, events: Sequence[AuditEvent], *, command: str) -> None:
    """For a command that changes a file in a folder of somebody else's: only now it becomes the service's user, whose
    the audit is. What it did is done: that it could not be recorded is said."""
    if not events or not settings.audit.is_on:
        return
    try:
        written = settings.store.file or settings.audit.file
        if written is not None:
            become_owner_of(written)
        store = open_store(settings.store)
        try:
            await record_acts(settings, store, events)
        finally:
            await store.close()
    except (StoreError, WrongUser) as error:
        print(f"gatepost {command}: not recorded in the audit: {error}", file=sys.stderr)
