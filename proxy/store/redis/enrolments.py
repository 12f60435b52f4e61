"""Enrolments in Redis: kept until they are removed, each step by a script."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Any

from config.factors import Factor
from proxy.factors.enrolment import Enrolment
from proxy.store.redis.connections import Argument, RedisConnections
from proxy.store.redis.persons import scan
from proxy.store.redis.scripts import ENROLMENTS


class RedisEnrolments:
    """`EnrolmentStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_enrolments(
        self,
        enrolments: Sequence[Enrolment],
        *,
        in_place_of: Factor | None = None,
        seen: Collection[str] | None = None,
    ) -> bool:
        arguments: list[Argument] = [enrolments[0].guid, in_place_of.value if in_place_of is not None else ""]
        arguments.append("" if seen is None else json.dumps(list(seen)))
        for each in enrolments:
            # Beside what scripts look at, and what may change.
            record = json.dumps(
                {"guid": each.guid, "realm": each.realm, "made_at": each.made_at}, separators=(",", ":")
            )
            used_at = "" if each.used_at is None else each.used_at
            arguments += [each.enrolment_id, record, each.factor.value, each.name, each.made_at]
            arguments += [used_at, each.sealed, each.counter, each.lookup.hex()]
        return bool(await self._connections.run(ENROLMENTS, "put", *arguments, durable=True))

    async def enrolments(self, guid: str) -> tuple[Enrolment, ...]:
        rows = await self._connections.run(ENROLMENTS, "of", guid, is_repeatable=True)
        return tuple(filter(None, map(_enrolment, rows)))

    async def enrolment_by(self, lookup: bytes) -> Enrolment | None:
        row = await self._connections.run(ENROLMENTS, "by_lookup", lookup.hex(), is_repeatable=True)
        return None if row is None else _enrolment(row)

    async def use_enrolment(self, enrolment_id: str, *, counter: int, now: float) -> bool:
        return bool(await self._connections.run(ENROLMENTS, "use", enrolment_id, counter, now, durable=True))

    async def rename_enrolment(self, guid: str, enrolment_id: str, name: str) -> bool:
        return bool(await self._connections.run(ENROLMENTS, "rename", guid, enrolment_id, name, is_repeatable=True))

    async def remove_enrolments(self, guid: str, ids: Collection[str] | None = None) -> int:
        these = ("all",) if ids is None else ("these", *ids)
        return int(await self._connections.run(ENROLMENTS, "remove", guid, *these, durable=True))

    async def reseal_enrolment(self, enrolment_id: str, *, was: bytes, sealed: bytes) -> bool:
        return bool(await self._connections.run(ENROLMENTS, "reseal", enrolment_id, was, sealed, durable=True))

    async def guids_with_enrolments(self) -> Collection[str]:
        return {guid async for guid, _ in scan(self._connections, "enrolled")}


def _enrolment(row: Sequence[Any]) -> Enrolment | None:
    """None for one of a factor that this version does not know: it proves nothing here, and stays."""
    enrolment_id, record, factor, name, used_at, sealed, counter, lookup = row
    try:
        return Enrolment(
            **json.loads(record),
            enrolment_id=enrolment_id.decode(),
            factor=Factor(factor.decode()),
            name=name.decode(),
            used_at=float(used_at) if used_at else None,
            sealed=sealed,
            counter=int(counter),
            lookup=bytes.fromhex(lookup.decode()),
        )
    except ValueError:
        return None
