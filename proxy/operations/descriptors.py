"""How many clients the limit on open files allows, so that no client takes what Gatepost itself needs: pure.

A client's connection takes three descriptors at most: its own, and two for one to the portal, because both ends of that
are in this process (one to an app takes one). First we set aside what health, store, directories and relays need, then
idle connections to upstreams. The rest is for clients. All numbers are for one worker: each process has its own limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

from config.settings import ActiveDirectorySettings, AppSettings, ServerSettings, Settings
from config.tables.store import SQLiteFile

MOST_CONNECTIONS = 20_000
MOST_PER_ADDRESS = 1024
MOST_IDLE = 128
"""Unused connections to one server of an app, of each kind."""
_KINDS_OF_IDLE = 3
"""For everybody, for one session each, and those that the server is about to close."""
_PER_CLIENT = 3
_SMALL_OFFICE = 8
"""One address always gets at least this many: a browser opens six."""
_SHARE = 4
"""One address gets at most this part of all, unless the configuration says otherwise."""

RESERVE = 96
"""For the process itself: standard streams, event loop, listening and control sockets, files being read, look-ups of
names, `/readyz` and `/metrics`, and connections that are turned away."""
_SQLITE, _REDIS = 16, 56
_PER_DIRECTORY, _PER_RELAY, _HTTPS, _BOUNCES, _PER_CANARY = 8, 8, 16, 12, 2


class Served(Protocol):
    """The pieces of the settings that clients and upstreams depend on."""

    @property
    def server(self) -> ServerSettings: ...
    @property
    def apps(self) -> tuple[AppSettings, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """How much one worker accepts."""

    open_files: int
    """The limit that this was computed from."""
    connections: int
    """Of all clients together, tunnels included."""
    per_address: int
    """Of those, from one address (of IPv6: one /64)."""
    idle: int
    """To each server, of each kind of unused connection (`MOST_IDLE`)."""
    asked: int
    """What the configuration asks for; `MOST_CONNECTIONS` if it does not say."""
    open_files_for_asked: int
    """The limit that would be enough for it."""

    @property
    def is_enough(self) -> bool:
        return self.connections >= self.asked


def reserve_for(settings: Settings) -> int:
    """The descriptors of one worker that are not for clients and apps."""
    directories = sum(
        _PER_DIRECTORY + (each.connections if isinstance(each, ActiveDirectorySettings) else 0)
        for each in settings.directories
    )
    store = _SQLITE if isinstance(settings.store.url, SQLiteFile) else _REDIS
    checks = sum(len(app.upstream_urls) for app in settings.apps if app.health_check is not None)
    ssh = settings.ssh.max_connections + settings.ssh.most_channels if settings.ssh.is_on else 0
    bounces = _BOUNCES if settings.bounces.inbox != "none" else 0
    mails = _PER_RELAY * len(settings.smtp) + bounces + _PER_CANARY * len(settings.canaries)
    return RESERVE + store + directories + mails + _HTTPS + checks + ssh


def capacity(served: Served, *, reserve: int, open_files: int) -> Capacity:
    """How much a worker with this limit of `open_files` accepts: at least one connection, however low the limit."""
    server = served.server
    # Both ends of the portal's connections are here.
    servers = sum(len(app.upstream_urls) for app in served.apps) + 2
    room = max(0, open_files - reserve)
    idle = min(MOST_IDLE, max(1, room // 8 // (_KINDS_OF_IDLE * servers)))
    carried = max(1, (room - _KINDS_OF_IDLE * idle * servers) // _PER_CLIENT)
    asked = math.ceil((server.max_connections or MOST_CONNECTIONS) / server.workers)
    connections = min(asked, carried)
    if server.max_connections_per_address is not None:
        per_address = server.max_connections_per_address
    else:
        per_address = min(MOST_PER_ADDRESS, max(_SMALL_OFFICE, connections // _SHARE))
    return Capacity(
        open_files=open_files,
        connections=connections,
        per_address=min(per_address, connections),
        idle=idle,
        asked=asked,
        open_files_for_asked=reserve + _KINDS_OF_IDLE * MOST_IDLE * servers + _PER_CLIENT * asked,
    )
