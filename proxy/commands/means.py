"""What a command needs that changes something of a person's and tells them: opened once, closed at the end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from config.settings import Settings
from directory.create_directories import create_directories
from directory.realms import Realms
from proxy.audit.audited_log import audited
from proxy.audit.recorder import Recorder
from proxy.commands.acting import acting
from proxy.delivery.create_channels import create_channels
from proxy.languages.configured import languages_of
from proxy.operations.log import configure_log
from proxy.portal.number_notice import notice_of
from proxy.secrets.key_file import existing_keys
from proxy.secrets.keys import Keys
from proxy.sign_in.changed_numbers import Notices
from proxy.store.contract import Store
from proxy.store.open import open_store


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandMeans:
    keys: Keys
    realms: Realms
    store: Store
    log: FilteringBoundLogger
    recorder: Recorder
    notices: Notices


@asynccontextmanager
async def open_means(settings: Settings, *, now: float) -> AsyncIterator[CommandMeans]:
    """Closed at its end; `notices.settled` is the caller's to wait for. Raises `KeyFileError`."""
    keys = Keys(existing_keys(settings.server), clock=lambda: now)
    realms, store = create_directories(settings), open_store(settings.store)
    languages = languages_of(settings.pages)
    channels = create_channels(settings, languages=languages)
    try:
        async with acting(settings, store, keys) as recorder:
            log = audited(configure_log(), recorder)
            notices = Notices(notifier=channels, log=log, wording=notice_of, languages=languages)
            yield CommandMeans(keys=keys, realms=realms, store=store, log=log, recorder=recorder, notices=notices)
    finally:
        await channels.close()
        await store.close()
        await realms.close()
