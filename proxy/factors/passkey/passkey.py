"""A passkey as it is kept, what a browser sends of it, and why that proves nothing. Values."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True, slots=True, kw_only=True)
class Passkey:
    """What is kept, sealed, of one."""

    credential_id: bytes = field(repr=False)
    public_key: bytes = field(repr=False)
    """COSE (RFC 9052)."""
    transports: tuple[str, ...] = ()
    """How its browser reached it: a hint for the next time."""
    is_synced: bool = False
    """Whether it may be on several devices of its owner ("backup eligibility", which never changes)."""

    @property
    def lookup(self) -> bytes:
        return lookup_of(self.credential_id)

    def to_bytes(self) -> bytes:
        kept = {
            "id": base64.b64encode(self.credential_id).decode(),
            "key": base64.b64encode(self.public_key).decode(),
            "transports": self.transports,
            "synced": self.is_synced,
        }
        return json.dumps(kept).encode()

    @classmethod
    def from_bytes(cls, kept: bytes) -> Passkey:
        """Of what `to_bytes` made."""
        found = json.loads(kept)
        return cls(
            credential_id=base64.b64decode(found["id"]),
            public_key=base64.b64decode(found["key"]),
            transports=tuple(found["transports"]),
            is_synced=found["synced"],
        )


def lookup_of(credential_id: bytes) -> bytes:
    """By which a passkey is found while its person is not known."""
    return hashlib.sha256(credential_id).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """What a browser sends of a passkey that was used. It proves nothing yet."""

    credential_id: bytes = field(repr=False)
    user_handle: bytes | None = field(repr=False)
    """Whom the passkey was made for; a passkey that was asked for by its id may leave it out."""
    text: str = field(repr=False)

    @property
    def lookup(self) -> bytes:
        return lookup_of(self.credential_id)


class PasskeyRefusal(Enum):
    """Why an assertion proves nothing. Values are for the log."""

    UNREADABLE = "passkey_unreadable"
    UNKNOWN = "passkey_unknown"
    """Nobody's, removed, or another person's."""
    NOT_RIGHT = "passkey_not_right"
    """Another origin, RP id, challenge or key, or nobody touched it."""
    NOT_VERIFIED = "passkey_without_user_verification"
    """It stands alone, and did not check whose hand it is in."""
    TOO_LATE = "passkey_too_late"
    SEEN_BEFORE = "passkey_seen_before"
    COUNTER = "passkey_counter_went_back"
    """Its counter did not grow: there may be a copy. Or it was removed at this very moment."""
