"""Which configuration was rehearsed: a digest of everything in force by it, with what it reads from files.

Two files that say the same have the same digest, wherever they lie, as long as the files that they name are the same.
"""

from __future__ import annotations

import hmac
import json
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from config.settings import Settings
from proxy.secrets.keys import Keys, Purpose

REHEARSED_SECONDS = 30 * 86_400.0
"""For how long a rehearsal counts: what was decided since then says something else."""


def rehearsal_key(keys: Keys) -> bytes:
    """Of `digest_of`: it stays the same when the master key is replaced."""
    return keys.same_name(Purpose.AUDIT, b"rehearsed")


def digest_of(settings: Settings, *, key: bytes) -> bytes:
    """32 bytes, under a key: secrets are part of it, and must not be guessed from it."""
    text = json.dumps(_plain(settings), sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, b"configuration\0" + text.encode(), "sha256")


def _plain(value: Any) -> Any:
    """JSON for a value of the settings; the same for the same value, in each process."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, BaseModel):
        fields = {name: _plain(getattr(value, name)) for name in type(value).model_fields}
        return {"": type(value).__name__, **fields}
    if isinstance(value, dict):
        return [[_plain(key), _plain(each)] for key, each in sorted(value.items(), key=lambda item: str(item[0]))]
    if isinstance(value, set | frozenset):
        return sorted(json.dumps(_plain(each), sort_keys=True) for each in value)
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, str | int | float | bool | None):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, Path) else repr(value)
