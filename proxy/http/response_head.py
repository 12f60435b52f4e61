"""An upstream's response head, read strictly and rewritten for the client: pure.

Most heads are plain and repeat most of their lines: those are judged line by line, by a table of lines seen before.
Whatever is not plain is read by llhttp (through httptools), whose judgement is the rule for both.
"""

from __future__ import annotations

import re
from functools import lru_cache

import httptools

from proxy.http.bodies import Body, ChunkedBody, LengthBody, UntilCloseBody
from proxy.http.field_names import PLAIN_LENGTH, PLAIN_LINES, ResponseField, response_field
from proxy.http.head_reading import MAX_BODY_BYTES, has_bare_lf
from proxy.http.reserved import COOKIES

MAX_FIELDS = 200
MAX_RESPONSE_HEAD_BYTES = 64 * 1024
_RESERVED_COOKIES = frozenset(name.lower() for name in COOKIES)
_START = b"HTTP/1."
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) +([1-9][0-9]{2})(?: ([\t \x21-\x7e\x80-\xff]*))?")
_CONTROLS = bytes(c for c in range(128) if (c < 32 and c not in b"\0\t\n\r") or c == 127)
_CONTROLS_TO_BLANKS = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_PASS, _DROP = ResponseField.PASS, ResponseField.DROP
_REPEATED = frozenset(
    (
        *(b"accept-ranges", b"age", b"alt-svc", b"cache-control", b"connection", b"content-encoding"),
        *(b"content-language", b"content-length", b"content-security-policy", b"content-type", b"date"),
        *(b"expires", b"keep-alive", b"last-modified", b"pragma", b"referrer-policy", b"server"),
        *(b"strict-transport-security", b"transfer-encoding", b"vary", b"x-content-type-options"),
        *(b"x-frame-options", b"x-powered-by", b"x-xss-protection"),
    )
)
"""Fields whose lines are worth remembering and hold nothing about a person."""
MOST_LINES = 2048
"""How many lines are remembered; then all are forgotten."""
MOST_LINE_BYTES = 256
MOST_NAME_BYTES = 64


class BrokenResponse(Exception):
    """The upstream did not send an HTTP/1 response that can be passed on."""


class ResponseHead:
    """What an upstream answers, and the fields that go on to the client as they are. Filled once by the parser."""

    __slots__ = (
        "_may_set_reserved_cookies", "_named", "_transfer_encoding", "closes", "content_length", "is_chunked",
        "is_http_1_1", "lines", "sets_transport_security", "status", "status_line", "upgrade",
    )  # fmt: skip

    status: int
    status_line: bytes
    """As the client gets it, without CRLF."""
    is_http_1_1: bool

    def __init__(self, may_set_reserved_cookies: bool) -> None:
        self.lines: list[bytes] = []
        """``Name: value`` without CRLF, in the order sent, without hop-by-hop and framing fields."""
        self.content_length: int | None = None
        self.is_chunked = False
        self.closes = False
        self.upgrade: bytes | None = None
        self.sets_transport_security = False
        """Whether the app says itself how long its host is https only."""
        self._named: frozenset[bytes] = frozenset()
        self._transfer_encoding: bytes | None = None
        self._may_set_reserved_cookies = may_set_reserved_cookies

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser for each field; must not raise."""
        field = response_field(name)
        if field is _PASS:
            self.lines.append(name + b": " + value)
        else:
            self._note(field, name, value)

    def _note(self, field: ResponseField, name: bytes, value: bytes) -> None:
        match field:
            case ResponseField.CONTENT_LENGTH:
                self.content_length = int(value)
            case ResponseField.CONNECTION:
                tokens = frozenset(token.strip(b" \t") for token in value.lower().split(b","))
                self.closes = self.closes or b"close" in tokens
                self._named |= tokens - {b"close", b"keep-alive", b"upgrade"}
            case ResponseField.SET_COOKIE:
                if self._may_set_reserved_cookies or not sets_reserved_cookie(value):
                    self.lines.append(name + b": " + value)
            case ResponseField.CLEAR_SITE_DATA:
                kept = value if self._may_set_reserved_cookies else clear_site_data_without_cookies(value)
                if kept:
                    self.lines.append(name + b": " + kept)
            case ResponseField.TRANSFER_ENCODING:
                sent = self._transfer_encoding
                self._transfer_encoding = value.rstrip(b" \t") if sent is None else sent + b"," + value
            case ResponseField.UPGRADE:
                self.upgrade = value
            case ResponseField.TRANSPORT_SECURITY:
                self.sets_transport_security = True
                self.lines.append(name + b": " + value)
            case _:  # DROP
                pass

    def finish(self) -> None:
        """Judge what the fields say together; raises `BrokenResponse`."""
        if self.content_length is not None and self.content_length > MAX_BODY_BYTES:
            raise BrokenResponse("length")
        if self._transfer_encoding is not None:
            # A further coding below chunked cannot be undone here, and we may not name it to the client.
            if self._transfer_encoding.lower() != b"chunked" or not self.is_http_1_1:
                raise BrokenResponse("transfer coding")
            self.is_chunked = True
        if self._named:
            self.lines = [line for line in self.lines if line.partition(b":")[0].lower() not in self._named]

    def ends_with(self, data: bytes, method: bytes) -> bool:
        """Whether its answer to `method` is this and no more, and neither is empty. Then nothing has to be framed."""
        return (
            0 < len(data) == self.content_length
            and not self.is_chunked
            and method != b"HEAD"
            and self.status not in (204, 304)
        )

    def body(self, method: bytes) -> Body:
        """How the body of this answer to `method` ends (RFC 9112 section 6.3)."""
        if method == b"HEAD" or self.status in (204, 304):
            return LengthBody(0)
        if self.is_chunked:
            return ChunkedBody(extensions=True)
        if self.content_length is not None:
            return LengthBody(self.content_length)
        return UntilCloseBody()


seen_lines: dict[bytes, ResponseField | int] = {}
"""What plain lines stand for, a length as its number: like an `lru_cache`, for `_REPEATED` alone."""
passing_names: set[bytes] = set()
"""Names of other fields that are passed on, whatever they say; as bounded."""


def _judge_line(line: bytes) -> ResponseField | int | None:
    """What a plain line stands for; None: it needs a second look."""
    name, _, value = line.partition(b": ")
    field: ResponseField | int = response_field(name)
    if field is ResponseField.CONTENT_LENGTH:
        if PLAIN_LENGTH.fullmatch(value) is None:
            return None
        field = int(value)
    elif field is ResponseField.UPGRADE:
        return None
    elif field is ResponseField.CONNECTION and value.lower() == b"keep-alive":
        field = _DROP
    if len(line) <= MOST_LINE_BYTES and name.lower() in _REPEATED:
        if len(seen_lines) >= MOST_LINES:
            seen_lines.clear()
        seen_lines[line] = field
    elif field is _PASS and len(name) <= MOST_NAME_BYTES:
        if len(passing_names) >= MOST_LINES:
            passing_names.clear()
        passing_names.add(name)
    return field


def _is_read_plainly(head: ResponseHead, raw: bytes) -> bool:
    """Take a whole head in, if that needs no second look."""
    lines = raw[:-4].split(b"\r\n")
    first = lines.pop(0)
    if len(lines) > MAX_FIELDS:
        raise BrokenResponse("number of fields")
    head.is_http_1_1, head.status, head.status_line = _status_line(first)
    if head.status < 200:
        return False
    passed = head.lines
    are_plain = False
    length: int | None = None
    for line in lines:
        field = seen_lines.get(line)
        if field is None:
            if not are_plain:
                if PLAIN_LINES.fullmatch(raw, len(first)) is None:
                    return False
                are_plain = True
            field = _PASS if line[: line.find(b":")] in passing_names else _judge_line(line)
        if field is _PASS:
            passed.append(line)
        elif field is _DROP:
            pass
        elif type(field) is int:
            if length is not None:
                return False
            length = field
        elif isinstance(field, ResponseField):
            name, _, value = line.partition(b": ")
            head._note(field, name, value)
        else:
            return False
    head.content_length = length
    # Two framing fields together have more to judge.
    return head._transfer_encoding is None or length is None


@lru_cache(maxsize=256)
def _status_line(line: bytes) -> tuple[bool, int, bytes]:
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise BrokenResponse("status line")
    return match[1] == b"1", int(match[2]), b"HTTP/1.1 " + match[2] + b" " + (match[3] or b"")


def parse_response_head(raw: bytes, may_set_reserved_cookies: bool = False) -> ResponseHead:
    """Read a whole head, its empty line included; raises `BrokenResponse`."""
    head = ResponseHead(may_set_reserved_cookies)
    if not _is_read_plainly(head, raw):
        head = read_by_llhttp(raw, may_set_reserved_cookies=may_set_reserved_cookies)
        head.finish()
    elif head._transfer_encoding is not None or head._named:
        head.finish()
    return head


def check_begun(data: bytes) -> None:
    """Raise `BrokenResponse` if the bytes so far cannot become a head, so that nobody waits for its end."""
    if len(data) > MAX_RESPONSE_HEAD_BYTES:
        raise BrokenResponse("head too large")
    if data[: len(_START)] != _START[: len(data)]:
        raise BrokenResponse("status line")
    if has_bare_lf(data):
        raise BrokenResponse("line end")


def read_by_llhttp(raw: bytes, *, may_set_reserved_cookies: bool) -> ResponseHead:
    """Read any head; raises `BrokenResponse`. What is read line by line has to come out as it does here."""
    head = ResponseHead(may_set_reserved_cookies=may_set_reserved_cookies)
    line, _, fields = raw.partition(b"\r\n")
    head.is_http_1_1, head.status, head.status_line = _status_line(line)
    try:
        httptools.HttpResponseParser(head).feed_data(
            line[:8] + b" %d\r\n" % head.status + _with_blanks_for_controls(fields)
        )
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as exc:
        raise BrokenResponse("head") from exc  # a 101 that names no protocol ends here, too
    return head


def _with_blanks_for_controls(fields: bytes) -> bytes:
    """Control characters in the value of a field that is only passed on become blanks (RFC 9110 section 5.5).

    Everywhere else they stay, to be refused; so does the blank that one in a name becomes.
    """
    if len(fields.translate(None, _CONTROLS)) == len(fields):
        return fields
    return b"\r\n".join(
        line.translate(_CONTROLS_TO_BLANKS) if response_field(line.partition(b":")[0]) is _PASS else line
        for line in fields.split(b"\r\n")
    )


def head_for_client(head: ResponseHead, is_chunked: bool = False, connection: bytes | None = None) -> bytes:
    """The head as the client gets it: whether its body goes on in chunks, and our own ``Connection`` value, if any."""
    out = [head.status_line, *head.lines]
    if is_chunked:
        out.append(b"Transfer-Encoding: chunked")
    elif head.content_length is not None and head.status >= 200 and head.status != 204:
        out.append(b"Content-Length: %d" % head.content_length)
    if connection is not None:
        out.append(b"Connection: " + connection)
    out.append(b"\r\n")
    return b"\r\n".join(out)


def sets_reserved_cookie(value: bytes) -> bool:
    """Whether a ``Set-Cookie`` value would set or clear one of Gatepost's cookies.

    A cookie without a name (``=gatepost=x``) is sent back by browsers as ``gatepost=x``, so its value counts too.
    """
    pair = value.partition(b";")[0]
    name, _, rest = pair.partition(b"=")
    if not name.strip():
        name = rest.partition(b"=")[0]
    return name.strip().lower() in _RESERVED_COOKIES


def clear_site_data_without_cookies(value: bytes) -> bytes:
    """A ``Clear-Site-Data`` value that leaves cookies alone: an app must not sign the person out of Gatepost."""
    kept = [part for part in value.split(b",") if part.strip().lower() not in (b'"cookies"', b'"*"')]
    return b",".join(kept).strip(b" \t")
