"""`[store]`: where sessions and all else are kept, and what has to agree there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field

from config.addresses import is_loopback
from config.errors import Place
from config.frozen_table import FrozenTable
from config.store_url import EXAMPLE, is_redis_url, parse_redis_url
from config.values import Flag, Integer, Secret, StorePrefix, Text

SQLITE = "sqlite:"
_REDIS_ONLY = (
    *("username", "password", "sentinel_username", "sentinel_password", "ca_file", "client_certificate", "client_key"),
    *("allow_insecure", "wait_replicas", "wait_fsync"),
)


class StoreSettings(FrozenTable):
    url: str = "sqlite:state.db"
    """``sqlite:PATH``, or where a Redis or Valkey server is (`config.store_url`)."""
    allow_insecure: Flag = False
    """Permits a Redis server without TLS that is not on this machine."""
    username: Text | None = None
    password: Secret | None = None
    sentinel_username: Text | None = None
    sentinel_password: Secret | None = None
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    prefix: StorePrefix = "gatepost"
    """What the names of all keys and of the channel begin with: several installations may share a server."""
    wait_replicas: Annotated[Integer, Field(ge=0, le=9)] = 0
    """How many replicas must have what is called durable before it is acknowledged."""
    wait_fsync: Flag = False
    """Whether the server must have it on its disk before it is acknowledged (WAITAOF)."""


def store_problems(store: StoreSettings) -> Iterator[tuple[Place, str]]:
    place = Place("store", None, "url")
    if is_redis_url(store.url):
        yield from _redis(store)
        return
    if not store.url.startswith(SQLITE):
        yield place, f'not a store: write "sqlite:state.db", {EXAMPLE}'
    elif (
        not (path := store.url.removeprefix(SQLITE)).strip()
        or not path.isprintable()
        or path.startswith("//")
        or "?" in path
    ):
        yield (
            place,
            'must name a file behind "sqlite:", such as "sqlite:state.db" or "sqlite:/var/lib/gatepost/state.db"',
        )


def _redis(store: StoreSettings) -> Iterator[tuple[Place, str]]:
    try:
        url = parse_redis_url(store.url)
    except ValueError as error:
        yield Place("store", None, "url"), str(error)
        return
    for key in ("ca_file", "client_certificate", "client_key"):
        if getattr(store, key) is not None and not url.is_tls:
            yield Place("store", None, key), "means nothing without TLS: url would begin with rediss:// or valkeys://"
    for key in ("sentinel_username", "sentinel_password"):
        if getattr(store, key) is not None and url.service is None:
            yield Place("store", None, key), "means nothing without sentinels: leave it out"
    for name in ("", "sentinel_"):
        if getattr(store, f"{name}username") is not None and getattr(store, f"{name}password") is None:
            yield (
                Place("store", None, f"{name}password"),
                f"is missing: {name}username needs it (or {name}password_file)",
            )
    if (store.client_certificate is None) != (store.client_key is None):
        missing = "client_key" if store.client_key is None else "client_certificate"
        yield Place("store", None, missing), "is missing: a certificate and its key belong together"
    if not url.is_tls and not store.allow_insecure and any(not is_loopback(host) for host, _ in url.addresses):
        yield (
            Place("store", None, "url"),
            "all sessions would cross the network in the clear: use rediss:// (or set allow_insecure = true)",
        )


def store_warnings(store: StoreSettings) -> Iterator[str]:
    """What works, but is seldom meant."""
    if store.url.startswith(SQLITE):
        for key in _REDIS_ONLY:
            if getattr(store, key):
                yield f"store: {key} means nothing with SQLite"
