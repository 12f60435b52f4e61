"""What is compiled (see setup.py): its types fit the sources, no check is switched off, and none is of old sources."""

from __future__ import annotations

import ast
import re
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TYPES = sorted((ROOT / "proxy").rglob("*.pxd"))
CHECKS = "boundscheck|wraparound|nonecheck|initializedcheck|overflowcheck|cdivision|annotation_typing"


def attributes(kind: ast.ClassDef) -> set[str]:
    """What it names, and what its methods assign to `self`."""
    named = {ast.unparse(each.target) for each in kind.body if isinstance(each, ast.AnnAssign)}
    return named | {
        each.attr
        for each in ast.walk(kind)
        if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store) and ast.unparse(each.value) == "self"
    }


def parameters(function: ast.FunctionDef) -> list[str]:
    assert not function.args.kwonlyargs, f"{function.name}: what C calls takes no names"
    return [each.arg for each in function.args.args]


@pytest.mark.parametrize("types", TYPES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_types_are_those_of_the_source(types: Path) -> None:
    """Whoever changes a source without a compiler at hand learns of it here."""
    source = ast.parse(types.with_suffix(".py").read_text())
    classes = {each.name: each for each in source.body if isinstance(each, ast.ClassDef)}
    declared: dict[str, set[str]] = {}
    kind = ""
    for line in types.read_text().splitlines():
        if found := re.match(r"cdef class (\w+)", line):
            kind = found[1]
            declared[kind] = set()
        elif found := re.match(r"( *)cp?def (?:[\w ]+ )?(\w+)\((.*)\)( except -1)?$", line):
            body = classes[kind].body if found[1] else source.body
            named = [re.split(r"[ =]", each.removesuffix("=*"))[-1] for each in found[3].split(", ")]
            (function,) = (each for each in body if isinstance(each, ast.FunctionDef) and each.name == found[2])
            assert parameters(function) == named
        elif found := re.match(r"    cdef (?:public |readonly )?(?:[\w ]+) (\w+)$", line):
            declared[kind].add(found[1])
        else:
            assert re.match(r"$|#|    pass$|from \S+ cimport |cimport cython$| *@cython\.locals\(", line), line
    assert declared == {name: attributes(classes[name]) for name in declared}


def test_no_check_is_switched_off() -> None:
    """Bytes of strangers pass through here: an exception is better than memory that is not theirs."""
    (written,) = re.findall(r"^DIRECTIVES = (\{.*?^\})", (ROOT / "setup.py").read_text(), re.MULTILINE | re.DOTALL)
    directives = ast.literal_eval(written)
    assert directives.pop("language_level") == 3
    switched_on = {name for name, value in directives.items() if value}
    assert switched_on == {"boundscheck", "nonecheck", "initializedcheck", "overflowcheck"}
    assert set(directives) - switched_on == {"annotation_typing", "cdivision"}
    for types in TYPES:
        assert not re.search(CHECKS, types.read_text()), types


def test_what_is_compiled_here_is_of_these_sources() -> None:
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    compiled = [path for path in TYPES if path.with_name(path.stem + suffix).exists()]
    assert compiled in ([], TYPES), "some are compiled and some are not: run scripts/compile"
    for path in compiled:
        newest = max(path.with_suffix(end).stat().st_mtime for end in (".py", ".pxd"))
        assert path.with_name(path.stem + suffix).stat().st_mtime >= newest, f"{path} has changed: run scripts/compile"
