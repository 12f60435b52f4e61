"""What is recorded of a worker's own life: what it works by, that it serves, and that it has ended."""

from __future__ import annotations

import hashlib
import json

from config.settings import Settings
from proxy.audit.event import AuditEvent

READY = AuditEvent(event="worker.ready")
LEFT = AuditEvent(event="worker.left")


def configuration_loaded(settings: Settings) -> AuditEvent:
    """The effective settings as a SHA-256, and each table's, in eight digits: two entries tell which tables differ.

    Secrets are left out, whether they were given or read from a file.
    """
    # Defaults too: a new release may change what the same file means.
    facts: dict[str, str | int] = {"sha256": sha256_of(settings), "tables": tables_of(settings)}
    return AuditEvent(event="configuration.loaded", facts=facts)


def sha256_of(settings: Settings) -> str:
    """Of all of them, without secrets: what was rehearsed and what was loaded have the same."""
    return _digest(settings.model_dump(mode="json"))


def tables_of(settings: Settings) -> str:
    """Of each table its name and eight digits, without secrets: ``apps=2f0c91aa sms=...``."""
    tables = settings.model_dump(mode="json")
    return " ".join(f"{name}={_digest(table)[:8]}" for name, table in sorted(tables.items()))


def changed_tables(before: str, after: str) -> list[str]:
    """The names of the tables that differ between two `tables_of`. Pure."""
    was, now = (dict(each.partition("=")[::2] for each in tables.split()) for tables in (before, after))
    return sorted(name for name in was.keys() | now.keys() if was.get(name) != now.get(name))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
