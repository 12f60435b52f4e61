"""What a request asks, as its head says it: values, and the refusal of a head that says nothing or two things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import FrozenInstanceError
from typing import NoReturn

from proxy.http.problem import Problem


class RefusedHead(Exception):
    """This request cannot be answered by anybody. `problem` is what to tell the client; the connection ends."""

    def __init__(self, problem: Problem, reason: str) -> None:
        super().__init__(reason)
        self.problem = problem
        self.reason = reason
        """For the log; never a piece of the request."""


class HeadFields:
    """What is read off a head."""

    method: bytes
    target: bytes
    """Origin form (or ``*``), its bytes as sent."""
    lines: Sequence[bytes]
    """``Name: value`` without CRLF, in the order sent; hop-by-hop, cookies and what Gatepost sets left out."""
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
    block: bytes
    """All bytes after the request line, where that is all that the fields' meaning depends on: requests with the same
    `block` differ in `method` and `target` alone. Empty where it may not be relied on."""
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

    @property
    def has_body(self) -> bool:
        return self.is_chunked or bool(self.content_length)


class RequestHead(HeadFields):
    """What a request asks, and the fields that go on to an upstream as they are. It cannot be changed."""

    lines: tuple[bytes, ...]

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise FrozenInstanceError(f"a head was read: its {name} stays as it is")

    def __delattr__(self, name: str) -> NoReturn:
        raise FrozenInstanceError(f"a head was read: its {name} stays as it is")

    def repeated(self, method: bytes, target: bytes) -> RequestHead:
        """The same fields after another request line."""
        values = self.__dict__.copy()
        values["method"] = method
        values["target"] = target
        return _head_of(values)

    def with_values(self, **values: object) -> RequestHead:
        """The same head but for these."""
        return _head_of({**self.__dict__, **values})


_new, _set = object.__new__, object.__setattr__


def _head_of(values: dict[str, object]) -> RequestHead:
    """`values` by attribute; they are the head's from now on. An `__init__` would cost another call."""
    head: RequestHead = _new(RequestHead)
    _set(head, "__dict__", values)
    return head
