"""`traceparent` as W3C Trace Context has it: read or begun anew, never half believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.tracing.trace_context import TraceContext, read_traceparent, traceparent

TRACE, SPAN = b"0af7651916cd43dd8448eb211c80319c", b"b7ad6b7169203331"
FOUND = TraceContext(int(TRACE, 16), int(SPAN, 16), is_sampled=True)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"00-%b-%b-01" % (TRACE, SPAN), FOUND),
        (b" 00-%b-%b-01\t" % (TRACE, SPAN), FOUND),
        (b"00-%b-%b-00" % (TRACE, SPAN), TraceContext(FOUND.trace_id, FOUND.span_id, is_sampled=False)),
        (b"00-%b-%b-03" % (TRACE, SPAN), FOUND),
        (b"cc-%b-%b-01-what-comes-later" % (TRACE, SPAN), FOUND),
        (b"00-%b-%b-01-more" % (TRACE, SPAN), None),
        (b"ff-%b-%b-01" % (TRACE, SPAN), None),
        (b"00-%b-%b-01" % (TRACE.upper(), SPAN), None),
        (b"00-%b-%b-01" % (b"0" * 32, SPAN), None),
        (b"00-%b-%b-01" % (TRACE, b"0" * 16), None),
        (b"00-%b-%b" % (TRACE, SPAN), None),
        (b"", None),
    ],
)
def test_what_is_read(value: bytes, found: TraceContext | None) -> None:
    assert read_traceparent(value) == found


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_what_is_written_is_read_again(trace_id: int, span_id: int, is_sampled: bool) -> None:
    context = TraceContext(trace_id, span_id, is_sampled)
    assert read_traceparent(traceparent(context)) == context
