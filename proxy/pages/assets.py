"""The style sheet, script and icon: read once, named by their content so that browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from proxy.http.reserved import STATIC

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    path: str
    """Absolute path on every host: ``/.gatepost/static/HASH/NAME``."""
    content_type: str
    etag: str
    body: bytes = field(repr=False)


def _load() -> Mapping[str, Asset]:
    assets = {}
    for file in sorted((Path(__file__).parent / "static").iterdir()):
        body = file.read_bytes()
        fingerprint = hashlib.sha256(body).hexdigest()[:16]
        assets[file.name] = Asset(
            path=f"{STATIC}{fingerprint}/{file.name}",
            content_type=_TYPES[file.suffix],
            etag=f'"{fingerprint}"',
            body=body,
        )
    return MappingProxyType(assets)


ASSETS: Mapping[str, Asset] = _load()
"""By file name."""
BY_PATH: Mapping[str, Asset] = MappingProxyType({asset.path: asset for asset in ASSETS.values()})
