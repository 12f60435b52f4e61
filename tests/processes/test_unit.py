"""The unit of systemd is one that it understands, and as closed as it can be."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
MOST_EXPOSED = 2.0
"""Of 10, as `systemd-analyze security` counts."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """Both units, with a program that exists here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for each in ("gatepost.service", "gatepost.socket"):
        text = (DEPLOY / each).read_text().replace("/opt/gatepost/bin/gatepost", "/bin/true")
        (tmp_path / each).write_text(text)
    return tmp_path / "gatepost.service"


@pytest.mark.parametrize("name", ["gatepost.service", "gatepost.socket"])
def test_systemd_finds_nothing_wrong(unit: Path, name: str) -> None:
    command = ["systemd-analyze", "verify", "--man=no", str(unit.with_name(name))]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")


def test_little_is_left_to_the_service(unit: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    exposure = re.search(r"exposure level for gatepost.service: ([0-9.]+)", result.stdout)
    assert exposure is not None
    assert float(exposure[1]) <= MOST_EXPOSED
