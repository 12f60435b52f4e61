"""Passcodes: derived per challenge, compared as an HMAC, never stored."""

from __future__ import annotations


def new_challenge_id() -> str:
    """192 random bits, URL-safe."""
    raise NotImplementedError


def passcode_of(key: bytes, challenge_id: str, *, digits: int) -> str:
    """The passcode of a challenge: HOTP (RFC 4226) at counter 0 under a secret derived from `key` and the id.

    The same for every re-send of that challenge, and nothing of it is stored.
    """
    raise NotImplementedError


def passcode_digest(key: bytes, *, challenge_id: str, guid: str, passcode: str) -> bytes:
    """HMAC-SHA256 over the three, unambiguously joined."""
    raise NotImplementedError


def typed_passcode(text: str, *, digits: int) -> str | None:
    """What was typed as ASCII digits, blanks and dashes taken out; None if it cannot be a passcode (RFC 4226 digits).

    An empty answer is None too: it costs no attempt and moves nothing.
    """
    raise NotImplementedError
