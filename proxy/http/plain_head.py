"""Plain request heads read line by line, most lines by a table of lines seen before; llhttp judges all others.

Plain is a head each of whose lines can be judged without the others: a common method, origin form, HTTP/1.1,
``Name: value`` without any liberty, no transfer coding, no upgrade, one length at the most. What is read of it here is
what `parse_request_head` would have read.
"""

from __future__ import annotations

import re

from proxy.http.field_names import PLAIN_LENGTH, PLAIN_LINE, RequestField, request_field
from proxy.http.head_reading import MAX_FIELDS, MAX_TARGET_BYTES, HeadReading, parse_request_head
from proxy.http.request_head import RequestHead

MOST_BLOCK_BYTES = 4096
PLAIN_REQUEST_LINE = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|PROPFIND|REPORT|SEARCH) "
    rb'(/[!-"$-~]{0,%d}) HTTP/1\.1' % (MAX_TARGET_BYTES - 1)
)
"""Request lines that are judged without the fields, and the fields without them."""

_REPEATED = re.compile(
    rb"accept(-.+)?|cache-control|connection|content-type|dnt|host|origin|pragma|priority|sec-.+|te"
    rb"|upgrade-insecure-requests|user-agent|x-requested-with",
    re.IGNORECASE,
)
"""Fields whose lines are worth remembering and are the same for many persons."""
MOST_LINES = 2048
"""How many lines are remembered; then all are forgotten."""
MOST_LINE_BYTES = 256
_PASS, _DROP, _LENGTH = RequestField.PASS, RequestField.DROP, RequestField.CONTENT_LENGTH
_NOT_PLAIN = (RequestField.TRANSFER_ENCODING, RequestField.UPGRADE)

_Line = tuple[RequestField, bytes, bytes]
seen_lines: dict[bytes, _Line] = {}
"""What `_judge_line` said: like an `lru_cache`, for `_REPEATED` alone."""


def read_head(raw: bytes) -> RequestHead:
    """Read a whole head, its empty line included, and note its `block` if it may be kept; raises `RefusedHead`."""
    line, _, block = raw.partition(b"\r\n")
    match = PLAIN_REQUEST_LINE.fullmatch(line)
    if match is None:
        return parse_request_head(raw)
    known_by = block if len(block) <= MOST_BLOCK_BYTES else b""
    reading = HeadReading(*match.groups())
    if _is_read_plainly(reading, block[:-4].split(b"\r\n")):
        return reading.finish(known_by)
    return parse_request_head(raw, known_by)


def _is_read_plainly(reading: HeadReading, lines: list[bytes]) -> bool:
    """Take `lines` in, if they need no second look."""
    if len(lines) > MAX_FIELDS:
        return False
    passed = reading.lines.append
    seen = seen_lines.get
    for line in lines:
        judged = seen(line) or _judge_line(line)
        if judged is None:
            return False
        field = judged[0]
        if field is _PASS:
            passed(line)
        elif field is _LENGTH and reading.content_length is not None:
            return False
        elif field is not _DROP:
            reading.note(*judged)
    return True


def _judge_line(line: bytes) -> _Line | None:
    """What a line stands for, with its name and value; None: not plain."""
    match = PLAIN_LINE.fullmatch(line)
    if match is None:
        return None
    name, value = match.groups()
    field = request_field(name)
    if field in _NOT_PLAIN or (field is RequestField.CONTENT_LENGTH and PLAIN_LENGTH.fullmatch(value) is None):
        return None
    if field is RequestField.CONNECTION and value.lower() == b"keep-alive":
        field = _DROP  # HTTP/1.1 does that anyway
    judged = field, name, value
    if len(line) <= MOST_LINE_BYTES and _REPEATED.fullmatch(name) is not None:
        if len(seen_lines) >= MOST_LINES:
            seen_lines.clear()
        seen_lines[line] = judged
    return judged
