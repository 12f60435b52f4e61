"""What the parts know of traces: a span that begins and ends, and the one that this task is in.

Attributes hold configured names and outcomes, nothing about persons: no address, no login name, no path.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from proxy.tracing.trace_context import TraceContext


class Span(Protocol):
    """Something that takes time, within a trace that is recorded."""

    @property
    def context(self) -> TraceContext: ...

    def child(self, name: str, *, is_outward: bool = False, **attributes: str | int) -> Span:
        """One within it that begins now. `is_outward`: another program is asked."""
        ...

    def note(self, **attributes: str | int) -> None: ...

    def end(self, *, failed: str = "") -> None:
        """Now; only the first time counts. `failed`: why, in the program's own words."""
        ...


class Traces(Protocol):
    """Where traces begin."""

    def begin(self, parent: TraceContext | None, name: str) -> Span | None:
        """A span of another program's trace (`parent`), or of a new one; None where it is not recorded."""
        ...


_CURRENT: ContextVar[Span | None] = ContextVar("span", default=None)


@contextmanager
def within(current: Span) -> Iterator[None]:
    """What is done here is part of it."""
    before = _CURRENT.set(current)
    try:
        yield
    finally:
        _CURRENT.reset(before)


@contextmanager
def span(name: str, *, is_outward: bool = False, **attributes: str | int) -> Iterator[Span | None]:
    """A part of the current span, from here to the end of the block; None: nothing is traced. An exception is its
    failure."""
    current = _CURRENT.get()
    if current is None:
        yield None
        return
    part = current.child(name, is_outward=is_outward, **attributes)
    try:
        with within(part):
            yield part
    except BaseException as error:
        part.end(failed=type(error).__name__)
        raise
    part.end()
