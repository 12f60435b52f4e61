"""Who signs anchors: an Ed25519 key (RFC 8032) for each master key, and who can verify what they signed."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from proxy.audit.lines import ChainLine
from proxy.secrets.keys import Keys, Purpose

_PREFIX = "ed25519:"


def signing_key(keys: Keys) -> Ed25519PrivateKey:
    """That of the master key in use."""
    return Ed25519PrivateKey.from_private_bytes(keys.derive(Purpose.ANCHORS))


def sign(key: Ed25519PrivateKey, text: bytes) -> str:
    return _text(key.sign(text))


def signer_name(key: Ed25519PublicKey) -> str:
    """16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def public_keys(keys: Keys) -> tuple[Ed25519PublicKey, ...]:
    """Of all master keys that are there, those to come included."""
    return tuple(
        Ed25519PrivateKey.from_private_bytes(bits).public_key() for bits in dict.fromkeys(keys.every(Purpose.ANCHORS))
    )


def public_text(key: Ed25519PublicKey) -> str:
    """As `gatepost audit key` prints it."""
    return _PREFIX + _text(key.public_bytes_raw())


def public_key_from(text: str) -> Ed25519PublicKey:
    """Raises `ValueError` for what is none."""
    try:
        raw = base64.urlsafe_b64decode(text.strip().removeprefix(_PREFIX) + "=")
        return Ed25519PublicKey.from_public_bytes(raw)
    except (binascii.Error, ValueError):
        raise ValueError("not a public key of anchors: gatepost audit key prints it") from None


def by_name(keys: Iterable[Ed25519PublicKey]) -> Mapping[str, Ed25519PublicKey]:
    return {signer_name(key): key for key in keys}


def is_signed(anchor: ChainLine, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(base64.urlsafe_b64decode(anchor.signature + "=" * (-len(anchor.signature) % 4)), anchor.signed)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
