"""One API per test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.stage import APIClient, running_api
from tests.portal.stage import Stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_api(tmp_path) as stage:
        yield stage


@pytest.fixture
def client(stage: Stage) -> APIClient:
    return APIClient(stage)
