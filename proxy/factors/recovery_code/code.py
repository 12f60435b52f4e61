"""A recovery code: how it is made, written, read and recognised. Pure."""

from __future__ import annotations

import hashlib
import secrets

COUNT = 10
"""How many make a set."""
_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Five bits each. Without 0 and O, 1 and I, which look alike."""
_LENGTH, _GROUP = 12, 4


def new_codes() -> list[str]:
    """A set, as it is shown: 60 random bits each, such as ``K7QX-2MRA-9FZT``."""
    return [_grouped("".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))) for _ in range(COUNT)]


def typed_code(text: str) -> str | None:
    """Capitals without what stands between them; None if it cannot be a code."""
    typed = "".join(character for character in text.upper() if character.isalnum())
    return typed if len(typed) == _LENGTH and set(typed) <= set(_ALPHABET) else None


def code_digest(guid: str, code: str) -> bytes:
    """What is kept, sealed, of a person's code as `typed_code` returns it."""
    return hashlib.sha256(f"recovery code\0{guid}\0{code}".encode()).digest()


def _grouped(code: str) -> str:
    return "-".join(code[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))
