"""The master key, and the keys derived from it: one per purpose, so that no token of one kind passes for another."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey


class Purpose(Enum):
    PASSCODE = "passcode"
    """What a challenge's HOTP secret is derived from."""
    CHALLENGE = "challenge"
    """The HMAC that a challenge keeps of its passcode."""
    CSRF = "csrf"
    THROTTLE = "throttle"
    """Names of counters, so that the store holds no numbers and addresses in the clear."""


class Keys:
    """All keys of one installation. Its `repr` shows none."""

    def derive(self, purpose: Purpose) -> bytes:
        """32 bytes (HKDF-SHA256, RFC 5869) that are the same on every node with this master key."""
        raise NotImplementedError

    @property
    def assertion_key(self) -> EllipticCurvePrivateKey:
        """The P-256 key that signs `X-Gatepost-Assertion`."""
        raise NotImplementedError


def load_or_create_keys(path: Path) -> Keys:
    """Read the key file, or make it (mode 0600, atomically: two processes that start at once agree)."""
    raise NotImplementedError
