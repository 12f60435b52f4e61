"""The mail address that a directory holds for a person: whether mail can be sent to it, and how much of it is shown."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9.-]+", re.ASCII)


def is_plain_address(text: str) -> bool:
    """Whether `text` is a bare ASCII mailbox (RFC 5321 section 4.1.2, no quoting, no display name)."""
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


def mask_mail(address: str) -> str:
    """The first letter and the domain: ``a•••@corp.example``; of what is no address, nothing."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}" if at else "•••"
