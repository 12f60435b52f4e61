"""Every log event that the code can write, with its levels and fields: read off the source, nothing is run.

An event's name is the first argument of a call of the logger, as a text, as one of two texts, or as a name that holds
one. A function with a parameter `event` hands it on, perhaps behind a prefix: then its callers name the event.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEVELS = {"info": "info", "warning": "warning", "error": "error", "exception": "error"}
NAME = re.compile(r"[a-z_]+\.[a-z_]+", re.ASCII)

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(slots=True, kw_only=True)
class Event:
    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    """The names that stand in the calls themselves."""


@dataclass(slots=True, kw_only=True)
class HandsOn:
    """What a function that takes an event's name makes of it."""

    prefix: str = ""
    levels: set[str] = field(default_factory=set)


@cache
def events() -> dict[str, Event]:
    """By name."""
    paths = [path for folder in ("proxy", "directory") for path in (ROOT / folder).rglob("*.py")]
    return events_of([path.read_text() for path in paths])


def events_of(sources: Sequence[str]) -> dict[str, Event]:
    modules = [list(ast.walk(ast.parse(source))) for source in sources]
    functions = [[node for node in nodes if isinstance(node, Function)] for nodes in modules]
    handing_on = _handing_on([each for of_module in functions for each in of_module])
    found: dict[str, Event] = {}
    for nodes, around in zip(modules, functions, strict=True):
        for call in (node for node in nodes if isinstance(node, ast.Call)):
            how = _how(call, handing_on)
            if how is None:
                continue
            arguments = call.args if _called(call) in handing_on else call.args[:1]
            for text in (how.prefix + text for argument in arguments for text in _texts(argument, around)):
                if NAME.fullmatch(text):
                    event = found.setdefault(text, Event())
                    event.levels |= how.levels
                    event.fields |= {keyword.arg for keyword in call.keywords if keyword.arg}
    return found


def _handing_on(functions: Sequence[Function]) -> dict[str, HandsOn]:
    """The functions that take an event's name. What the stores tell by `Report` goes to the logger's `warning`."""
    taking = [each for each in functions if any(one.arg == "event" for one in each.args.args)]
    found = {"_report": HandsOn(levels={"warning"}), **{each.name: HandsOn() for each in taking}}
    calls = [(found[each.name], node) for each in taking for node in ast.walk(each) if isinstance(node, ast.Call)]
    for _ in taking:  # one may hand on to another
        for hands_on, call in calls:
            how = _how(call, found)
            for argument in call.args if how is not None else ():
                match argument:
                    case ast.JoinedStr(
                        values=[ast.Constant(value=str(before)), ast.FormattedValue(value=ast.Name(id="event"))]
                    ):
                        hands_on.prefix = before
                    case ast.Name(id="event"):
                        hands_on.prefix = hands_on.prefix or how.prefix
                    case _:
                        continue
                hands_on.levels |= how.levels
    return found


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _how(call: ast.Call, handing_on: dict[str, HandsOn]) -> HandsOn | None:
    """None: it writes no event."""
    match call.func:
        case ast.IfExp(body=ast.Attribute(attr=one), orelse=ast.Attribute(attr=other)) if one in LEVELS:
            return HandsOn(levels={LEVELS[one], LEVELS[other]})  # (log.info if is_fine else log.warning)(...)
        case ast.Attribute(attr=name) if name in LEVELS:
            return HandsOn(levels={LEVELS[name]})
    return handing_on.get(_called(call))


def _texts(argument: ast.expr, functions: Sequence[Function]) -> Iterator[str]:
    match argument:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=one, orelse=other):
            yield from _texts(one, functions)
            yield from _texts(other, functions)
        case ast.Name(id=name, lineno=line):
            for function in functions:
                if function.lineno < line <= (function.end_lineno or line):
                    yield from _assigned(name, function, functions)


def _assigned(name: str, function: Function, functions: Sequence[Function]) -> Iterator[str]:
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=assigned)], value=value) if assigned == name:
                yield from _texts(value, functions)
