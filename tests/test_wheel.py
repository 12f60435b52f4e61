"""The wheel: one hash for one source, and nothing in it but the program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("config", "directory", "proxy")
FILES = ("pyproject.toml", "README.md", "setup.py")
BUILD = "from setuptools import build_meta; build_meta.build_wheel({folder!r})"


def wheel_of_a_copy(source: Path, *, checked_out: float, mode: int, umask: int, environ: dict[str, str]) -> Path:
    """Built from a copy of the source as somebody else would have it."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, source / name)
    for path in source.rglob("*"):
        if path.is_file():
            path.chmod(mode)
        os.utime(path, (checked_out, checked_out))
    inherited = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    subprocess.run(
        [sys.executable, "-c", BUILD.format(folder=str(source / "dist"))],
        cwd=source,
        env={**inherited, **environ, "GATEPOST_PURE": "1"},
        umask=umask,
        check=True,
        capture_output=True,
    )
    (wheel,) = (source / "dist").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Built in two places, at two times, by two people who set up their machines in their own way."""
    folder = tmp_path_factory.mktemp("wheels")
    one = wheel_of_a_copy(
        folder / "one", checked_out=1_700_000_000, mode=0o644, umask=0o022, environ={"TZ": "UTC", "PYTHONHASHSEED": "1"}
    )
    other = wheel_of_a_copy(
        folder / "home" / "other",
        checked_out=1_790_000_001,
        mode=0o600,
        umask=0o077,
        environ={"TZ": "Pacific/Auckland", "PYTHONHASHSEED": "2", "LC_ALL": "C"},
    )
    return one, other


def test_a_wheel_that_is_built_twice_has_one_hash(wheels: tuple[Path, Path]) -> None:
    one, other = (sha256(wheel.read_bytes()).hexdigest() for wheel in wheels)

    assert one == other


def test_a_wheel_that_is_not_compiled_is_for_every_machine(wheels: tuple[Path, Path]) -> None:
    assert wheels[0].name.endswith("-py3-none-any.whl")


def test_a_wheel_holds_the_program_alone(wheels: tuple[Path, Path]) -> None:
    """No tests, no history of the source, no files of whoever built it."""
    with ZipFile(wheels[0]) as wheel:
        names = wheel.namelist()

    allowed = rf"({'|'.join(FOLDERS)})/[\w./-]+|gatepost-[\w.]+\.dist-info/[A-Za-z_]+(\.txt)?"
    assert [name for name in names if not re.fullmatch(allowed, name)] == []
    shipped = {".py", ".toml", ".txt", ".html", ".po", ".css", ".js", ".svg", ".lua", ".sql", ".ps1"}
    assert {Path(name).suffix for name in names if ".dist-info/" not in name} <= shipped
    assert "proxy/__main__.py" in names
