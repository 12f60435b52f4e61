"""`[store]`: where sessions and all else are kept, and what has to agree there.

``sqlite:PATH``; or a Redis or Valkey server, without secrets, which have keys of their own:
``redis://HOST[:PORT][/DATABASE]`` (or valkey), ``rediss://`` (or valkeys) with TLS, ``unix:PATH``, and
``redis+sentinel://HOST[:PORT],HOST[:PORT]/SERVICE[/DATABASE]`` (or ``rediss+sentinel``, or valkey).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, PlainSerializer, PlainValidator, ValidationInfo

from config.addresses import is_loopback
from config.frozen_table import FrozenTable, half_pairs
from config.problems import told
from config.values import Flag, Integer, Secret, StorePrefix, Text

_REDIS_ONLY = (
    *("username", "password", "sentinel_username", "sentinel_password", "ca_file", "client_certificate", "client_key"),
    *("allow_insecure", "wait_replicas", "wait_fsync"),
)
_SCHEMES = {
    f"{server}{tls}{sentinels}": (bool(tls), bool(sentinels))
    for server, tls, sentinels in product(("redis", "valkey"), ("", "s"), ("", "+sentinel"))
}
"""Scheme to whether it is TLS, and whether sentinels are named."""
_HOST = re.compile(
    r"(?:(?P<name>[A-Za-z0-9]([A-Za-z0-9._-]{0,253}))|\[(?P<ipv6>[0-9A-Fa-f:.]{2,45})\])(?::(?P<port>\d{1,5}))?"
)
_SERVICE = re.compile(r"[A-Za-z0-9._-]{1,100}")
_PORT, _SENTINEL_PORT = 6379, 26379

_EXAMPLE = '"redis://redis.corp.example:6379" or "unix:/run/redis/redis.sock"'


@dataclass(frozen=True, slots=True)
class SQLiteFile:
    """The path of a database."""

    kind: ClassVar = "sqlite"
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisURL:
    """One server, a socket's path, or the sentinels that know the server."""

    kind: str = field(default="redis", compare=False)
    """The scheme that it was written with."""
    is_tls: bool = False
    addresses: tuple[tuple[str, int], ...] = ()
    """The server's, or all sentinels'. Empty: `path` is given."""
    path: Path | None = None
    service: str | None = None
    """What the sentinels call the server; None: there are no sentinels."""
    database: int = 0


def parse_store_url(url: str) -> SQLiteFile | RedisURL:
    """`ValueError` says what to do, without quoting anything: somebody may have written a password."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite":
        if not rest.strip() or not rest.isprintable() or rest.startswith("//") or "?" in rest:
            raise ValueError(
                'must name a file behind "sqlite:" as the store, such as "sqlite:state.db" or'
                ' "sqlite:/var/lib/gatepost/state.db"'
            )
        return SQLiteFile(Path(rest))
    if scheme == "unix":
        path = "/" + rest.lstrip("/")
        if not rest.startswith("/") or path == "/" or not path.isprintable() or "?" in path or "@" in path:
            raise ValueError(f"must name a socket by its whole path: write {_EXAMPLE}")
        return RedisURL(kind=scheme, path=Path(path))
    if scheme not in _SCHEMES:
        raise ValueError(f'not a store: write "sqlite:state.db", {_EXAMPLE}')
    if not rest.startswith("//"):
        raise ValueError(f"not the URL of a Redis server: write {_EXAMPLE}")
    is_tls, has_sentinels = _SCHEMES[scheme]
    hosts, *parts = rest.removeprefix("//").removesuffix("/").split("/")
    if "@" in rest:
        raise ValueError("holds a login: write username and password_file instead")
    addresses = tuple(_address(each, _SENTINEL_PORT if has_sentinels else _PORT) for each in hosts.split(","))
    if len(addresses) > 1 and not has_sentinels:
        raise ValueError("names several servers: with sentinels it begins with redis+sentinel://")
    service = None
    if has_sentinels:
        if not parts or not _SERVICE.fullmatch(parts[0]):
            raise ValueError('must name the server as the sentinels call it: "redis+sentinel://one,two,three/mymaster"')
        service = parts.pop(0)
    if len(parts) > 1 or (parts and not re.fullmatch(r"\d{1,3}", parts[0])):
        raise ValueError("must end with the number of a database, or without one")
    return RedisURL(
        kind=scheme, is_tls=is_tls, addresses=addresses, service=service, database=int(parts[0]) if parts else 0
    )


def _address(text: str, port: int) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    if found is None or (found["port"] is not None and not 1 <= int(found["port"]) <= 65535):
        raise ValueError(f"does not name a host and a port: write {_EXAMPLE}")
    return found["name"] or found["ipv6"], int(found["port"] or port)


def _build_store_url(value: object, info: ValidationInfo) -> SQLiteFile | RedisURL:
    """Where a file is read, a relative path begins at its folder."""
    if isinstance(value, SQLiteFile | RedisURL):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a string")
    url = parse_store_url(value)
    if isinstance(url, SQLiteFile) and info.context is not None and info.context["folder"] is not None:
        return SQLiteFile(info.context["folder"] / url.path)
    return url


StoreURL = Annotated[SQLiteFile | RedisURL, PlainValidator(_build_store_url), PlainSerializer(str)]


class StoreSettings(FrozenTable):
    """Where sessions and everything else are kept: an SQLite file for one machine, Redis or Valkey for several."""

    url: StoreURL = SQLiteFile(Path("state.db"))
    """`sqlite:PATH`, `redis://HOST[:PORT][/DATABASE]`, `rediss://` for TLS, `unix:/PATH`, or
    `redis+sentinel://HOST,HOST/SERVICE`. `valkey` may stand for `redis`. Secrets have keys of their own."""
    allow_insecure: Flag = False
    """Permits a server without TLS on another machine. Sessions can then be read and forged on the network between."""
    username: Text | None = None
    """The user of Redis' ACL."""
    password: Secret | None = None
    """The user's password."""
    sentinel_username: Text | None = None
    """The user for the sentinels, if they ask for one."""
    sentinel_password: Secret | None = None
    """Its password."""
    ca_file: Path | None = None
    """The certificate authority that signed the server's certificate, a PEM file. Not set: those that the operating
    system trusts."""
    client_certificate: Path | None = None
    """The certificate that Gatepost shows to the server, a PEM file. Needs `client_key`. Redis asks for one unless its
    `tls-auth-clients` is `no`."""
    client_key: Path | None = None
    """The private key of `client_certificate`, a PEM file."""
    prefix: StorePrefix = "gatepost"
    """What the names of all keys and of the channel begin with, in braces. Several installations may share a server
    under different prefixes."""
    wait_replicas: Annotated[Integer, Field(ge=0, le=9)] = 0
    """How many replicas must have a new session, an end or an answered passcode before it is acknowledged."""
    wait_fsync: Flag = False
    """Whether the server must have it on its disk first (WAITAOF: Redis 7.2, Valkey). Not needed with `appendfsync
    always`."""

    @property
    def file(self) -> Path | None:
        """The file of a store that is a file."""
        return self.url.path if isinstance(self.url, SQLiteFile) else None


def store_problems(store: StoreSettings) -> Iterator[tuple[str, str]]:
    """Key and sentence. What `store_warnings` tells of is passed over."""
    if isinstance(store.url, RedisURL):
        yield from told(
            *(_of_tls(store, store.url, key) for key in ("ca_file", "client_certificate", "client_key")),
            *(_of_sentinels(store, store.url, key) for key in ("sentinel_username", "sentinel_password")),
            *(_login(store, name) for name in ("", "sentinel_")),
            half_pairs(store, "client_certificate", "client_key"),
            _in_the_clear(store, store.url),
        )


def _of_tls(store: StoreSettings, url: RedisURL, key: str) -> Iterator[tuple[str, str]]:
    if getattr(store, key) is not None and not url.is_tls:
        yield key, "means nothing without TLS: url would begin with rediss:// or valkeys://"


def _of_sentinels(store: StoreSettings, url: RedisURL, key: str) -> Iterator[tuple[str, str]]:
    if getattr(store, key) is not None and url.service is None:
        yield key, "means nothing without sentinels: leave it out"


def _login(store: StoreSettings, name: str) -> Iterator[tuple[str, str]]:
    if getattr(store, f"{name}username") is not None and getattr(store, f"{name}password") is None:
        yield f"{name}password", f"is missing: {name}username needs it (or {name}password_file)"


def _in_the_clear(store: StoreSettings, url: RedisURL) -> Iterator[tuple[str, str]]:
    if not url.is_tls and not store.allow_insecure and any(not is_loopback(host) for host, _ in url.addresses):
        yield "url", "all sessions would cross the network in the clear: use rediss:// (or set allow_insecure = true)"


def store_warnings(store: StoreSettings) -> Iterator[str]:
    """What works, but is seldom meant."""
    if isinstance(store.url, SQLiteFile):
        for key in _REDIS_ONLY:
            if getattr(store, key):
                yield f"store: {key} means nothing with SQLite"
