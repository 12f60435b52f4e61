"""A service without HTTP, on a real store and a realm of one person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from directory.realms import Realms
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.portal.stage import portal_settings
from tests.portal.test_mail_for_sms import CHANNELS
from tests.portal.test_password_change import CORP
from tests.sign_in.headless import SCHEMES, Corp, Service


@pytest.fixture
def scripted() -> Corp:
    directory = Corp()
    directory.is_now(mail="scripted@corp.example")
    return directory


@pytest.fixture
async def service(tmp_path: Path, scripted: Corp) -> AsyncIterator[Service]:
    settings = portal_settings(
        tmp_path,
        directories=[CORP],
        schemes=SCHEMES,
        second_factor={"channels": tuple(CHANNELS)},
    )
    store = SQLiteStore(tmp_path / "state.db")
    service = Service(settings, store, Realms([scripted]))
    service.phone.channels = dict(CHANNELS)
    yield service
    await store.close()
