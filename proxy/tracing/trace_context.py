"""The field ``traceparent`` (W3C Trace Context, 2021, section 3.2)."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

_FIELD = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span, as other programs name it."""

    trace_id: int
    span_id: int
    is_sampled: bool
    """Whether whoever began the trace has it recorded."""


def read_traceparent(value: bytes) -> TraceContext | None:
    """None: it is none, and a new trace begins (sections 3.2.2.5 and 4.3). Of a later version, what is known of it."""
    match = _FIELD.fullmatch(value.strip(b" \t"))
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    if version == b"ff" or (version == b"00" and more is not None):
        return None
    found = TraceContext(int(trace_id, 16), int(span_id, 16), bool(int(flags, 16) & _SAMPLED))
    return found if found.trace_id and found.span_id else None


def not_recorded(parent: TraceContext) -> bytes:
    """The field's value for a new span of this trace that nobody records."""
    return traceparent(TraceContext(parent.trace_id, random.getrandbits(64) | 1, is_sampled=False))


def traceparent(context: TraceContext) -> bytes:
    return b"00-%032x-%016x-%02x" % (context.trace_id, context.span_id, _SAMPLED if context.is_sampled else 0)
