"""An independent, strict reading of HTTP/1.1 requests, with no code in common with the plane's own."""

from __future__ import annotations

import re
from dataclasses import dataclass

_START = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/1\.([01])")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,16}")


class Malformed(Exception):
    """No request that one may rely on."""


class Incomplete(Exception):
    """More bytes are needed."""


@dataclass(frozen=True, slots=True)
class Request:
    method: bytes
    target: bytes
    """In origin form."""
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes
    is_last: bool

    @property
    def what(self) -> tuple[bytes, bytes, bytes]:
        return self.method, self.target, self.body


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    end = data.find(b"\r\n", at)
    if end < 0:
        raise Incomplete
    return data[at:end], end + 2


def _fields(data: bytes, at: int) -> tuple[list[tuple[bytes, bytes]], int]:
    fields = []
    while True:
        line, at = _line(data, at)
        if not line:
            return fields, at
        match = _FIELD.fullmatch(line)
        if match is None:
            raise Malformed(line)
        fields.append((match[1], match[2].rstrip(b" \t")))


def _take(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if len(data) - at < size:
        raise Incomplete
    return data[at : at + size], at + size


def _chunked(data: bytes, at: int) -> tuple[bytes, int]:
    body = b""
    while True:
        line, at = _line(data, at)
        if _CHUNK_SIZE.fullmatch(line) is None:
            raise Malformed(line)
        size = int(line, 16)
        if size == 0:
            _, at = _fields(data, at)
            return body, at
        piece, at = _take(data, at, size)
        end, at = _take(data, at, 2)
        if end != b"\r\n":
            raise Malformed(end)
        body += piece


def read_request(data: bytes, at: int = 0) -> tuple[Request, int]:
    """The request that begins at `at`, and where the next one begins."""
    start, at = _line(data, at)
    match = _START.fullmatch(start)
    if match is None:
        raise Malformed(start)
    method, target, minor = match[1], match[2], match[3]
    fields, at = _fields(data, at)

    def values(name: bytes) -> list[bytes]:
        return [value for key, value in fields if key.lower() == name]

    if len(values(b"host")) != 1:
        raise Malformed("Host")
    lengths, codings = values(b"content-length"), values(b"transfer-encoding")
    body = b""
    if codings:
        if lengths or minor == b"0" or [coding.lower() for coding in codings] != [b"chunked"]:
            raise Malformed("framing")
        body, at = _chunked(data, at)
    elif lengths:
        if len(lengths) != 1 or not re.fullmatch(rb"[0-9]+", lengths[0]):
            raise Malformed("framing")
        body, at = _take(data, at, int(lengths[0]))
    absolute = re.fullmatch(rb"https?://[^/?]*(.*)", target, re.IGNORECASE)
    if absolute:
        target = absolute[1] if absolute[1].startswith(b"/") else b"/" + absolute[1]
    tokens = {token.strip(b" \t") for value in values(b"connection") for token in value.lower().split(b",")}
    is_last = b"close" in tokens or (minor == b"0" and b"keep-alive" not in tokens)
    return Request(method, target, tuple(fields), body, is_last), at


def read_requests(data: bytes) -> tuple[list[Request], str]:
    """All requests, and why there are no more: ``end``, ``incomplete``, ``malformed`` or ``last``."""
    requests: list[Request] = []
    at = 0
    while at < len(data):
        if data.startswith(b"\r\n", at):
            at += 2
        if at >= len(data):
            break
        try:
            request, at = read_request(data, at)
        except Malformed:
            return requests, "malformed"
        except Incomplete:
            return requests, "incomplete"
        requests.append(request)
        if request.is_last:
            return requests, "last"
    return requests, "end"
