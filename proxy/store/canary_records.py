"""What is known of a canary as JSON, which a newer node may have written, or an older one."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from proxy.canary.canary_message import CanaryMessage, CanaryRecord, CanaryState, Flaw
from proxy.delivery.channel import Outcome
from proxy.store.record_fields import compact_json


def canary_to_json(record: CanaryRecord) -> str:
    return compact_json(asdict(record))


def canary_from_json(name: str, version: int, record: str | bytes) -> CanaryRecord:
    """An empty one where it cannot be read: the next message says the same again."""
    try:
        values = _known(CanaryRecord, json.loads(record))
        messages = tuple(_message(each) for each in values["messages"])
        return CanaryRecord(
            **{**values, "version": version, "messages": messages, "state": CanaryState(values["state"])}
        )
    except (ValueError, KeyError, TypeError):
        return CanaryRecord(name=name, version=version)


def _message(written: dict[str, Any]) -> CanaryMessage:
    values = _known(CanaryMessage, written)
    outcome = values["outcome"]
    return CanaryMessage(
        **{
            **values,
            "outcome": None if outcome is None else Outcome(outcome),
            "flaws": tuple(map(Flaw, values["flaws"])),
        }
    )


def _known(kind: Any, written: dict[str, Any]) -> dict[str, Any]:
    return {each.name: written[each.name] for each in fields(kind) if each.name in written}
