"""Reads the audit's files again, line by line in the order of time, and opens what can still be opened."""

from __future__ import annotations

import heapq
import itertools
import json
import re
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from proxy.audit.entry import OpenedEntry
from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.audit.files import audit_files
from proxy.audit.lines import ChainLine, read_line
from proxy.audit.person_keys import PersonKeys

_AT_ONCE = 200
"""Lines that are opened together. An erasure counts from the next ones on."""
_DAY = re.compile(r"-([0-9]{4}-[0-9]{2}-[0-9]{2})-")


def files_of(base: Path) -> list[Path]:
    """Those that belong to `[audit] file`, in the order of their days. Raises `OSError`."""
    return [each.path(base) for each in audit_files(base, (each.name for each in base.parent.iterdir()))]


async def read_audit(
    files: Iterable[Path],
    person_keys: PersonKeys,
    *,
    since: float = 0.0,
    key_ids: frozenset[str] | None = None,
) -> AsyncIterator[OpenedEntry]:
    """Every line, by its time; what is no line is passed over (`gatepost audit verify` names it).

    `since` is an instant. `key_ids`: those lines alone in which something is sealed under one of these keys
    (`PersonKeys.key_ids` has a person's). Raises `OSError` and `StoreUnavailable`.
    """
    wanted = (
        line for line in merged(files) if line.time >= since and (key_ids is None or line.is_sealed_under(key_ids))
    )
    while lines := list(itertools.islice(wanted, _AT_ONCE)):
        for entry in await opened(lines, person_keys):
            yield entry


def newest(
    files: Iterable[Path],
    is_wanted: Callable[[ChainLine], bool],
    *,
    since: float,
    most: int,
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[list[ChainLine], bool]:
    """The newest lines of which that is true, the newest first, and whether those are all since then.

    At most `most`, and only what is found within `seconds`, day by day backwards. It blocks: call it on a thread.
    Raises `OSError`.
    """
    ends_at, found = clock() + seconds, list[ChainLine]()
    first_day = datetime.fromtimestamp(since, UTC).date().isoformat()
    days = [(day, list(each)) for day, each in itertools.groupby(sorted(files, key=_day), key=_day)]
    for day, of_day in reversed(days):
        if day < first_day:
            break
        of_this_day: deque[ChainLine] = deque(maxlen=most + 1)
        for number, line in enumerate(merged(of_day)):
            if number % 256 == 0 and clock() > ends_at:
                return [*found, *reversed(of_this_day)][:most], False
            if line.time >= since and is_wanted(line):
                of_this_day.append(line)
        found += reversed(of_this_day)
        if len(found) > most:
            return found[:most], False
    return found, True


async def opened(lines: Sequence[ChainLine], person_keys: PersonKeys) -> list[OpenedEntry]:
    """Lines with what is sealed in them, as far as the keys are there. Raises `StoreUnavailable`."""
    plains = iter(await person_keys.unseal_all([box for line in lines for box in line.boxes.values()]))
    return [_entry(line, {name: _fields(next(plains)) for name in line.boxes}) for line in lines]


def _entry(line: ChainLine, parts: Mapping[str, dict[str, Any] | None]) -> OpenedEntry:
    known = {name: fields for name, fields in parts.items() if fields is not None}
    fields = [known.get(name, {}) for name in ("person", "actor", "nobody")]
    event = AuditEvent(
        event=line.event,
        actor=_person(known.get("actor")),
        person=_person(known.get("person")),
        address=next((str(each["address"]) for each in fields if "address" in each), ""),
        incident=line.incident,
        way=line.way,
        facts=line.facts,
        personal=next((each["personal"] for each in fields if "personal" in each), {}),
    )
    return OpenedEntry(time=line.time, chain=line.chain, seq=line.seq, event=event, is_erased=None in parts.values())


def merged(files: Iterable[Path]) -> Iterator[ChainLine]:
    """All lines, by their time. Files of one day are read side by side. Raises `OSError`."""
    for _, of_day in itertools.groupby(sorted(files, key=lambda path: (_day(path), path)), key=_day):
        yield from heapq.merge(*map(_lines, of_day), key=lambda line: line.time)


def _day(path: Path) -> str:
    found = _DAY.search(path.name)
    return "" if found is None else found[1]


def _lines(path: Path) -> Iterator[ChainLine]:
    with open(path, "rb") as file:
        for text in file:
            line = read_line(text.rstrip(b"\n"))
            if line is not None:
                yield line


def _fields(plain: bytes | None) -> dict[str, Any] | None:
    read = None if plain is None else json.loads(plain)
    return read if isinstance(read, dict) else None


def _person(fields: dict[str, Any] | None) -> AuditedPerson | None:
    if not fields or "guid" not in fields:
        return None
    return AuditedPerson(realm=str(fields["realm"]), guid=str(fields["guid"]), name=str(fields.get("name", "")))
