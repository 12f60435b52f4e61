"""Sign-ins and numbers that their persons say are not theirs, in Redis: few, in a hash each. And counts of sweeps."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

from proxy.help_desk.number_sweeps import SweepCount
from proxy.sign_in.not_me import ReportedSignIn
from proxy.sign_in.reported_numbers import ReportedNumber
from proxy.store.record_fields import value_of
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.scripts import REPORTED


class RedisReportedSignIns:
    """`ReportedSignInStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_reported(self, reported: ReportedSignIn) -> None:
        arguments = (reported.guid, json.dumps(asdict(reported), separators=(",", ":")))
        await self._connections.run(REPORTED, "put_reported", *arguments, durable=True, is_repeatable=True)

    async def reported(self) -> tuple[ReportedSignIn, ...]:
        records = await self._connections.run(REPORTED, "reported", is_repeatable=True)
        found = (value_of(ReportedSignIn, record) for record in records)
        return tuple(sorted(found, key=lambda each: each.at, reverse=True))

    async def settle_reported(self, guid: str) -> bool:
        return bool(await self._connections.run(REPORTED, "settle_reported", guid, durable=True))


class RedisReportedNumbers:
    """`ReportedNumberStore` and `SweepCountStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_reported_number(self, reported: ReportedNumber) -> bool:
        number = reported.number.hex()
        record = json.dumps({**asdict(reported), "number": number}, separators=(",", ":"))
        return bool(await self._connections.run(REPORTED, "put_number", reported.guid, number, record, durable=True))

    async def reported_numbers(self) -> tuple[ReportedNumber, ...]:
        records = await self._connections.run(REPORTED, "numbers", is_repeatable=True)
        found = (_number_of(record) for record in records)
        return tuple(sorted(found, key=lambda each: each.at, reverse=True))

    async def drop_reported_number(self, guid: str, number: bytes) -> bool:
        return bool(await self._connections.run(REPORTED, "drop_number", guid, number.hex(), durable=True))

    async def put_sweep(self, sweep: SweepCount, *, most: int) -> None:
        record = json.dumps(asdict(sweep), separators=(",", ":"))
        await self._connections.run(REPORTED, "put_sweep", sweep.made_at, record, most, is_repeatable=True)

    async def sweeps(self) -> tuple[SweepCount, ...]:
        records = await self._connections.run(REPORTED, "sweeps", is_repeatable=True)
        return tuple(value_of(SweepCount, record) for record in records)


def _number_of(record: bytes) -> ReportedNumber:
    written = value_of(ReportedNumber, record)
    return replace(written, number=bytes.fromhex(str(written.number)))
