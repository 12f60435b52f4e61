"""The newest lines of the audit: as many as one asks for, day by day backwards, and no longer than one may read."""

from __future__ import annotations

import itertools
from pathlib import Path

from proxy.audit.event import AuditEvent
from proxy.audit.lines import ChainLine
from proxy.audit.reading import files_of, newest
from tests.audit.engine import Engine, signed_in

DAY = 86_400.0


async def three_days(tmp_path: Path) -> tuple[Engine, float]:
    """Two entries on each, and when the first was written."""
    engine = Engine(tmp_path / "audit.jsonl")
    began_at = engine.now
    for day, number in itertools.product(range(3), range(2)):
        engine.now = began_at + day * DAY + number
        await engine.write(signed_in(scheme=f"{day}.{number}"), AuditEvent(event="worker.ready"))
    return engine, began_at


def is_sign_in(line: ChainLine) -> bool:
    return line.event == "sign_in.succeeded"


def schemes(lines: list[ChainLine]) -> list[str]:
    return [str(line.facts["scheme"]) for line in lines]


async def test_the_newest_come_first_and_no_more_than_one_asks_for(tmp_path: Path) -> None:
    engine, began_at = await three_days(tmp_path)
    files = files_of(engine.base)
    lines, is_all = newest(files, is_sign_in, since=0.0, most=9, seconds=60)
    assert (schemes(lines), is_all) == (["2.1", "2.0", "1.1", "1.0", "0.1", "0.0"], True)
    lines, is_all = newest(files, is_sign_in, since=0.0, most=3, seconds=60)
    assert (schemes(lines), is_all) == (["2.1", "2.0", "1.1"], False)
    lines, is_all = newest(files, is_sign_in, since=began_at + DAY + 1, most=9, seconds=60)
    assert (schemes(lines), is_all) == (["2.1", "2.0", "1.1"], True)


async def test_it_reads_no_longer_than_it_may(tmp_path: Path) -> None:
    engine, _ = await three_days(tmp_path)
    ticks = iter([0.0, 1.0, 99.0])
    lines, is_all = newest(files_of(engine.base), is_sign_in, since=0.0, most=9, seconds=5, clock=lambda: next(ticks))
    assert (schemes(lines), is_all) == (["2.1", "2.0"], False)
