"""What is recorded becomes chained lines in a file: one for each event, sealed, in order, whatever happens between."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.audit.event import AuditEvent
from proxy.audit.lines import FIRST_HASH
from proxy.audit.recorder import AuditUnavailable
from proxy.audit.recording import AuditRecorder, RecordingLimits
from proxy.audit.stdout import StdoutOutlet
from tests.audit.engine import ANNA, BEN, LIMITS, Engine, signed_in
from tests.support.eventually import eventually


async def test_events_are_lines_with_numbers_and_the_hash_of_the_line_before(engine: Engine) -> None:
    await engine.write(signed_in(scheme="browser"), AuditEvent(event="gatepost.stopped"))
    assert engine.events == ["audit.anchor", "sign_in.succeeded", "gatepost.stopped", "audit.anchor"]
    assert [line["seq"] for line in engine.read] == [1, 2, 3, 4]
    hashes = [FIRST_HASH, *(hashlib.sha256(line).hexdigest() for line in engine.lines)]
    assert [line["hash"] for line in engine.read] == hashes[:-1]
    (first, event, *_) = engine.read
    assert first["facts"] == {"reason": "begin"}
    assert event["time"] == "2027-01-15T08:00:00.000000Z"
    assert event["facts"] == {"scheme": "browser"}
    assert event["incident"] == "i-1"
    assert {line["chain"] for line in engine.read} == {first["chain"]}


async def test_what_is_personal_is_sealed_under_the_key_of_the_one_whom_it_is_about(engine: Engine) -> None:
    event = AuditEvent(
        event="help_desk.unlocked", actor=ANNA, person=BEN, address="192.0.2.7", personal={"destination": "•••123"}
    )
    await engine.write(event, AuditEvent(event="sign_in.refused", address="192.0.2.8"))
    text = b"".join(engine.lines).decode()
    for each in (ANNA.guid, BEN.guid, ANNA.name, BEN.name, "192.0.2", "•••123", "corp"):
        assert each not in text
    line, of_nobody = engine.read[1:3]
    assert set(line) & {"actor", "person", "nobody"} == {"actor", "person"}
    assert set(of_nobody) & {"actor", "person", "nobody"} == {"nobody"}
    opened = {name: json.loads(await engine.unsealed(line[name]) or b"") for name in ("actor", "person")}
    assert opened["actor"] == {"realm": "corp", "guid": ANNA.guid, "name": ANNA.name, "address": "192.0.2.7"}
    assert opened["person"]["personal"] == {"destination": "•••123"}
    assert json.loads(await engine.unsealed(of_nobody["nobody"]) or b"") == {"address": "192.0.2.8"}
    await engine.person_keys.erase_person(BEN.guid)
    assert await engine.unsealed(line["person"]) is None
    assert await engine.unsealed(line["actor"]) is not None


async def test_a_box_does_not_tell_how_long_a_name_is(engine: Engine) -> None:
    await engine.write(*(signed_in(replace(ANNA, name=name)) for name in ("al", "alexandra")))
    boxes = [line["actor"]["sealed"] for line in engine.read if "actor" in line]
    assert len({len(each) for each in boxes}) == 1


async def test_a_process_goes_on_with_the_chain_of_the_one_before(engine: Engine) -> None:
    await engine.write(signed_in())
    await engine.write(signed_in(), kill=True)
    await engine.write(signed_in())
    assert [line["seq"] for line in engine.read] == list(range(1, 9))
    assert len({line["chain"] for line in engine.read}) == 1
    assert len(engine.files) == 1


async def test_two_processes_have_two_chains(engine: Engine) -> None:
    async with engine.recording() as one, engine.recording() as other:
        for each in (one, other):
            each.record(signed_in())
            await each.flushed()
    assert len({line["chain"] for line in engine.read}) == 2
    assert [file.name for file in engine.files] == [
        "gatepost-2027-01-15-01-0001.jsonl",
        "gatepost-2027-01-15-02-0001.jsonl",
    ]


@pytest.mark.parametrize("cut", [1, 40])
async def test_a_line_that_was_cut_off_is_told_by_the_next(engine: Engine, cut: int) -> None:
    await engine.write(signed_in(), kill=True)
    (file,) = engine.files
    torn = engine.lines[-1][:-cut]
    file.write_bytes(file.read_bytes()[: -cut - 1])
    await engine.write(signed_in())
    assert torn in engine.lines
    told = json.loads(engine.lines[2])
    assert (told["event"], told["seq"]) == ("audit.torn", 2)
    assert told["facts"] == {"bytes": len(torn), "sha256": hashlib.sha256(torn).hexdigest()}


async def test_wherever_a_process_dies_and_the_next_one_too_what_is_left_verifies(engine: Engine) -> None:
    await engine.write(signed_in(), kill=True)
    (file,) = engine.files
    whole = file.read_bytes()
    first = len(whole) - 40
    file.write_bytes(whole[:first])
    await engine.write(signed_in())
    told = file.read_bytes()[first:]  # by the one who came next: a line end, that line, an anchor and so on
    assert told.startswith(b'\n{"time":')
    for cut in [*range(12), *range(12, len(told), 13)]:
        file.write_bytes(whole[:first] + told[:cut])
        await engine.write(signed_in())
        assert engine.files == [file]
        assert [each.what for each in engine.wrong()] == [], cut


async def test_what_somebody_else_added_is_named_and_not_told_as_cut_off(engine: Engine) -> None:
    await engine.write(signed_in())
    engine.files[0].write_bytes(engine.files[0].read_bytes() + b"2026 nothing of ours\n")
    await engine.write(signed_in())
    (wrong,) = engine.wrong()
    assert (wrong.place.number, wrong.what) == (4, "is no line of an audit")


@pytest.mark.parametrize("how", ["deleted", "renamed", "replaced by an older copy"])
async def test_a_file_that_goes_while_it_is_written_is_begun_again_and_missed(engine: Engine, how: str) -> None:
    async with engine.recording() as recorder:
        (file,) = engine.files or [await _first_file(engine, recorder)]
        older = file.read_bytes()
        recorder.record(signed_in())
        await recorder.flushed()
        if how == "renamed":
            file.rename(file.with_name("rotated"))
        else:
            file.unlink()
        if how == "replaced by an older copy":
            file.write_bytes(older)
        recorder.record(signed_in())
        await recorder.flushed()
    assert engine.files == [file]
    assert json.loads(engine.lines[-1])["facts"] == {"reason": "end"}
    (wrong,) = engine.wrong()
    assert "removed" in wrong.what


async def _first_file(engine: Engine, recorder: AuditRecorder) -> Path:
    recorder.record(signed_in())
    await recorder.flushed()
    return engine.files[0]


async def test_nobody_gets_in_by_an_event_that_found_no_room(engine: Engine) -> None:
    """The disk hangs, and says nothing: what waits is more than may wait."""
    limits = RecordingLimits(most_waiting=2, retry_seconds=0.02)
    async with engine.recording(limits=limits, required=True) as recorder:
        for _ in range(3):
            recorder.record(signed_in())
        assert recorder.trouble is None
        with pytest.raises(AuditUnavailable):
            await recorder.written()
        await eventually(lambda: recorder.waiting == 0)
        await recorder.written()


async def test_a_new_day_and_a_long_file_begin_another_one(engine: Engine) -> None:
    engine.most_bytes = 2000
    async with engine.recording() as recorder:
        for _ in range(8):
            recorder.record(signed_in())
            await recorder.flushed()
        engine.now += 86_400
        recorder.record(signed_in())
        await recorder.flushed()
    assert [file.name for file in engine.files][-1] == "gatepost-2027-01-16-01-0001.jsonl"
    assert len(engine.files) > 2
    assert [line["seq"] for line in engine.read] == list(range(1, len(engine.read) + 1))
    for file in engine.files[:-1]:
        assert json.loads(file.read_bytes().splitlines()[-1])["facts"] == {"reason": "rotation"}


async def test_an_hour_ends_with_an_anchor(engine: Engine) -> None:
    async with engine.recording() as recorder:
        recorder.record(signed_in())
        await recorder.flushed()
        engine.now += 3600
        recorder.record(signed_in())
        await recorder.flushed()
    reasons = [line["facts"]["reason"] for line in engine.read if line["event"] == "audit.anchor"]
    assert reasons == ["begin", "hour", "end"]


async def test_what_cannot_be_written_waits_and_what_is_too_much_is_counted(engine: Engine) -> None:
    async with engine.recording(limits=RecordingLimits(most_waiting=5, retry_seconds=0.02), required=True) as recorder:
        engine.store.away = True
        for number in range(8):
            recorder.record(signed_in(number=number))
        with pytest.raises(AuditUnavailable, match="the store"):
            await recorder.written()
        engine.store.away = False
        await eventually(lambda: recorder.trouble is None)
        await recorder.written()
    assert [line["facts"]["number"] for line in engine.read if line["event"] == "sign_in.succeeded"] == [*range(5)]
    assert [line["facts"] for line in engine.read if line["event"] == "audit.dropped"] == [{"count": 3}]
    assert [each["event"] for each in engine.capture.entries] == ["audit.cannot_write", "audit.works"]


async def test_nobody_waits_for_an_audit_that_is_not_required(engine: Engine) -> None:
    async with engine.recording() as recorder:
        engine.store.away = True
        recorder.record(signed_in())
        await recorder.written()
        engine.store.away = False


async def test_an_event_that_cannot_be_written_keeps_no_other_from_being_written(engine: Engine) -> None:
    async with engine.recording(limits=LIMITS) as recorder:
        recorder.record(signed_in(what=b"bytes"))  # type: ignore[arg-type]
        recorder.record(signed_in(what="text"))
        await eventually(lambda: recorder.waiting == 0 and recorder.trouble is None)
    assert [line["facts"] for line in engine.read if line["event"] == "sign_in.succeeded"] == [{"what": "text"}]
    assert "audit.dropped" in engine.events


async def test_standard_output_gets_the_same_lines(engine: Engine) -> None:
    ours, theirs = os.pipe()
    gaps: list[int] = []
    outlet = StdoutOutlet(told_gap=gaps.append, descriptor=theirs)
    task = asyncio.create_task(outlet.run())
    async with engine.recording(outlet) as recorder:
        for _ in range(3):
            recorder.record(signed_in())
    await outlet.drained()
    os.close(theirs)
    assert os.read(ours, 65_536).splitlines() == engine.lines
    os.close(ours)
    task.cancel()
    await asyncio.wait({task})


async def test_what_another_thread_records_is_written_too(engine: Engine) -> None:
    async with engine.recording() as recorder:
        recorder.record(signed_in())
        await recorder.flushed()
        await asyncio.to_thread(recorder.record, signed_in())
        await eventually(lambda: engine.events.count("sign_in.succeeded") == 2)


async def test_a_disk_that_hangs_is_told(engine: Engine) -> None:
    async with engine.recording() as recorder:
        await eventually(lambda: engine.files)
        recorder.record(signed_in())
        engine.now += 31
        assert recorder.trouble == "nothing was written for 31 s"
        await recorder.flushed()
        assert recorder.trouble is None
