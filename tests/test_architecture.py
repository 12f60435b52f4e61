"""The shape of the code: what each folder may import, who alone touches ldap3, and that no imports form a circle."""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("config", "directory", "proxy")

COMPOSITION = {"server", "cli", "commands", "__main__"}
"""Where the parts are put together: these may import everything. Nobody else is exempt."""

MAY_IMPORT: dict[str, set[str]] = {
    "config": set(),
    "directory": {"config"},
    # What everything else stands on.
    # Of `config` it is the kinds of field names alone: see `test_the_wire_knows_nothing_of_us`.
    "http": {"config"},
    "languages": {"config"},
    "pages": {"config", "http", "languages"},
    "operations": {"config", "http", "pages"},
    "secrets": {"config", "operations"},
    "tracing": {"config"},
    "audit": {"config", "operations", "secrets"},
    "degrade": {"config", "factors", "operations"},
    # What is decided about persons and requests.
    "factors": {"config", "directory", "operations", "secrets"},
    "access": {"config", "directory", "factors"},
    "sessions": {"config", "directory", "factors", "operations", "secrets", "throttle"},
    "throttle": {"access", "config", "directory", "operations", "secrets"},
    "canary": {"config", "delivery", "directory", "factors", "operations", "secrets"},
    "delivery": {"config", "directory", "languages", "operations", "secrets", "tracing"},
    "sign_in": {
        "access",
        "audit",
        "config",
        "degrade",
        "delivery",
        "directory",
        "factors",
        "languages",
        "operations",
        "secrets",
        "sessions",
        "throttle",
        "tracing",
    },
    "rehearsal": {
        "access",
        "audit",
        "config",
        "directory",
        "factors",
        "operations",
        "secrets",
        "sessions",
        "sign_in",
    },
    # It implements what those ask to have kept, and is itself imported by the composition alone.
    "store": {
        "audit",
        "canary",
        "config",
        "degrade",
        "delivery",
        "directory",
        "factors",
        "help_desk",
        "operations",
        "rehearsal",
        "secrets",
        "sessions",
        "sign_in",
        "throttle",
    },
    # The forwarding plane.
    "upstreams": {"config", "http", "operations"},
    "forwarding": {
        "access",
        "audit",
        "config",
        "http",
        "languages",
        "operations",
        "pages",
        "secrets",
        "sessions",
        "tracing",
        "upstreams",
    },
    # The ways in: none of them meets another, nor the forwarding plane.
    "portal": {
        *(
            "access",
            "audit",
            "config",
            "degrade",
            "directory",
            "factors",
            "help_desk",
            "http",
            "languages",
            "mobile_formats",
            "operations",
            "pages",
        ),
        *("secrets", "sessions", "sign_in", "tracing"),
    },
    "api": {
        "access",
        "config",
        "directory",
        "factors",
        "http",
        "languages",
        "operations",
        "pages",
        "secrets",
        "sessions",
        "sign_in",
    },
    "ssh": {
        "access",
        "audit",
        "config",
        "directory",
        "factors",
        "languages",
        "operations",
        "pages",
        "secrets",
        "sessions",
        "sign_in",
    },
    "radius": {"access", "config", "directory", "factors", "languages", "operations", "secrets", "sessions", "sign_in"},
    # A client, which stands on nothing of the server but the names of its paths.
    "connect": {"config", "http"},
    "help_desk": {
        *(
            "audit",
            "config",
            "degrade",
            "directory",
            "factors",
            "languages",
            "mobile_formats",
            "operations",
            "pages",
            "secrets",
            "sessions",
            "sign_in",
            "throttle",
        ),
    },
    "mobile_formats": {"directory", "languages"},
    "supervisor": {"config", "operations"},
    "demo": {"config", "operations", "server"},
}
"""The packages and every folder of `proxy/`, and what each may import."""

KEPT_APART = ("factors", "store")
"""Folders whose own folders do not know each other."""


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {name_of(path): path for path in sources()}


@cache
def imports(module: str) -> set[str]:
    """Everything that a module imports, wherever it says so: in a function, or for the type checker alone."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in below}
    return found


def own_imports(module: str) -> set[str]:
    return imports(module) & MODULES.keys() - {"proxy", module}


def row_of(module: str) -> str:
    """The row of the table that holds for a module."""
    package, *rest = module.split(".")
    return rest[0] if package == "proxy" and rest else package


def edges() -> set[tuple[str, str]]:
    """Which row imports which."""
    found = {(row_of(module), row_of(other)) for module in MODULES for other in own_imports(module)}
    return {(one, other) for one, other in found if one != other and one not in COMPOSITION}


def circles(graph: dict[str, set[str]]) -> Iterator[set[str]]:
    """The largest sets of nodes of which each leads to each."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            new = graph[waiting.pop()] - seen
            seen |= new
            waiting += new
        return seen

    reach = {node: reached(node) for node in graph}
    told: set[str] = set()
    for node in graph:
        if node in reach[node] and node not in told:
            circle = {other for other in reach[node] if node in reach[other]}
            told |= circle
            yield circle


def test_every_folder_has_a_row() -> None:
    entries = [path for path in (ROOT / "proxy").iterdir() if path.suffix == ".py" or path.is_dir()]
    names = {path.stem for path in entries} - {"__init__", "__pycache__"}
    assert names - COMPOSITION <= MAY_IMPORT.keys()


def test_a_folder_imports_what_its_row_allows() -> None:
    assert {(one, other) for one, other in edges() if other not in MAY_IMPORT[one]} == set()


def test_the_table_has_no_circle() -> None:
    rows = {name: allowed & MAY_IMPORT.keys() for name, allowed in MAY_IMPORT.items()}
    assert not list(circles(rows))
    assert not {other for allowed in MAY_IMPORT.values() for other in allowed} - MAY_IMPORT.keys() - COMPOSITION


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert list(circles({module: own_imports(module) for module in MODULES})) == []


@pytest.mark.parametrize("folder", KEPT_APART)
def test_the_folders_of_one_folder_do_not_know_each_other(folder: str) -> None:
    inside = {module: module.split(".") for module in MODULES if module.startswith(f"proxy.{folder}.")}
    for module, parts in inside.items():
        for other in own_imports(module) & inside.keys():
            if len(parts) > 3 and len(inside[other]) > 3:
                assert parts[2] == inside[other][2], f"{module} imports {other}"


def test_the_wire_knows_nothing_of_us() -> None:
    """But for what names of fields mean to servers: the configuration, which asks that too, may import nothing."""
    inside = {module for module in MODULES if module.startswith("proxy.http.")}
    outside = {other for module in inside for other in own_imports(module)} - inside
    assert outside <= {"config.field_kinds", "proxy.http"}


def test_no_class_name_stands_for_two_things() -> None:
    trees = [ast.parse(path.read_text()) for path in sources()]
    named = Counter(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    assert [name for name, count in named.items() if count > 1] == []


def test_no_two_files_with_one_name_meet_in_a_list_of_imports() -> None:
    for module in MODULES:
        named = Counter(other.rpartition(".")[2] for other in own_imports(module))
        assert [name for name, count in named.items() if count > 1] == [], module


def callers_of(*methods: str) -> set[str]:
    """The modules that call a method of such a name, without the stores, which have it."""
    return {
        module
        for module, path in MODULES.items()
        if not module.startswith("proxy.store.")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in methods
    }


def test_sessions_begin_in_one_place_whatever_the_way_in() -> None:
    assert callers_of("create_session", "create_first", "replace_session") == {"proxy.sign_in.session_steps"}
    # A credential is no sign-in: its own step asks the directory about the account.
    assert callers_of("begin_by_credential") == {"proxy.sign_in.credential_step"}
    assert callers_of("begin_session") == {"proxy.forwarding.reception"}


def test_only_one_module_imports_ldap3() -> None:
    for module in MODULES:
        if any(name.split(".")[0] == "ldap3" for name in imports(module)):
            assert module == "directory.active_directory.connection"


def test_the_repository_names_no_machine_and_no_registry() -> None:
    deployed = [path for path in (ROOT / "deploy").rglob("*") if path.is_file()]
    texts = [*sources(), *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *deployed]
    for path in texts:
        text = path.read_text()
        assert "--index-url" not in text, path
        assert "/home/" not in text, path
