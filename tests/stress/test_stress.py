"""The short stress run: as `python -m tests.stress`, with fewer sessions and for a few seconds."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.stress.house import StoreKind
from tests.stress.run import Given, stress

SECONDS = 6.0
SESSIONS = 1000
WORKERS = 3
DISTURBANCES_MEAN_SECONDS = 1.2
HAS_REDIS = shutil.which("redis-server") or shutil.which("valkey-server")


@pytest.mark.timeout(300)  # a run may wait for much on a busy machine
@pytest.mark.parametrize(
    "store",
    [
        "sqlite",
        pytest.param("redis", marks=pytest.mark.skipif(not HAS_REDIS, reason="redis-server is not installed")),
    ],
)
async def test_no_session_is_lost_or_lives_on_and_no_passcode_is_used_twice(tmp_path: Path, store: StoreKind) -> None:
    seed = int(os.environ.get("STRESS_SEED") or int.from_bytes(os.urandom(4)))
    print(f"STRESS_SEED={seed}")  # pytest shows it when the test fails
    given = Given(
        store=store,
        seconds=SECONDS,
        sessions=SESSIONS,
        workers=WORKERS,
        seed=seed,
        mean_seconds=DISTURBANCES_MEAN_SECONDS,
    )
    result = await stress(tmp_path, given, tell=print)
    assert result.violations == []
    counts = result.counts
    disturbed = {name for name in counts if name.startswith("Disturbed")}
    assert len(disturbed) == (6 if store == "redis" else 3), counts
    assert result.missing == [], counts
    assert counts["Created"] > SESSIONS, "somebody signed in meanwhile"
