"""One portal per test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.portal.stage import Stage, running_portal


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_portal(tmp_path) as stage:
        yield stage
