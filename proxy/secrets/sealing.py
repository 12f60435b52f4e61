"""Values that the store keeps but must not be able to read: AES-256-GCM (NIST SP 800-38D), as nonce and ciphertext."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


def seal_bytes(key: bytes, plain: bytes, *, bound_to: bytes) -> bytes:
    """`key` has 32 bytes; a sealed value opens only with the same `bound_to`."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to)


def unseal_bytes(key: bytes, sealed: bytes, *, bound_to: bytes) -> bytes | None:
    """None if it was sealed with another key, bound to something else, or is not a sealed value."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
    except (InvalidTag, ValueError):
        return None


def unseal_by_any(keys: Iterable[bytes], sealed: bytes, *, bound_to: bytes) -> bytes | None:
    """By the first of these keys that opens it; None if none does."""
    opened = (unseal_bytes(key, sealed, bound_to=bound_to) for key in keys)
    return next((plain for plain in opened if plain is not None), None)


def seal_again(key: bytes, sealed: bytes, *, keys: Iterable[bytes], bound_to: bytes) -> bytes | None:
    """The same value under `key`; None if that one has sealed it already, or none of `keys` opens it."""
    if unseal_bytes(key, sealed, bound_to=bound_to) is not None:
        return None
    plain = unseal_by_any(keys, sealed, bound_to=bound_to)
    return None if plain is None else seal_bytes(key, plain, bound_to=bound_to)
