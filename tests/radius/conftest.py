"""RADIUS on a real socket, a real store and a realm of one person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from directory.realms import Realms
from proxy.operations.metrics import Metrics
from proxy.radius.create_radius import create_radius
from proxy.radius.radius_server import RADIUSServer
from proxy.store.sqlite.sqlite_store import SQLiteStore
from tests.portal.stage import portal_settings
from tests.portal.test_mail_for_sms import CHANNELS
from tests.portal.test_password_change import CORP
from tests.sign_in.headless import SCHEMES, Corp, Service
from tests.support.eventually import eventually
from tests.support.radius import SECRET, Gateway


class RADIUSStage:
    def __init__(self, service: Service, scripted: Corp) -> None:
        self.service = service
        self.scripted = scripted
        self.metrics = Metrics()
        self.slept: list[float] = []
        self.server = self._server()
        self.is_draining = False

    def _server(self) -> RADIUSServer:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        service = self.service
        return create_radius(
            settings=service.settings,
            store=service.store,
            flow=service.parts.flow,
            keys=service.keys,
            metrics=self.metrics,
            log=structlog.get_logger(),
            clock=lambda: service.now,
            lock_file=None,
            sleep=sleep,
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.server.run(lambda: self.is_draining))
        await eventually(lambda: self.server.addresses)
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def gateway(self) -> Gateway:
        (address,) = self.server.addresses
        return await Gateway.to(address)

    def counted(self, outcome: str) -> float:
        found = self.metrics.registry.get_sample_value("gatepost_radius_packets_total", {"outcome": outcome})
        return found or 0.0


Staging = Callable[..., Any]


@pytest.fixture
async def staging(tmp_path: Path) -> AsyncIterator[Staging]:
    """Makes a stage; `client`, `radius` and others change its settings."""
    stores = []

    def make(client: dict[str, Any] | None = None, radius: dict[str, Any] | None = None, **more: Any) -> RADIUSStage:
        scripted = Corp()
        scripted.is_now(mail="scripted@corp.example")
        client = {"name": "VPN", "address": "127.0.0.1", "secret": SECRET.decode(), **(client or {})}
        values: dict[str, Any] = {
            "directories": [CORP],
            "schemes": SCHEMES,
            "second_factor": {"channels": tuple(CHANNELS)},
            "radius": {"listen": ("127.0.0.1:0",), "clients": (client,), **(radius or {})},
        }
        store = SQLiteStore(tmp_path / "state.db")
        stores.append(store)
        service = Service(portal_settings(tmp_path, **{**values, **more}), store, Realms([scripted]))
        service.phone.channels = dict(CHANNELS)
        return RADIUSStage(service, scripted)

    yield make
    for store in stores:
        await store.close()


@pytest.fixture
async def stage(staging: Staging) -> AsyncIterator[RADIUSStage]:
    made: RADIUSStage = staging()
    async with made.serving():
        yield made


@pytest.fixture
async def gateway(stage: RADIUSStage) -> AsyncIterator[Gateway]:
    made = await stage.gateway()
    yield made
    made.close()
