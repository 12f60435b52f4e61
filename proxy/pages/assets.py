"""The style sheets, scripts and pictures of pages: named by their content, so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from proxy.http.reserved import STATIC

_TYPES = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml; charset=utf-8",
        ".png": "image/png",
    }
)
OWN_COLOUR = b"#0b6b5d"
"""Of the icon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    path: str
    """Absolute path on every host: ``/.gatepost/static/HASH/NAME``."""
    content_type: str
    etag: str
    body: bytes = field(repr=False)


def asset_of(name: str, body: bytes) -> Asset:
    """The ending of the name says of which type it is."""
    fingerprint = hashlib.sha256(body).hexdigest()[:16]
    return Asset(
        path=f"{STATIC}{fingerprint}/{name}",
        content_type=_TYPES[PurePosixPath(name).suffix],
        etag=f'"{fingerprint}"',
        body=body,
    )


def _load() -> Mapping[str, Asset]:
    files = sorted((Path(__file__).parent / "static").iterdir())
    return MappingProxyType({file.name: asset_of(file.name, file.read_bytes()) for file in files})


ASSETS: Mapping[str, Asset] = _load()
"""By file name."""
BY_PATH: Mapping[str, Asset] = MappingProxyType({asset.path: asset for asset in ASSETS.values()})
