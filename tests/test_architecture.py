"""The shape that design.md fixes: which package may know which, and who alone touches ldap3."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FEATURES = {"forwarding", "access", "sessions", "second_factor", "delivery", "store", "portal", "demo", "commands"}
COMPOSITION = {"proxy/server.py", "proxy/cli.py", "proxy/__main__.py"}

# A feature may know the value modules of another: plain values, protocols and pure functions, no I/O.
VALUES = {
    "proxy.sessions.session",
    "proxy.sessions.tokens",
    "proxy.sessions.cookies",
    "proxy.second_factor.challenge",
    "proxy.second_factor.known_numbers",
    "proxy.second_factor.passcode",
    "proxy.second_factor.arrival_times",
    "proxy.second_factor.sending",
    "proxy.second_factor.tag",
    "proxy.store.store",
    "proxy.delivery.channel",
    "proxy.delivery.failures",
    "proxy.access.policy",
    "proxy.access.networks",
    "proxy.access.schemes",
    "proxy.access.paths",
    "proxy.access.rules",
    # The interface of the session cache, which the two planes are built around.
    "proxy.sessions.live_sessions",
}


def sources() -> list[Path]:
    return sorted(path for package in ("config", "directory", "proxy") for path in (ROOT / package).rglob("*.py"))


def imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_packages_know_each_other_in_one_direction(path: Path) -> None:
    place = path.relative_to(ROOT)
    forbidden = {"config": {"directory", "proxy"}, "directory": {"proxy"}, "proxy": set()}[place.parts[0]]
    known = {name.split(".")[0] for name in imports(path)}
    assert not known & forbidden


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_features_share_only_value_modules(path: Path) -> None:
    place = path.relative_to(ROOT)
    if place.parts[0] != "proxy" or str(place) in COMPOSITION or place.parts[1] in ("commands", "demo"):
        return
    own = place.parts[1]
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "proxy" and len(parts) > 1 and parts[1] in FEATURES and parts[1] != own:
            assert name in VALUES, f"{place} imports {name}"


def test_only_one_module_imports_ldap3() -> None:
    for path in sources():
        if any(name.split(".")[0] == "ldap3" for name in imports(path)):
            assert str(path.relative_to(ROOT)) == "directory/active_directory/connection.py"


def test_the_repository_names_no_machine_and_no_registry() -> None:
    deployed = [path for path in (ROOT / "deploy").rglob("*") if path.is_file()]
    texts = [*sources(), *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *deployed]
    for path in texts:
        text = path.read_text()
        assert "--index-url" not in text, path
        assert "/home/" not in text, path
