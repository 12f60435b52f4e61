"""A TOML file as it stands, with everything that is wrong with it as TOML, in words that do not need TOML's.

The library stops at the first slip. So a file that has one is cut into its statements: one that is wrong by itself is
told and left out, and so is one that contradicts an earlier one. What a value holds is never told: it may be a secret.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import accumulate, chain, takewhile
from pathlib import Path
from typing import Any

from config.problems import ConfigurationError, ConfigurationProblem
from config.system_errors import file_reason

_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\"' -]+?)\s*\]\]?\s*(?:#.*)?\s*")
_KEY = re.compile(r"\s*([A-Za-z0-9_.\"' -]+?)\s*=")
_VALUE = re.compile(r"[^=]*=\s*(\"\"\"|'''|[\"'\[{])")
_CLOSED_BY = {"[": "]", "{": "}"}
_LINE = re.compile(r"at line ([0-9]+)")
_MOST_CONFLICTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TOMLFile:
    tree: dict[str, Any]
    problems: tuple[ConfigurationProblem, ...]
    is_whole: bool
    """Whether `tree` holds all that is written. If not, what is not there may have been meant to be."""


@dataclass(slots=True, kw_only=True)
class _Statement:
    line: int
    text: str

    @property
    def header(self) -> str | None:
        """The name in brackets, where it is that."""
        found = _HEADER.fullmatch(self.text)
        return None if found is None else found[2].replace(" ", "")

    @property
    def is_of_list(self) -> bool:
        return self.text.lstrip().startswith("[[")

    @property
    def key(self) -> str | None:
        found = _KEY.match(self.text)
        return None if found is None or self.header is not None else found[1].replace(" ", "")


def read_toml(path: Path, lists: Collection[str]) -> TOMLFile:
    """`lists`: the tables of which there may be several. `ConfigurationError` if it cannot be read, or is no text."""
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"cannot be read: {file_reason(path, error)}"
    except ValueError:  # NUL in the path
        message = "cannot be read"
    else:
        return understand_toml(path, content, lists)
    raise ConfigurationError([ConfigurationProblem(str(path), "", "", message)])


def understand_toml(path: Path, content: bytes, lists: Collection[str]) -> TOMLFile:
    """`content` as `read_toml` has it; `path` is where problems are said to be."""
    try:
        text = content.decode("utf-8-sig")
        try:
            return TOMLFile(tree=tomllib.loads(text), problems=(), is_whole=True)
        except tomllib.TOMLDecodeError:
            tree, wrong, is_whole = _understood(text.replace("\r\n", "\n"), lists)
            problems = tuple(ConfigurationProblem(str(path), "", "", message) for message in wrong)
            return TOMLFile(tree=tree, problems=problems, is_whole=is_whole)
    except UnicodeDecodeError:
        message = "is not UTF-8 text"
    except (ValueError, RecursionError):  # thousands of nested brackets
        message = "cannot be read"
    raise ConfigurationError([ConfigurationProblem(str(path), "", "", message)])


def _understood(text: str, lists: Collection[str]) -> tuple[dict[str, Any], list[str], bool]:
    wrong: list[tuple[int, str]] = []
    statements: list[_Statement] = []
    is_whole = True
    for each in _statements(text):
        if isinstance(each, _Statement):
            statements.append(each)
        else:
            wrong.append(each)
            is_whole = False
    wrong += _put_brackets_right(statements, lists)
    statements, again = _put_together(statements)
    wrong += again
    for _ in range(_MOST_CONFLICTS):
        try:
            tree = tomllib.loads("".join(each.text for each in statements))
        except tomllib.TOMLDecodeError as error:
            wrong.append(_take_out_conflict(statements, str(error)))
            continue
        return tree, [message for _, message in sorted(wrong)], is_whole
    return {}, [message for _, message in sorted(wrong)], False


def _statements(text: str) -> Iterator[_Statement | tuple[int, str]]:
    """Each that TOML takes by itself; of each other one its line, and what is wrong with it."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    at = 0
    while at < len(lines):
        end, error = _end_of_statement(lines, at)
        if error is None:
            yield _Statement(line=at + 1, text="".join(lines[at:end]).rstrip("\n") + "\n")
        else:
            yield _told(lines[at], at, error)
            if lines[at].lstrip().startswith("["):
                # Nobody knows whose keys follow a header that is none.
                end = next((each for each in range(at + 1, len(lines)) if _HEADER.fullmatch(lines[each])), len(lines))
        at = end


def _end_of_statement(lines: list[str], at: int) -> tuple[int, str | None]:
    """Behind its last line, and what the library says of it if it is none: then where to go on."""
    value = _VALUE.match(lines[at])
    is_long = value is not None and value[1] not in ("'", '"')
    error = ""
    for end in range(at + 1, len(lines) + 1):
        try:
            tomllib.loads("".join(lines[at:end]))
        except tomllib.TOMLDecodeError as failed:
            error = str(failed)
            if is_long and "(at end of document)" in error:
                continue
            if is_long:
                begun = (each for each in range(at + 1, len(lines)) if _begins(lines[each]))
                return next(begun, len(lines)), error
        else:
            return end, None
        break
    return at + 1, error


def _begins(line: str) -> bool:
    return _KEY.match(line) is not None or _HEADER.fullmatch(line) is not None


def _told(line: str, at: int, error: str) -> tuple[int, str]:
    value = _VALUE.match(line)
    sign = value[1] if value is not None else ""
    found = _LINE.search(error)
    number = at + (int(found[1]) if found is not None else 1)
    if sign and sign not in _CLOSED_BY and ("(at end of document)" in error or "Illegal character '\\n'" in error):
        return at + 1, f"line {at + 1}: the string is never closed: end it with {sign}"
    if sign in _CLOSED_BY and ("(at end of document)" in error or number > at + 1):
        what = "list" if sign == "[" else "table"
        return at + 1, f"line {at + 1}: the {what} is never closed, or not well-formed: end it with {_CLOSED_BY[sign]}"
    error = error.replace("at end of document", f"at line {number}")
    return number, f"is not TOML: {_LINE.sub(f'at line {number}', error)}"


def _put_brackets_right(statements: list[_Statement], lists: Collection[str]) -> Iterator[tuple[int, str]]:
    """Tables of which there are several, in single brackets."""
    names = [each.header for each in statements]
    for each in statements:
        name = each.header
        if name in lists and names.count(name) > 1 and not each.is_of_list:
            yield (
                each.line,
                f"line {each.line}: write [[{name}]], in two brackets, for there may be several (each time it stands)",
            )
            each.text = f"[[{name}]]\n"


def _put_together(statements: list[_Statement]) -> tuple[list[_Statement], list[tuple[int, str]]]:
    """Where a table is there twice, what the second one holds goes to the first."""
    sections: list[list[_Statement]] = [[]]
    first: dict[str, list[_Statement]] = {}
    wrong: list[tuple[int, str]] = []
    for each in statements:
        if each.header is None:
            sections[-1].append(each)
        elif each.is_of_list:
            sections.append([each])
            first = {name: section for name, section in first.items() if not name.startswith(f"{each.header}.")}
        elif each.header in first:
            wrong.append((each.line, f"[{each.header}] is there twice: put both together (at line {each.line})"))
            sections.append(first[each.header])
        else:
            sections.append([each])
            first[each.header] = sections[-1]
    each_once = {id(section): section for section in sections}.values()
    return list(chain.from_iterable(each_once)), wrong


def _take_out_conflict(statements: list[_Statement], error: str) -> tuple[int, str]:
    """Make `statements` of one mind about one name; the line, and what to do."""
    found = _LINE.search(error)
    number = int(found[1]) if found is not None else 1
    ends = accumulate(each.text.count("\n") for each in statements)
    position = next(position for position, end in enumerate(ends) if end >= number)
    it = statements[position]
    outer = (it.header or "").partition(".")[0]
    top = takewhile(lambda each: each.header is None, statements[:position])
    as_value = next((each for each in top if outer and each.key == outer), None)
    if as_value is not None:  # the tables are what is meant
        statements.remove(as_value)
        where = f"line {as_value.line}"
        return as_value.line, f"{where}: {outer} is given as a table too (line {it.line}): leave this line out"
    del statements[position]
    if it.key is not None:
        return it.line, f"line {it.line}: {it.key} is there twice: keep one of them"
    following = next((at for at in range(position, len(statements)) if statements[at].header), len(statements))
    del statements[position:following]
    return it.line, f"line {it.line}: {it.header or 'this'} is there already, in another form: keep one of them"
