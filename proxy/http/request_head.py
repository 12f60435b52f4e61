"""What a request asks, as its head says it: values, and the refusal of a head that says nothing or two things."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from proxy.http.problem import Problem


class RefusedHead(Exception):
    """This request cannot be answered by anybody. `problem` is what to tell the client; the connection ends."""

    def __init__(self, problem: Problem, reason: str) -> None:
        super().__init__(reason)
        self.problem = problem
        self.reason = reason
        """For the log; never a piece of the request."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False, eq=False)
class HeadFields:
    """What a head says in the fields that mean something to Gatepost. Requests that differ in the others share it."""

    host: bytes
    """Lower case, no port, no trailing dot."""
    host_field: bytes
    """As sent."""
    held: tuple[bytes, ...]
    """Lines of the same form that go on only to an app that names them (`RequestField.HOLD`)."""
    withdrawn: tuple[bytes, ...]
    """Those of them that ``Connection`` names: they go no further."""
    names_http: bool
    """Whether it asks for an upgrade to a protocol that would carry requests which nobody judged. It is left out."""
    expects_continue: bool
    accepts_trailers: bool
    authorization: bytes | None
    accept: bytes | None
    fetch_mode: bytes | None
    fetch_dest: bytes | None
    forwarded_for: tuple[bytes, ...]
    forwarded_proto: tuple[bytes, ...]
    forwarded_host: tuple[bytes, ...]
    forwarded: tuple[bytes, ...]
    is_http_1_1: bool
    cookie: bytes | None
    content_length: int | None
    is_chunked: bool
    keeps_alive: bool
    upgrade: bytes | None
    """What to upgrade to, if asked for in a way that is passed on."""
    shape: bytes = b""
    """The lines that this was read from, where it depends on nothing else. Empty where it may not be relied on."""

    @property
    def has_body(self) -> bool:
        return self.is_chunked or bool(self.content_length)


class RequestHead:
    """What a request asks, and the fields that go on to an upstream as they are.

    It is final, because requests share it. The type checker holds us to that: at run time it would cost 1 µs a request.
    """

    __slots__ = ("block", "fields", "lines", "method", "target")

    method: Final[bytes]
    target: Final[bytes]
    """Origin form (or ``*``), its bytes as sent."""
    lines: Final[tuple[bytes, ...]]
    """``Name: value`` without CRLF, in the order sent; hop-by-hop, cookies and what Gatepost sets left out."""
    fields: Final[HeadFields]
    block: Final[bytes]
    """All bytes after the request line, where that is all that `lines` and `fields` depend on. Empty where it may not
    be relied on."""

    def __init__(
        self, method: bytes, target: bytes, lines: tuple[bytes, ...], fields: HeadFields, block: bytes = b""
    ) -> None:
        self.method = method
        self.target = target
        self.lines = lines
        self.fields = fields
        self.block = block

    @property
    def host(self) -> bytes:
        return self.fields.host
