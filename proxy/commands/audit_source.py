"""What the actions of `gatepost audit` share that read it: where it is, what opens it, and whose it is about."""

from __future__ import annotations

import argparse
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from config.settings import Settings
from config.system_errors import file_reason
from config.values import parse_duration
from directory.create_directories import create_directories
from proxy.audit.entry import OpenedEntry
from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.audit.person_keys import PersonKeys
from proxy.audit.reading import files_of, read_audit
from proxy.commands.acting import person_of, record_acts
from proxy.help_desk.person import NotFound, find_person
from proxy.secrets.key_file import existing_keys
from proxy.secrets.keys import Keys
from proxy.store.contract import Store
from proxy.store.open import open_store


class NothingToRead(Exception):
    """The text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSource:
    settings: Settings
    store: Store
    keys: Keys
    person_keys: PersonKeys

    async def entries(self, *, guid: str = "", since: float = 0.0) -> AsyncIterator[OpenedEntry]:
        """By time; of one person, those that can still be opened. Raises `NothingToRead` and `StoreError`."""
        base = self.settings.audit.file
        if base is None:
            raise NothingToRead("[audit] file is not set: there is nothing to read here")
        try:
            key_ids = await self.person_keys.key_ids(guid) if guid else None
            async for entry in read_audit(files_of(base), self.person_keys, since=since, key_ids=key_ids):
                yield entry
        except OSError as error:
            path = Path(error.filename or base.parent)
            raise NothingToRead(f"{path} cannot be read: {file_reason(path, error)}") from error

    async def person(self, login: str | None, guid: str | None) -> AuditedPerson | None:
        """None: nobody was named. Raises `NotFound` and `DirectoryError`."""
        if guid is not None:
            return AuditedPerson(realm="", guid=guid.lower())
        if login is None:
            return None
        realms = create_directories(self.settings)
        try:
            _, principal = await find_person(realms, login)
        except NotFound as error:
            raise NotFound(f"{error}; name an account that is gone by its --guid") from None
        finally:
            await realms.close()
        return person_of(principal)

    async def record(self, event: AuditEvent) -> None:
        """Who looked, which the next one finds."""
        await record_acts(self.settings, self.store, [event], self.keys)


@asynccontextmanager
async def open_source(settings: Settings) -> AsyncIterator[AuditSource]:
    """Raises `KeyFileError`."""
    keys = Keys(existing_keys(settings.server), clock=time.time)
    store = open_store(settings.store)
    try:
        yield AuditSource(settings=settings, store=store, keys=keys, person_keys=PersonKeys(store.person_keys, keys))
    finally:
        await store.close()


@dataclass(frozen=True, slots=True)
class Since:
    """A day, or a time before now."""

    day: date | None
    seconds: float = 0.0

    def at(self, now: float) -> float:
        if self.day is None:
            return now - self.seconds
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC).timestamp()


def since(text: str) -> Since:
    try:
        return Since(date.fromisoformat(text))
    except ValueError:
        pass
    try:
        return Since(None, parse_duration(text))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(f"{text!r}: write a day in UTC, 2026-11-01, or a time, 7d") from None


def add_person(parser: argparse.ArgumentParser, *, required: bool, help_text: str) -> None:
    whose = parser.add_mutually_exclusive_group(required=required)
    whose.add_argument("--person", metavar="LOGIN", help=help_text)
    whose.add_argument("--guid", metavar="GUID", help="the same, of an account that is gone, by its objectGUID")
