"""Where a Redis or Valkey server is, as `[store] url` says it: no secrets, which have keys of their own.

``redis://HOST[:PORT][/DATABASE]`` (or valkey), ``rediss://`` (or valkeys) with TLS, ``unix:PATH``, and
``redis+sentinel://HOST[:PORT],HOST[:PORT]/SERVICE[/DATABASE]`` (or ``rediss+sentinel``, or valkey).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_SCHEMES = {
    "redis": (False, False),
    "valkey": (False, False),
    "rediss": (True, False),
    "valkeys": (True, False),
    "redis+sentinel": (False, True),
    "valkey+sentinel": (False, True),
    "rediss+sentinel": (True, True),
    "valkeys+sentinel": (True, True),
}
"""Scheme to whether it is TLS, and whether sentinels are named."""
_HOST = re.compile(
    r"(?:(?P<name>[A-Za-z0-9]([A-Za-z0-9._-]{0,253}))|\[(?P<ipv6>[0-9A-Fa-f:.]{2,45})\])(?::(?P<port>\d{1,5}))?"
)
_SERVICE = re.compile(r"[A-Za-z0-9._-]{1,100}")
_PORT, _SENTINEL_PORT = 6379, 26379

EXAMPLE = '"redis://redis.corp.example:6379" or "unix:/run/redis/redis.sock"'


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisURL:
    """One server, a socket's path, or the sentinels that know the server."""

    is_tls: bool = False
    addresses: tuple[tuple[str, int], ...] = ()
    """The server's, or all sentinels'. Empty: `path` is given."""
    path: Path | None = None
    service: str | None = None
    """What the sentinels call the server; None: there are no sentinels."""
    database: int = 0


def is_redis_url(url: str) -> bool:
    """Whether it means to be one: by its scheme alone."""
    scheme = url.partition(":")[0]
    return scheme in _SCHEMES or scheme == "unix"


def parse_redis_url(url: str) -> RedisURL:
    """`ValueError` says what to do, without quoting anything: somebody may have written a password."""
    scheme, _, rest = url.partition(":")
    if scheme == "unix":
        path = "/" + rest.lstrip("/")
        if not rest.startswith("/") or path == "/" or not path.isprintable() or "?" in path or "@" in path:
            raise ValueError(f"must name a socket by its whole path: write {EXAMPLE}")
        return RedisURL(path=Path(path))
    if scheme not in _SCHEMES or not rest.startswith("//"):
        raise ValueError(f"not the URL of a Redis server: write {EXAMPLE}")
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
            raise ValueError('must name what the sentinels call the server: "redis+sentinel://one,two,three/mymaster"')
        service = parts.pop(0)
    if len(parts) > 1 or (parts and not re.fullmatch(r"\d{1,3}", parts[0])):
        raise ValueError("must end with the number of a database, or without one")
    return RedisURL(is_tls=is_tls, addresses=addresses, service=service, database=int(parts[0]) if parts else 0)


def _address(text: str, port: int) -> tuple[str, int]:
    found = _HOST.fullmatch(text)
    if found is None or (found["port"] is not None and not 1 <= int(found["port"]) <= 65535):
        raise ValueError(f"does not name a host and a port: write {EXAMPLE}")
    return found["name"] or found["ipv6"], int(found["port"] or port)
