"""The Lua scripts that a Redis server runs for the store: each operation of theirs is one atomic step there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from importlib import resources


@dataclass(frozen=True, slots=True)
class Script:
    text: bytes = field(repr=False)
    digest: str
    """SHA-1, as EVALSHA names it."""


def _script(name: str) -> Script:
    folder = resources.files("proxy.store.redis") / "lua"
    text = (folder / "prelude.lua").read_bytes() + (folder / f"{name}.lua").read_bytes()
    return Script(text, hashlib.sha1(text, usedforsecurity=False).hexdigest())


SESSIONS = _script("sessions")
CHALLENGES = _script("challenges")
KEEPING = _script("keeping")
ENROLMENTS = _script("enrolments")
REMEMBERED = _script("remembered")
PASSES = _script("passes")
CREDENTIALS = _script("credentials")
REPORTED = _script("reported")
PERSON_KEYS = _script("person_keys")
CANARIES = _script("canaries")
RUNGS = _script("rungs")
