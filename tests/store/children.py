"""Processes of the tests' own that keep a store open beside the test, and what they print."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]

Child = subprocess.Popen[bytes]


def start_child(children: list[Child], script: Path, *arguments: str | Path) -> Child:
    """It is ended with the test, by the fixture `children`."""
    child = subprocess.Popen(
        [sys.executable, script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        cwd=REPOSITORY,
    )
    children.append(child)
    return child


def heard_by(child: Child) -> list[str]:
    """What it has printed by now."""
    assert child.stdout is not None
    os.set_blocking(child.stdout.fileno(), False)
    return (child.stdout.read() or b"").decode().split()
