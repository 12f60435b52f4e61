"""Who has a session, as a Redis store knows it here: read once, then only what changed is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.scripts import SESSIONS

_AT_ONCE = 1000
"""About how many members of a large index one step at the server reads."""


async def scan(connections: RedisConnections, index: str) -> AsyncIterator[tuple[str, float]]:
    """Every member of a sorted set with its score: all that were there throughout, some perhaps twice."""
    cursor: Any = b"0"
    while True:
        cursor, found = await connections.run(SESSIONS, "scan", index, cursor, _AT_ONCE, is_repeatable=True)
        parts = found.decode().split("\n") if found else []
        for member, score in zip(parts[::2], parts[1::2], strict=True):
            yield member, float(score)
        if cursor == b"0":
            return


class Persons:
    """Everybody's GUID and when their newest session was created, with the number of the change it is true at."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections
        self._known: dict[str, float] = {}
        self._version = b""
        """Empty: nothing is known."""
        self._gaps = self._gaps_at_reading = 0

    def forget(self) -> None:
        """The server may have lost what it said before: everything has to be read again."""
        self._gaps += 1

    async def read(self) -> dict[str, float]:
        """The same object as before, as long as nothing changed. Raises `StoreUnavailable`."""
        gaps, known, version = self._gaps, self._known, self._version
        if gaps != self._gaps_at_reading:
            known, version = {}, b""
        while True:
            answer = await self._connections.run(SESSIONS, "persons", version, is_repeatable=True)
            if answer[0] == version:
                break
            version, kind, *pairs = answer
            if kind == b"all":
                # What changes in the meantime is asked for afterwards.
                known = {guid: at async for guid, at in scan(self._connections, "persons")}
                continue
            known = dict(known)
            for guid, at in zip(pairs[::2], pairs[1::2], strict=True):
                if at:
                    known[guid.decode()] = float(at)
                else:
                    known.pop(guid.decode(), None)
            break
        self._known, self._version, self._gaps_at_reading = known, version, gaps
        return known
