"""The bill of materials says what the lock file says, and what is installed."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.markers import Marker
from packaging.utils import canonicalize_name

from proxy import __version__
from scripts.sbom import LOCK, SBOM, bill_of_materials
from tests.test_lock_files import locked

WRITTEN = json.loads(SBOM.read_text())
COMPONENTS: list[dict[str, Any]] = WRITTEN["components"]


def marker(component: dict[str, Any]) -> Marker | None:
    values = [each["value"] for each in component.get("properties", []) if each["name"] == "gatepost:marker"]
    return Marker(values[0]) if values else None


def test_it_is_what_the_lock_file_makes() -> None:
    assert SBOM.read_text() == bill_of_materials(LOCK.read_text(), __version__), "run python -m scripts.sbom"


def test_each_locked_package_is_in_it_with_its_version_marker_and_hashes() -> None:
    """Read apart from how it is made: every hash of the lock file is in it, under its package."""
    named = {
        (name, str(each.specifier).removeprefix("=="), each.marker)
        for name, entries in locked("deploy/requirements.txt").items()
        for each in entries
    }
    assert {(each["name"], each["version"], marker(each)) for each in COMPONENTS} == named

    hashes: dict[str, set[str]] = {}
    for line in LOCK.read_text().splitlines():
        if begun := re.match(r"([A-Za-z0-9][\w.-]*)==", line):
            name = str(canonicalize_name(begun[1]))
        elif found := re.search(r"--hash=sha256:(\w+)", line):
            hashes.setdefault(name, set()).add(found[1])
    assert {
        each["name"]: {found["content"] for found in each["externalReferences"][0]["hashes"]} for each in COMPONENTS
    } == hashes


def test_what_is_installed_is_what_it_says() -> None:
    """In the environment that runs; what a marker leaves out here may be absent."""
    assert WRITTEN["metadata"]["component"]["version"] == __version__ == version("gatepost")
    here = [each for each in COMPONENTS if (only := marker(each)) is None or only.evaluate()]
    assert len(here) > 40
    assert {each["name"]: each["version"] for each in here} == {each["name"]: version(each["name"]) for each in here}


def test_every_component_is_there_for_a_reason() -> None:
    """Gatepost needs it, or what Gatepost needs does. Cython and setuptools only build the package."""
    needs = {each["ref"]: each.get("dependsOn", []) for each in WRITTEN["dependencies"]}
    reached, waiting = set(), ["gatepost"]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += needs[ref]

    assert [each["name"] for each in COMPONENTS if each["bom-ref"] not in reached] == ["cython", "setuptools"]


def test_it_keeps_to_the_schema_and_names_neither_a_machine_nor_a_time() -> None:
    text = SBOM.read_text()

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert "timestamp" not in text
    links = set(re.findall(r'"[^"]*://([^/"]+)', text))
    assert links == {"pypi.org", "cyclonedx.org"}
    assert set(re.findall(r"file:|localhost|@[\w-]+\.[a-z]", text)) == set()
