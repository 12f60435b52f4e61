"""The ruler of the plane alone measures what works: each kind of request gets its app's answer. No time is asserted."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from pathlib import Path

from benchmarks.plane_alone import APPS, Cost, dearest, standing, table, timed
from benchmarks.quiet_plane import App, warm
from proxy.forwarding import gate


async def test_each_kind_of_request_is_answered_by_its_app(tmp_path: Path) -> None:
    async with standing(tmp_path, 200) as (gatepost, kinds):
        apps = {name: App(gatepost, name) for name in APPS}
        for case in kinds:
            ends = await warm(gatepost, case, apps)
            assert b"HTTP/1.1 200 OK" in ends.to_client.last or ends.to_client.last.endswith(b"0\r\n\r\n"), case.name


async def test_it_names_the_functions_that_take_most() -> None:
    costs, stats = await timed(1, 50, "")
    assert len(costs) == 7
    told = dearest(stats, 50)
    is_source = isinstance(gate.__loader__, SourceFileLoader)  # a profiler sees nothing of what is compiled
    assert ("`forwarding/gate.py` `judge` | 1.0" in told) is is_source
    assert len(told.splitlines()) == 12


def test_the_table_says_what_was_not_counted() -> None:
    told = table({"a": Cost(seconds=[2e-6, 1e-6, 3e-6]), "b": Cost(seconds=[1e-6], instructions=40_000.4)})
    assert told.splitlines()[2:] == ["| a | 2.00 | 1.00 | not counted |", "| b | 1.00 | 1.00 | 40,000 |"]
