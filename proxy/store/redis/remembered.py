"""Remembered browsers in Redis, each step by a script."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from config.tables.schemes import LONGEST_REMEMBERED_SECONDS
from proxy.factors.remembered.browser import RememberedBrowser
from proxy.factors.remembered.browser_store import CHANGE_SECONDS, UsedValue, ValueUse
from proxy.store.records import browser_to_json, readable_browser
from proxy.store.redis.connections import RedisConnections
from proxy.store.redis.persons import scan
from proxy.store.redis.scripts import REMEMBERED


class RedisRememberedBrowsers:
    """`RememberedBrowserStore`."""

    def __init__(self, connections: RedisConnections) -> None:
        self._connections = connections

    async def put_browser(self, browser: RememberedBrowser, *, digest: bytes, most: int) -> None:
        times = (browser.made_at, browser.expires_at)
        arguments = (browser.name, browser.guid, digest.hex(), *times, browser_to_json(browser), most)
        ttl = self._connections.ttl(browser.expires_at)
        longest_ttl = self._connections.ttl(browser.made_at + LONGEST_REMEMBERED_SECONDS)
        await self._connections.run(REMEMBERED, "put", *arguments, ttl, longest_ttl, durable=True, is_repeatable=True)

    async def browser(self, name: str) -> RememberedBrowser | None:
        row = await self._connections.run(REMEMBERED, "read", name, is_repeatable=True)
        return None if row is None else _browser(row)

    async def browsers(self, guid: str) -> tuple[RememberedBrowser, ...]:
        rows = await self._connections.run(REMEMBERED, "of", guid, is_repeatable=True)
        return tuple(filter(None, map(_browser, rows)))

    async def turn_browser(self, name: str, *, digest: bytes, becomes: bytes, now: float) -> UsedValue:
        # Repeatable: a value that was just replaced still stands.
        arguments = (name, digest.hex(), becomes.hex(), now, CHANGE_SECONDS)
        turn, in_force = await self._connections.run(REMEMBERED, "turn", *arguments, durable=True, is_repeatable=True)
        return UsedValue(ValueUse(turn.decode()), bytes.fromhex(in_force.decode()))

    async def forget_browsers(self, guid: str, names: Collection[str] | None = None) -> int:
        these = ("all",) if names is None else ("these", *names)
        return int(await self._connections.run(REMEMBERED, "forget", guid, *these, durable=True))

    async def guids_with_browsers(self) -> Collection[str]:
        return {guid async for guid, _ in scan(self._connections, "remembering")}


def _browser(row: Sequence[Any]) -> RememberedBrowser | None:
    name, guid, used_at, record = row
    return readable_browser(record, name=name.decode(), guid=guid.decode(), used_at=float(used_at))
