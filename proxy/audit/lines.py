"""The lines of the audit as bytes: each with its number in its chain, and the SHA-256 of the line before. Pure.

A line is one JSON object in ASCII, without its line end. Fields: ``time`` (UTC, microseconds), ``version`` of the
form, ``chain``, ``seq`` (from 1), ``hash`` (of the whole line before; zeros in the first), ``event``. Then,
where there is something to say: ``incident``, ``way``, ``facts``, the boxes ``actor``, ``person``, ``nobody``. An
anchor ends with ``signer`` and ``signature``: Ed25519 of the line as it was before ``signature`` was added.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from proxy.audit.event import AuditEvent
from proxy.audit.person_keys import SealedBox, box_from_json

VERSION = 1
FIRST_HASH = "0" * 64
ANCHOR = "audit.anchor"
TORN = "audit.torn"
DROPPED = "audit.dropped"
REMOVED = "audit.removed"
BOXES = ("actor", "person", "nobody")
_LONGEST_FACT = 1000
"""Characters: what is longer is cut, so that a line stays one that syslog servers take."""
_SIGNATURE = b',"signature":"'


class AnchorReason(Enum):
    """Why a chain was signed at this place."""

    BEGIN = "begin"
    """A process took the chain, to begin it or to go on with it."""
    HOUR = "hour"
    REMOVAL = "removal"
    """A file is about to be removed: the line that says so counts only when it is signed."""
    ROTATION = "rotation"
    """The last line of its file."""
    END = "end"
    """The process ended as it should."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainEnd:
    """Where a chain stands: its newest line."""

    chain: str
    seq: int = 0
    hash: str = FIRST_HASH

    def after(self, line: bytes) -> ChainEnd:
        return ChainEnd(chain=self.chain, seq=self.seq + 1, hash=digest_of(line))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLine:
    """A line that was read."""

    chain: str
    seq: int
    hash: str
    time: float
    event: str
    incident: str = ""
    way: str = ""
    facts: Mapping[str, str | int] = field(default_factory=dict)
    boxes: Mapping[str, SealedBox] = field(default_factory=dict)
    signer: str = ""
    signature: str = ""
    signed: bytes = field(default=b"", repr=False)
    """Of an anchor: what its signature is of."""
    digest: str
    """Of this line."""

    def is_sealed_under(self, key_ids: frozenset[str]) -> bool:
        """Whether anything of it is, under any of these keys."""
        return any(box.key_id in key_ids for box in self.boxes.values())


def digest_of(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def instant_of(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def line_of(end: ChainEnd, event: AuditEvent, boxes: Mapping[str, SealedBox], *, time: float) -> bytes:
    """The next line of a chain."""
    return _json(_fields(end, event, time) | {name: boxes[name].to_json() for name in BOXES if name in boxes})


def anchor_line(
    end: ChainEnd, reason: AnchorReason, *, signer: str, sign: Callable[[bytes], str], time: float
) -> bytes:
    """The next line of a chain, signed: it stands for all lines before it."""
    event = AuditEvent(event=ANCHOR, facts={"reason": reason.value})
    unsigned = _json(_fields(end, event, time) | {"signer": signer})
    return unsigned[:-1] + _SIGNATURE + sign(unsigned).encode() + b'"}'


def _fields(end: ChainEnd, event: AuditEvent, time: float) -> dict[str, Any]:
    facts = {key: value[:_LONGEST_FACT] if isinstance(value, str) else value for key, value in event.facts.items()}
    said = {"incident": event.incident, "way": event.way, "facts": facts}
    return {
        "time": instant_of(time),
        "version": VERSION,
        "chain": end.chain,
        "seq": end.seq + 1,
        "hash": end.hash,
        "event": event.event,
    } | {key: value for key, value in said.items() if value}


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _signed(line: bytes, signature: str) -> bytes:
    """What `anchor_line` signed. Empty, which no signature is of, where anything stands after the signature: JSON lets
    a later field replace an earlier one, so an old anchor would speak for any line."""
    end = _SIGNATURE + signature.encode() + b'"}'
    return line[: -len(end)] + b"}" if signature and line.endswith(end) else b""


def read_line(line: bytes) -> ChainLine | None:
    """None for what is no line of an audit. A newer version may say more."""
    try:
        fields = json.loads(line)
        told = {key: fields[key] for key in ("chain", "hash", "event")}
        words = {key: fields.get(key, "") for key in ("incident", "way", "signer", "signature")}
        seq, facts = fields["seq"], fields.get("facts", {})
        if type(seq) is not int or not isinstance(facts, dict):
            return None
        if not all(isinstance(value, str) for value in (told | words).values()):
            return None
        boxes = {name: box_from_json(fields[name]) for name in BOXES if name in fields}
        return ChainLine(
            **told,
            **words,
            seq=seq,
            time=datetime.fromisoformat(fields["time"]).timestamp(),
            facts=facts,
            boxes={name: box for name, box in boxes.items() if box is not None},
            signed=_signed(line, words["signature"]),
            digest=digest_of(line),
        )
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None
