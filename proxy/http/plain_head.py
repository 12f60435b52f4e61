"""Plain request heads read line by line, most lines by a table of lines seen before; llhttp judges all others.

Plain is a head each of whose lines can be judged without the others: a common method, origin form, HTTP/1.1,
``Name: value`` without any liberty, no transfer coding, no upgrade, one length at the most. What is read of it here is
what `parse_request_head` would have read.
"""

from __future__ import annotations

import re

from proxy.http.field_names import PASSED_ON, PLAIN_LENGTH, PLAIN_LINE, RequestField, request_field
from proxy.http.head_reading import MAX_FIELDS, MAX_TARGET_BYTES, HeadReading, parse_request_head
from proxy.http.request_head import HeadFields, RequestHead

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
_PASS, _DROP = RequestField.PASS, RequestField.DROP
_LENGTH, _CONNECTION = RequestField.CONTENT_LENGTH, RequestField.CONNECTION
_NOT_PLAIN = (RequestField.TRANSFER_ENCODING, RequestField.UPGRADE)

JudgedLine = tuple[RequestField, bytes]
"""What a plain line stands for, and its value."""
seen_lines: dict[bytes, JudgedLine] = {}
"""What `_judge_line` said: like an `lru_cache`, for `_REPEATED` alone."""
_NO_LINES: dict[bytes, JudgedLine] = {}
_NO_FIELDS: dict[bytes, HeadFields] = {}


def read_head(
    raw: bytes, lines_before: dict[bytes, JudgedLine] = _NO_LINES, fields_by: dict[bytes, HeadFields] = _NO_FIELDS
) -> RequestHead:
    """Read a whole head, its empty line included, and note its `block` if it may be kept; raises `RefusedHead`.

    `lines_before` were judged before, and `fields_by` their shape were read before.
    """
    line, _, block = raw.partition(b"\r\n")
    match = PLAIN_REQUEST_LINE.fullmatch(line)
    if match is None:
        return parse_request_head(raw)
    method, target = match.groups()
    known_by = block if len(block) <= MOST_BLOCK_BYTES else b""
    lines = block[:-4].split(b"\r\n")
    if len(lines) > MAX_FIELDS:
        return parse_request_head(raw, known_by)
    passed: list[bytes] = []
    others: list[bytes] = []
    noted: list[JudgedLine] = []
    has_shape = bool(known_by)
    for line in lines:
        judged = lines_before.get(line) or seen_lines.get(line) or _judge_line(line)
        if judged is None:
            return parse_request_head(raw, known_by)
        field = judged[0]
        if field is _PASS:
            passed.append(line)
        elif field is not _DROP:
            if field in PASSED_ON:
                passed.append(line)
            elif field is _CONNECTION:
                has_shape = False  # it may name any of the others
            others.append(line)
            noted.append(judged)
    shape = b"\r\n".join(others) if has_shape else b""
    fields = fields_by.get(shape)
    if fields is not None:
        return RequestHead(method, target, tuple(passed), fields, known_by)
    reading = HeadReading(method, target, passed)
    for line, (field, value) in zip(others, noted, strict=True):
        if field is _LENGTH and field in reading.values:
            return parse_request_head(raw, known_by)
        reading.note(field, value, line)
    return reading.finish(shape=shape, block=known_by)


def judge_lines(block: bytes) -> dict[bytes, JudgedLine]:
    """What each plain line of a block stands for."""
    lines = ((line, seen_lines.get(line) or _judge_line(line)) for line in block[:-4].split(b"\r\n"))
    return {line: judged for line, judged in lines if judged is not None}


def _judge_line(line: bytes) -> JudgedLine | None:
    """What a line stands for, with its value; None: not plain."""
    match = PLAIN_LINE.fullmatch(line)
    if match is None:
        return None
    name, value = match.groups()
    field = request_field(name)
    if field in _NOT_PLAIN or (field is RequestField.CONTENT_LENGTH and PLAIN_LENGTH.fullmatch(value) is None):
        return None
    if field is RequestField.CONNECTION and value.lower() == b"keep-alive":
        field = _DROP  # HTTP/1.1 does that anyway
    judged = field, value
    if len(line) <= MOST_LINE_BYTES and _REPEATED.fullmatch(name) is not None:
        if len(seen_lines) >= MOST_LINES:
            seen_lines.clear()
        seen_lines[line] = judged
    return judged
