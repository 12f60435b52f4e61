"""Where a body ends and how it is framed again: pure state, bytes in, pieces out (RFC 9112 section 6).

A body is never collected: bytes that come in go out at once, as slices of what was read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import httptools

from proxy.http.field_names import may_be_trailer
from proxy.http.head_reading import MAX_BODY_BYTES, has_bare_lf

MAX_TRAILER_BYTES = 8 * 1024
_MAX_SIZE_LINE = 1024
_STRICT_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})")
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"'
_SIZE = re.compile(
    rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[ \t]*%b(?:[ \t]*=[ \t]*(?:%b|%b))?)*[ \t]*" % (_TOKEN, _TOKEN, _QUOTED)
)
"""With extensions as RFC 9112 section 7.1.1 defines them, and with the spaces that old servers leave at the end."""

Piece = bytes | memoryview


class BrokenBody(Exception):
    """The sender's framing is wrong or ambiguous: nothing after it on this connection can be trusted."""


class Body(Protocol):
    """A body that is being read. `feed` returns its pieces; `is_over` once it ended, with what came after."""

    is_over: bool
    leftover: bytes

    def feed(self, data: bytes) -> Sequence[Piece]:
        """Raises `BrokenBody`."""
        ...

    def end(self) -> Sequence[Piece] | None:
        """The sender closed its connection: the last pieces, or None where that leaves the body unfinished."""
        ...


class LengthBody:
    """A body of a known length."""

    __slots__ = ("is_over", "leftover", "remaining")

    def __init__(self, length: int) -> None:
        self.remaining = length
        self.is_over = length == 0
        self.leftover = b""

    def feed(self, data: bytes) -> Sequence[Piece]:
        size = len(data)
        if size < self.remaining:
            self.remaining -= size
            return (data,)
        self.is_over = True
        if size == self.remaining:
            self.remaining = 0
            return (data,)
        end, self.remaining = self.remaining, 0
        self.leftover = data[end:]
        return (data[:end],) if end else ()

    def end(self) -> None:
        return None


class UntilCloseBody:
    """A response's body that ends with its connection (RFC 9112 section 6.3, number 8)."""

    __slots__ = ("is_over", "leftover")

    def __init__(self) -> None:
        self.is_over = False
        self.leftover = b""

    def feed(self, data: bytes) -> Sequence[Piece]:
        return (data,)

    def end(self) -> Sequence[Piece]:
        self.is_over = True
        return ()


class ChunkedBody:
    """The chunked coding, read strictly (RFC 9112 section 7.1): CRLF only, plain hex sizes, bounded lines.

    `extensions` says whether chunk extensions, and spaces behind a size, are ignored (responses) or refused (requests).
    Nobody uses them, but parsers read them differently, and attackers have smuggled requests through that difference.
    """

    __slots__ = ("_is_to_app", "_line", "_remaining", "_size", "_state", "is_over", "leftover", "trailers")

    def __init__(self, *, extensions: bool) -> None:
        self._is_to_app = not extensions
        self._size = _SIZE if extensions else _STRICT_SIZE
        self._state = self._read_size
        self._line = b""
        self._remaining = 0
        self.is_over = False
        self.leftover = b""
        self.trailers: list[bytes] = []
        """Trailer fields that may be passed on, as lines without CRLF."""

    def feed(self, data: bytes) -> Sequence[Piece]:
        pieces: list[Piece] = []
        if self._line:
            data, self._line = self._line + data, b""
        view = memoryview(data)
        at = 0
        while at >= 0 and not self.is_over:
            at = self._state(data, view, at, pieces)
        return pieces

    def end(self) -> None:
        return None

    # Each state returns where to read on, or -1 when it needs more bytes.

    def _read_size(self, data: bytes, view: memoryview, at: int, pieces: list[Piece]) -> int:
        end = data.find(b"\r\n", at, at + _MAX_SIZE_LINE)
        if end < 0:
            if len(data) - at >= _MAX_SIZE_LINE or b"\n" in data[at:]:
                raise BrokenBody("chunk size")
            self._line = data[at:]
            return -1
        match = self._size.fullmatch(data, at, end)
        if match is None or (size := int(match[1], 16)) > MAX_BODY_BYTES:
            raise BrokenBody("chunk size")
        self._remaining = size
        self._state = self._read_chunk if self._remaining else self._read_trailers
        return end + 2

    def _read_chunk(self, data: bytes, view: memoryview, at: int, pieces: list[Piece]) -> int:
        piece = view[at : at + self._remaining]
        if piece:
            pieces.append(piece)
            self._remaining -= len(piece)
        if self._remaining:
            return -1
        self._state = self._read_chunk_end
        return at + len(piece)

    def _read_chunk_end(self, data: bytes, view: memoryview, at: int, pieces: list[Piece]) -> int:
        end = data[at : at + 2]
        if not b"\r\n".startswith(end):
            raise BrokenBody("chunk end")
        if len(end) < 2:
            self._line = end
            return -1
        self._state = self._read_size
        return at + 2

    def _read_trailers(self, data: bytes, view: memoryview, at: int, pieces: list[Piece]) -> int:
        if data.startswith(b"\r\n", at):
            end = at + 2
        else:
            found = data.find(b"\r\n\r\n", at)
            if found < 0 and len(data) - at <= MAX_TRAILER_BYTES:
                if has_bare_lf(data[at:]):
                    raise BrokenBody("trailers")
                self._line = data[at:]
                return -1
            end = found + 4
            if found < 0 or end - at > MAX_TRAILER_BYTES:
                raise BrokenBody("trailers too large")
            self.trailers = parse_trailers(data[at:end], to_app=self._is_to_app)
        self.is_over = True
        self.leftover = data[end:]
        return end


class Rechunked:
    """A body of any framing, in the chunked coding: as it goes on to the other side."""

    __slots__ = ("_body", "is_over", "leftover")

    def __init__(self, body: Body) -> None:
        self._body = body
        self.is_over = False
        self.leftover = b""

    def feed(self, data: bytes) -> Sequence[Piece]:
        body = self._body
        framed: list[Piece] = []
        for piece in body.feed(data):
            framed += as_chunk(piece)
        if body.is_over:
            framed.append(last_chunk(body.trailers if isinstance(body, ChunkedBody) else ()))
            self.is_over, self.leftover = True, body.leftover
        return framed

    def end(self) -> Sequence[Piece] | None:
        if self._body.end() is None:
            return None
        self.is_over = True
        return (last_chunk(),)


class _Trailers:
    def __init__(self, *, to_app: bool) -> None:
        self.lines: list[bytes] = []
        self._to_app = to_app

    def on_header(self, name: bytes, value: bytes) -> None:
        if may_be_trailer(name, to_app=self._to_app):
            self.lines.append(name + b": " + value)


def parse_trailers(section: bytes, *, to_app: bool) -> list[bytes]:
    """The fields of a trailer section that may be passed on; raises `BrokenBody` if it is no list of fields."""
    trailers = _Trailers(to_app=to_app)
    try:
        httptools.HttpResponseParser(trailers).feed_data(b"HTTP/1.1 204 Trailers\r\n" + section)
    except httptools.HttpParserError as exc:
        raise BrokenBody("trailers") from exc
    return trailers.lines


def as_chunk(piece: Piece) -> tuple[Piece, ...]:
    """`piece`, which is not empty, as one chunk."""
    return (b"%x\r\n" % len(piece), piece, b"\r\n")


def last_chunk(trailers: Sequence[bytes] = ()) -> bytes:
    """The end of a chunked body."""
    return b"0\r\n" + b"".join(line + b"\r\n" for line in trailers) + b"\r\n"
