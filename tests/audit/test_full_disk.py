"""A full disk: the lines wait, nothing is torn, and where the audit is required nobody signs in meanwhile."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from config.settings import AuditSettings
from proxy.audit.recorder import AuditUnavailable
from proxy.operations.health import CheckState, Need, judge_readiness
from tests.audit.engine import Engine, signed_in
from tests.support.eventually import eventually, eventually_told
from tests.support.small_disk import can_mount, small_disk


@pytest.mark.skipif(not can_mount(), reason="only root mounts file systems")
@pytest.mark.parametrize("left", [0, 700])
async def test_lines_wait_for_room_on_a_full_disk(tmp_path: Path, left: int) -> None:
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        engine = Engine(disk.folder / "gatepost.jsonl")
        async with engine.recording(required=True) as recorder:
            recorder.record(signed_in())
            await recorder.written()
            disk.fill()
            # With room for a part of what comes, the page that the file ends in.
            for number in range(20 if left else 100):
                recorder.record(signed_in(number=number))
            with pytest.raises(AuditUnavailable, match="the disk is full"):
                await recorder.written()
            with pytest.raises(AuditUnavailable):
                await recorder.written()
            assert engine.lines[-1].endswith(b"}"), "what was half written was taken back"
            disk.empty()
            await eventually(lambda: recorder.trouble is None)
            await recorder.written()
        assert [each["event"] for each in engine.capture.entries] == ["audit.cannot_write", "audit.works"]
        told = [json.loads(line) for line in engine.lines]
        count = 20 if left else 100
        numbers = [line["facts"]["number"] for line in told if "number" in line.get("facts", {})]
        assert numbers == [*range(count)]
        assert engine.wrong() == []


@pytest.mark.parametrize("required", [False, True])
async def test_readyz_tells_of_it_and_refuses_only_where_it_is_required(engine: Engine, required: bool) -> None:
    engine.base.parent.write_text("a file in the place of the folder")
    settings = AuditSettings(file=engine.base, required=required)
    async with engine.serving(settings) as audit:
        audit.record(signed_in())
        ((name, check),) = audit.checks()
        with pytest.raises(AuditUnavailable):
            await audit.flushed()
        detail = await check.ask()
        assert (name, check.need) == ("audit", Need.ALWAYS if required else Need.HELPFUL)
        assert detail is not None
        assert detail.endswith("(1 events wait)")
        state = CheckState(need=check.need, ok=False, detail=detail, at=engine.now)
        assert judge_readiness({name: state}, now=engine.now, stale_after_seconds=60).ready is not required
        engine.base.parent.unlink()

        async def works() -> bool:
            return await check.ask() is None

        await eventually_told(works)
        await audit.flushed()
    assert [each["event"] for each in engine.capture.entries] == ["audit.cannot_write", "audit.works"]
