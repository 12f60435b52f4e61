"""Connections to a Redis server, or to the one that sentinels name, as the settings describe it."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import Any

from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

from config.certificates import authorities
from config.settings import StoreSettings
from config.tables.store import RedisURL

_SENTINEL_SECONDS = 0.5
"""How long one sentinel may take, so that the next one is still asked in time."""
CONNECTIONS = 32
"""How many a worker uses at a time; a caller that needs one more waits."""
WAITING = 8
"""Of which so many more may wait for something."""


@dataclass(frozen=True, slots=True, eq=False)
class RedisPool:
    """It belongs to the process and the event loop that opened it."""

    process: int
    loop: asyncio.AbstractEventLoop
    connections: ConnectionPool
    sentinel: Sentinel | None
    places: asyncio.Semaphore
    waiting_places: asyncio.Semaphore

    @property
    def is_own(self) -> bool:
        return self.process == os.getpid() and self.loop is asyncio.get_running_loop()


def open_pool(settings: StoreSettings, url: RedisURL, *, connect_seconds: float) -> RedisPool:
    """Nothing is connected yet."""
    connections, sentinel = _make_connections(settings, url, connect_seconds)
    return RedisPool(
        process=os.getpid(),
        loop=asyncio.get_running_loop(),
        connections=connections,
        sentinel=sentinel,
        places=asyncio.Semaphore(CONNECTIONS),
        waiting_places=asyncio.Semaphore(WAITING),
    )


def _make_connections(
    settings: StoreSettings, url: RedisURL, connect_seconds: float
) -> tuple[ConnectionPool, Sentinel | None]:
    options: dict[str, Any] = {
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),  # what is tried again is decided here, not there
        "driver_info": None,
        "socket_timeout": None,
        "socket_connect_timeout": connect_seconds,
    }
    login = {"username": settings.username, "password": _secret(settings.password)}
    own = {**options, **login, "db": url.database, "max_connections": CONNECTIONS + WAITING}
    if url.path is not None:
        return ConnectionPool(UnixDomainSocketConnection, path=str(url.path), **own), None
    options["socket_keepalive"] = own["socket_keepalive"] = True
    tls = {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_data": authorities(settings.ca_file) if settings.ca_file is not None else None,
        "ssl_certfile": settings.client_certificate and str(settings.client_certificate),
        "ssl_keyfile": settings.client_key and str(settings.client_key),
        "ssl_password": "",  # none: OpenSSL would ask for one on the terminal
    }
    if url.is_tls:
        own |= tls
    if url.service is None:
        host, port = url.addresses[0]
        return ConnectionPool(SSLConnection if url.is_tls else Connection, host=host, port=port, **own), None
    sentinel_options: dict[str, Any] = {
        **options,
        "username": settings.sentinel_username,
        "password": _secret(settings.sentinel_password),
        "socket_timeout": _SENTINEL_SECONDS,
        "socket_connect_timeout": _SENTINEL_SECONDS,
    }
    if url.is_tls:
        sentinel_options |= {**tls, "ssl": True}
    sentinel = Sentinel(url.addresses, sentinel_kwargs=sentinel_options)
    return SentinelConnectionPool(url.service, sentinel, ssl=url.is_tls, **own), sentinel


def _secret(value: Any) -> str | None:
    return None if value is None else value.get_secret_value()
