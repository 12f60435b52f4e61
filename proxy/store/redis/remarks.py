"""What a Redis server's own settings mean for the sessions it keeps, as far as its ACL lets them be seen."""

from __future__ import annotations

import re
from typing import Any

from config.settings import StoreSettings
from config.system_errors import SET_THE_CLOCK
from proxy.operations.store_errors import StoreUnavailable
from proxy.store.redis.connections import RedisConnections

_OLDEST = (6, 2)
_OLDEST_WITH_WAITAOF = (7, 2)
_CLOCK_SECONDS = 5.0
"""Two nodes that are this far from the server's clock, each to its side, still take turns at a sign-in."""


async def remarks(connections: RedisConnections, settings: StoreSettings, *, now: float) -> tuple[str, ...]:
    """Raises `StoreUnavailable` if the server is away."""
    await connections.command("PING")
    try:
        info = _info(await connections.command("INFO"))
    except StoreUnavailable:
        return ("what the server keeps on its disk, and what it drops when it is full, could not be seen (INFO)",)
    return (*findings(info, await _fsync(connections), settings), *clock_findings(info, now))


def findings(info: dict[str, str], fsync: str | None, settings: StoreSettings) -> tuple[str, ...]:
    """From what INFO says, and ``appendfsync`` (None: it could not be seen). Pure."""
    found = []
    # Valkey speaks of the last Redis that it is compatible with under the same name.
    version = tuple(int(part) for part in re.findall(r"\d+", info.get("redis_version", ""))[:2])
    valkey = tuple(int(part) for part in re.findall(r"\d+", info.get("valkey_version", ""))[:2])
    if version < _OLDEST:
        found.append("the server is older than Redis 6.2, which the store needs")
    if settings.wait_fsync and not valkey and version < _OLDEST_WITH_WAITAOF:
        found.append("wait_fsync needs Redis 7.2 or Valkey")
    if info.get("aof_enabled") != "1":
        found.append("appendonly is off: a crash of the server loses sessions that were acknowledged")
    elif fsync is None:
        found.append("appendfsync could not be seen (CONFIG GET): everysec loses up to 2 seconds with the power")
    elif fsync != "always" and not settings.wait_fsync:
        found.append(f"appendfsync is {fsync}: the last writes are lost with the power (always, or wait_fsync)")
    if (policy := info.get("maxmemory_policy", "noeviction")) != "noeviction":
        found.append(f"maxmemory-policy is {policy}: sessions vanish when the memory is full (noeviction)")
    replicas = int(info.get("connected_slaves", "0"))
    if replicas < settings.wait_replicas:
        found.append(f"wait_replicas is {settings.wait_replicas}, but {replicas} are connected")
    return tuple(found)


def clock_findings(info: dict[str, str], now: float) -> tuple[str, ...]:
    """Every node can compare its clock with the server's, and so all of them with each other's. Pure."""
    told = info.get("server_time_usec", "")
    if not told.isdecimal() or abs(int(told) / 1e6 - now) <= _CLOCK_SECONDS:
        return ()
    seconds = round(int(told) / 1e6 - now)
    return (
        f"the server's clock is {abs(seconds)} seconds {'ahead of' if seconds > 0 else 'behind'} this machine's:"
        f" {SET_THE_CLOCK}",
    )


async def _fsync(connections: RedisConnections) -> str | None:
    try:
        answer = await connections.command("CONFIG", "GET", "appendfsync")
    except StoreUnavailable:
        return None
    return answer[1].decode() if len(answer) == 2 else None


def _info(text: Any) -> dict[str, str]:
    lines = (line.partition(":") for line in text.decode("utf-8", "replace").splitlines())
    return {name: value for name, colon, value in lines if colon}
