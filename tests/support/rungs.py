"""Rungs of `[[degrade]]` that a test puts in force."""

from __future__ import annotations

from typing import Any

from proxy.degrade.rung import BegunRung
from tests.support.people import NOW


def begun_rung(name: str, what: str = "", *, at: float = NOW, seconds: float = 3600.0, **fields: Any) -> BegunRung:
    """`what`: the name, if it is not given."""
    values = {"begun_at": at, "decided_at": at, "ends_at": at + seconds, "reason": "SMS are late", "by": "anna"}
    return BegunRung(name=name, what=what or name, **{**values, **fields})
