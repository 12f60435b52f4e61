"""Whether a text gives a secret away."""

from __future__ import annotations

import re


def tells(written: bytes, secret: str) -> bool:
    """A passcode counts as a number of its own: six digits stand in many a longer figure, or a hash, by chance."""
    pattern = re.escape(secret.encode())
    if secret.isdigit() and len(secret) <= 8:
        pattern = rb"(?<![0-9A-Za-z.])" + pattern + rb"(?![0-9A-Za-z])"
    return re.search(pattern, written) is not None
