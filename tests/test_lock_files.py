"""The lock files hold for every Python that `requires-python` promises, not only for the one that compiled them."""

from __future__ import annotations

import re
import tomllib
from collections import deque
from collections.abc import Iterator
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = {"deploy/requirements.txt": ("bounces", "radius", "ssh"), "tests/requirements.txt": ("test",)}
"""Each with the extras of `pyproject.toml` that it is for."""
NEWEST_MINOR = 15
MACHINES = ("x86_64", "aarch64")


def locked(lock: str) -> dict[str, list[Requirement]]:
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    found: dict[str, list[Requirement]] = {}
    for line in text.splitlines():
        written = line.partition(" --hash")[0].strip()
        if written and not written.startswith("#"):
            requirement = Requirement(written)
            found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


@cache
def metadata(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def required(lock: str) -> list[Requirement]:
    project = PYPROJECT["project"]
    texts = [*PYPROJECT["build-system"]["requires"], *project["dependencies"]]
    for extra in LOCKS[lock]:
        texts += project["optional-dependencies"][extra]
    return [Requirement(text) for text in texts]


def python_versions() -> list[str]:
    """3.11.0 to the newest, and both sides of every release that a marker names, which is where something changes."""
    found = {(3, minor, patch) for minor in range(11, NEWEST_MINOR + 1) for patch in (0, 99)}
    markers: list[Any] = [each.marker for lock in LOCKS for entries in locked(lock).values() for each in entries]
    for lock in LOCKS:
        for name in locked(lock):
            there = metadata(name)
            markers += [Requirement(text).marker for text in (there.requires or ()) if there] if there else []
    for marker in markers:
        if marker is None:
            continue
        for patch in re.findall(r'python_full_version\W+"3\.(\d+)\.(\d+)"', str(marker)):
            minor, last = int(patch[0]), int(patch[1])
            found |= {(3, minor, each) for each in (last - 1, last, last + 1) if each >= 0}
    return [".".join(map(str, each)) for each in sorted(found) if each >= (3, 11, 0)]


def environments() -> Iterator[dict[str, str]]:
    for version in python_versions():
        for machine in MACHINES:
            yield {
                **{key: str(value) for key, value in default_environment().items()},
                "python_full_version": version,
                "python_version": version.rpartition(".")[0],
                "implementation_version": version,
                "platform_machine": machine,
                "extra": "",
            }


def holds(marker: Marker | None, environment: dict[str, str], extras: frozenset[str] = frozenset()) -> bool:
    return marker is None or any(
        marker.evaluate({**environment, "extra": extra}) for extra in (extras or frozenset({""}))
    )


def missing(lock: str, environment: dict[str, str]) -> list[str]:
    """What pip would ask for in vain with ``--require-hashes``."""
    entries = locked(lock)
    python = environment["python_full_version"]
    problems = []
    waiting = deque((f"{lock} needs", each) for each in required(lock) if holds(each.marker, environment))
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        wanted_by, wanted = waiting.popleft()
        name, extras = canonicalize_name(wanted.name), frozenset(wanted.extras)
        chosen = [each for each in entries.get(name, []) if holds(each.marker, environment)]
        if len(chosen) != 1:
            problems.append(f"Python {python}: {wanted_by} {wanted}, which is locked {len(chosen)} times")
            continue
        version = str(chosen[0].specifier).removeprefix("==")
        if not wanted.specifier.contains(version, prereleases=True):
            problems.append(f"Python {python}: {wanted_by} {wanted}, but {version} is locked")
        there = metadata(name)
        if (name, extras) in seen or there is None:
            continue
        seen.add((name, extras))
        if not SpecifierSet(there.metadata.get("Requires-Python") or "").contains(python):
            problems.append(f"Python {python}: {name} {version} does not take it")
        for text in there.requires or ():
            inner = Requirement(text)
            if holds(inner.marker, environment, extras):
                waiting.append((f"{name} needs", inner))
    return problems


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_that_is_needed_is_locked_for_every_python(lock: str) -> None:
    assert [problem for environment in environments() for problem in missing(lock, environment)] == []


def test_the_oldest_python_that_is_judged_is_the_oldest_that_is_promised() -> None:
    assert PYPROJECT["project"]["requires-python"] == ">=3.11"
    assert {"3.11.0", "3.11.2", "3.11.3", "3.14.0"} <= set(python_versions())


@pytest.mark.parametrize("lock", LOCKS)
def test_what_is_judged_is_what_is_locked(lock: str) -> None:
    """Only what the running Python does not need may be absent; of the rest, that very version is installed."""
    here = {key: str(value) for key, value in default_environment().items()}
    for name, entries in locked(lock).items():
        for entry in entries:
            there = metadata(name)
            if holds(entry.marker, here):
                assert there is not None, f"{name} is locked and not installed: run scripts/test"
                assert entry.specifier.contains(there.version), f"{name} {there.version} is installed, not {entry}"


def test_both_lock_files_agree() -> None:
    deployed, tested = locked("deploy/requirements.txt"), locked("tests/requirements.txt")

    assert {name: list(map(str, tested.get(name, []))) for name in deployed} == {
        name: list(map(str, entries)) for name, entries in deployed.items()
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_no_machine_shows_in_a_lock_file(lock: str) -> None:
    """No index, no folder of whoever compiled it: only names, versions, markers, hashes and who needs them."""
    for line in (ROOT / lock).read_text().splitlines():
        content = line.strip().removesuffix("\\").strip()
        assert re.fullmatch(
            r"#.*|--hash=sha256:[0-9a-f]{64}|[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.+!]*( ; [a-z_'\"<>=!0-9A-Z. ]+)?", content
        ), line
        assert "://" not in line, line
        assert not re.search(r"(?<![\w.])/|file:", line), line
