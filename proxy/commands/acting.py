"""What a command looks up and does is recorded like what an admin does on the pages: by whom, and to whom."""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from directory.principal import Account, Principal
from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.audit.recorder import NoAudit, Recorder
from proxy.commands.command_audit import audit_of_command
from proxy.operations.log import configure_log
from proxy.secrets.key_file import KeyFileError, existing_keys
from proxy.secrets.keys import Keys
from proxy.store.contract import Store


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
async def acting(
    settings: Settings, store: Store, keys: Keys | None = None, *, log: FilteringBoundLogger | None = None
) -> AsyncIterator[Recorder]:
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
    async with audit_of_command(settings, store, keys, log=log or configure_log()) as recorder:
        yield recorder
