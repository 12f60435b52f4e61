"""Attributes of which AD gives only some values at once: read to their end, so that no rest is ever taken for nothing.

AD gives at most MaxValRange values (1,500 by default) in one answer, under a name such as ``tokenGroups;range=0-1499``
(MS-ADTS section 3.1.1.3.1.3.3). Pure but for what `more` does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from directory.active_directory.messages import Entry

_MOST_ANSWERS = 1000
"""How many requests for the rest of one attribute: a server that needs more would never end."""
_RANGED = re.compile(r"([^;]+);range=([0-9]{1,9})-([0-9]{1,9}|\*)", re.ASCII)


class ValuesMissing(Exception):
    """A server gave some of an attribute's values, but not the rest. Names the attribute."""

    def __init__(self, attribute: str) -> None:
        super().__init__(f"does not give all values of {attribute}")


def is_in_ranges(entry: Entry) -> bool:
    return any(";range=" in name for name in entry.attributes)


def in_whole(entry: Entry, more: Callable[[str], Entry | None]) -> Entry:
    """The same entry with every attribute under its own name and with all its values.

    `more` reads one attribute of the entry, such as ``tokengroups;range=1500-*``. Raises `ValuesMissing`.
    """
    whole = {name: values for name, values in entry.attributes.items() if ";range=" not in name}
    for name, values in entry.attributes.items():
        if ";range=" not in name:
            continue
        attribute, start, end = _range(name, values)
        if start != 0:
            raise ValuesMissing(attribute)
        collected = list(values)
        for _ in range(_MOST_ANSWERS):
            if end is None:
                break
            asked = end + 1
            rest, end = _rest(more(f"{attribute};range={asked}-*"), attribute, asked)
            collected += rest
        if end is not None:
            raise ValuesMissing(attribute)
        if collected:
            whole[attribute] = tuple(collected)
    return Entry(dn=entry.dn, attributes=whole)


def _rest(found: Entry | None, attribute: str, start: int) -> tuple[tuple[bytes, ...], int | None]:
    """The values from `start` on that this answer has, and the last one's place; None: of all of them."""
    for name, values in found.attributes.items() if found is not None else ():
        if ";range=" not in name:
            continue
        named, begun, end = _range(name, values)
        if named == attribute and begun == start and values:
            return tuple(values), end
    raise ValuesMissing(attribute)


def _range(name: str, values: Sequence[bytes]) -> tuple[str, int, int | None]:
    """The attribute, and the places of its first and its last value; None: of the last one of all."""
    match = _RANGED.fullmatch(name)
    if match is None:
        raise ValuesMissing(name.partition(";")[0])
    start, end = int(match[2]), None if match[3] == "*" else int(match[3])
    if end is not None and len(values) != end + 1 - start:
        raise ValuesMissing(match[1])
    return match[1], start, end
