"""Process after process dies within a line, around midnight, at the end of a file, by a clock that jumps."""

from __future__ import annotations

import random

import pytest

from tests.audit.engine import Engine, signed_in

HOUR, DAY = 3600, 86_400


@pytest.mark.parametrize("seed", [56, 63, 66, 130, 178, 245, 1001, 1002])
async def test_whatever_is_left_verifies_once_a_process_has_told_of_it(engine: Engine, seed: int) -> None:
    chance = random.Random(seed)
    engine.most_bytes = chance.choice([1500, 5000, 1 << 26])
    for _ in range(12):
        engine.now += chance.choice([0, 10, HOUR, DAY, -DAY, 40 * DAY, -HOUR])
        before = {file: file.stat().st_size for file in engine.files}
        is_killed = chance.random() < 0.7
        await engine.write(*(signed_in() for _ in range(chance.randrange(1, 4))), kill=is_killed)
        if is_killed:
            newest = [file for file in engine.files if file.stat().st_size != before.get(file, 0)][-1]
            cut = chance.randrange(before.get(newest, 0), newest.stat().st_size + 1)
            newest.write_bytes(newest.read_bytes()[:cut])
    await engine.write(signed_in())
    assert engine.wrong() == []
