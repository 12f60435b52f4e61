"""What is old goes, and says so: `verify` passes after it, and names what somebody else took away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from config.settings import AuditSettings
from proxy.audit.audit_upkeep import AuditUpkeep
from proxy.secrets.keys import KeyRing, Keys, MasterKey, names_of
from tests.audit.engine import ANNA, Engine, signed_in
from tests.support.people import NOW

DAY = 86_400.0


@asynccontextmanager
async def upkeep(engine: Engine, *, keep: float = 3 * DAY) -> AsyncIterator[AuditUpkeep]:
    settings = AuditSettings(file=engine.base, keep=keep)
    async with engine.serving(settings) as audit:
        yield AuditUpkeep(settings, engine.person_keys, audit, log=engine.log, clock=lambda: engine.now)


def wrong(engine: Engine) -> list[str]:
    return [each.what for each in engine.wrong()]


async def write_days(engine: Engine, days: int) -> None:
    for _ in range(days):
        await engine.write(signed_in())
        engine.now += DAY


async def test_files_that_are_old_go_and_nothing_is_missed(engine: Engine) -> None:
    await write_days(engine, 6)
    async with upkeep(engine) as kept:
        await kept.look_at_files()
    assert [file.name[9:19] for file in engine.files] == ["2027-01-18", "2027-01-19", "2027-01-20", "2027-01-21"]
    assert wrong(engine) == []
    engine.files[1].unlink()
    assert len(wrong(engine)) == 1
    assert "was removed before this line" in wrong(engine)[0]


async def test_a_file_that_somebody_took_away_from_the_beginning_is_missed(engine: Engine) -> None:
    await write_days(engine, 6)
    async with upkeep(engine) as kept:
        await kept.look_at_files()
    engine.files[0].unlink()
    (what,) = wrong(engine)
    assert "what was before it was removed, and not by [audit] keep" in what


async def test_the_newest_file_of_a_process_that_lives_stays(engine: Engine) -> None:
    await engine.write(signed_in())
    async with engine.recording() as living:
        living.record(signed_in())
        await living.flushed()
        await engine.write(signed_in())
        engine.now += 9 * DAY
        before = engine.files
        async with upkeep(engine) as kept:
            await kept.look_at_files()
        assert before[0] in engine.files, "its process may go on in it"
    assert wrong(engine) == []


async def test_keys_of_a_month_go_when_it_is_wholly_past(engine: Engine) -> None:
    await engine.write(signed_in())
    assert await engine.person_keys.months() == ("2027-01",)
    async with upkeep(engine) as kept:
        engine.now = NOW + 18 * DAY  # 2 February
        await kept.look_at_keys()
        assert "2027-01" in await engine.person_keys.months()
        engine.now = NOW + 21 * DAY
        await kept.look_at_keys()
        assert "2027-01" not in await engine.person_keys.months()
    assert "audit.keys_removed" in engine.events


async def test_keys_survive_the_replacement_of_the_master_key(engine: Engine) -> None:
    await engine.write(signed_in())
    (box,) = [line["actor"] for line in engine.read if "actor" in line]
    old = MasterKey(bits=bytes(range(32)))
    new = MasterKey(bits=bytes([7]) * 32, use_after=NOW - DAY)
    both = KeyRing(keys=(old, new), names=names_of(old.bits))
    engine.replace_keys(Keys(both, clock=lambda: engine.now))
    assert await engine.unsealed(box) is not None
    async with upkeep(engine) as kept:
        await kept.look_at_keys()
    engine.replace_keys(Keys(KeyRing(keys=(new,), names=names_of(old.bits)), clock=lambda: engine.now))
    assert await engine.unsealed(box) is not None
    assert await engine.person_keys.erase_person(ANNA.guid) == 1
    engine.store.away = True
    assert await engine.person_keys.wrap_again() == 0, "with one master key nothing is even read"
