"""Incident ids: the one name that a refusal's page, its log line and the person on the telephone share."""

from __future__ import annotations

import secrets

INCIDENT_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Without 0 O 1 I L U: an incident id is read out on the telephone."""


def new_incident_id() -> str:
    """A random name for one refusal or failure: ``K7QPM-X3RTA`` (49 bits)."""
    characters = "".join(secrets.choice(INCIDENT_ALPHABET) for _ in range(10))
    return f"{characters[:5]}-{characters[5:]}"
