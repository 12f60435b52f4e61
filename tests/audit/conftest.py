"""What tests of the audit share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.audit.engine import Engine


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(tmp_path / "audit" / "gatepost.jsonl")
