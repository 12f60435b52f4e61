"""Names that no directory knows: one spelling for all that would be one account's. Pure.

A person who exists is counted, and waits their turn, under one key in every spelling. If unknown names were counted by
spelling, two spellings would show whether the person exists.
"""

from __future__ import annotations

import hashlib
import hmac

from config.settings import ActiveDirectorySettings, DirectorySettings
from directory.login_name import LoginName, fold


def counted_as(login_name: LoginName, settings: DirectorySettings | None) -> str:
    """The key for tries of a name that nobody has; `settings`: of the realm that it belongs to."""
    if settings is None:
        return f"name:{login_name.folded}"
    suffix = login_name.suffix
    if suffix is not None and isinstance(settings, ActiveDirectorySettings):
        suffix = None if fold(suffix) == fold(settings.domain) else fold(suffix)
    else:
        suffix = None  # a local realm's own name
    return f"name:{settings.name}:{fold(login_name.name)}" + (f"@{suffix}" if suffix else "")


def hidden_name(key: bytes, login_name: LoginName) -> str:
    """For the log: equal names look equal there, but none can be read."""
    return hmac.digest(key, b"log\0" + login_name.folded.encode(errors="replace"), hashlib.sha256).hex()[:12]
