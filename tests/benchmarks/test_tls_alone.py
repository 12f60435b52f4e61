"""The ruler of TLS alone measures what works: each kind of connection gets its answers. No time is asserted."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.tls_alone import KINDS, opened, run, table


@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_connection_is_answered(kind: str, tmp_path: Path) -> None:
    clients = await opened(kind, tmp_path, connections=2)
    told: list[bool] = []
    await run(clients, 2, told.append)  # it raises unless every answer is the expected one
    assert told == [True, False]
    for client in clients:
        client.close()


def test_the_table_says_what_was_not_counted() -> None:
    told = table({"a": [2e-6, 1e-6, 3e-6], "b": [1e-6]}, {"b": 40_000.4})
    assert told.splitlines()[2:] == ["| a | 2.00 | 1.00 | not counted |", "| b | 1.00 | 1.00 | 40,000 |"]
