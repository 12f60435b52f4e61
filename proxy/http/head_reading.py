"""A request's head, read strictly: pure, from the bytes up to and with the empty line to a `RequestHead` or a refusal.

llhttp (through httptools) refuses bare CR and LF, folded lines, blanks before a colon, forbidden signs, and
Content-Length or Transfer-Encoding given twice, together or malformed. What it lets through and we do not is
checked here: the version, blanks and empty lines around the request line, other transfer codings, Host.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import cast

import httptools

from proxy.http.field_names import RequestField, request_field
from proxy.http.problem import Problem
from proxy.http.request_head import HeadFields, RefusedHead, RequestHead
from proxy.http.reserved import MAX_RETURN_TARGET_BYTES, PREFIX

MAX_FIELDS = 100
MAX_TARGET_BYTES = 16 * 1024
MAX_OWN_TARGET_BYTES = 3 * MAX_RETURN_TARGET_BYTES + 2048
"""Of Gatepost's own pages, which carry where a sign-in leads back to: escaped, a byte may become three."""
MAX_BODY_BYTES = 2**63 - 1
"""What an upstream that counts in signed 64 bits can take: a longer one may become another length there."""

_PREFIX = PREFIX.encode("ascii")
_AUTHORITY = re.compile(rb"([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{0,5})?")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_PROTOCOL = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+(/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?")
"""RFC 9110 section 7.8: a name and perhaps a version, both tokens."""
_CARRIES_REQUESTS = (b"h2", b"h3", b"http", b"spdy", b"tls")
"""What the names of protocols begin with that would carry requests which nobody judged."""
_OTHER_VERSION = re.compile(rb"HTTP/[1-9]\.[0-9]")
_PASS = RequestField.PASS
# Bound once: the lookup of an enum's member by its name costs more than the comparison.
_HOST = RequestField.HOST
_COOKIE = RequestField.COOKIE
_ACCEPT = RequestField.ACCEPT
_FETCH_MODE = RequestField.FETCH_MODE
_FETCH_DEST = RequestField.FETCH_DEST
_CONTENT_LENGTH = RequestField.CONTENT_LENGTH
_TRANSFER_ENCODING = RequestField.TRANSFER_ENCODING
_CONNECTION = RequestField.CONNECTION
_UPGRADE = RequestField.UPGRADE
_EXPECT = RequestField.EXPECT
_TE = RequestField.TE
_HOLD = RequestField.HOLD
_AUTHORIZATION = RequestField.AUTHORIZATION
_FORWARDED_FOR = RequestField.FORWARDED_FOR
_FORWARDED_PROTO = RequestField.FORWARDED_PROTO
_FORWARDED_HOST = RequestField.FORWARDED_HOST
_FORWARDED = RequestField.FORWARDED
_set = object.__setattr__

_NOTHING_READ: dict[str, object] = {
    **dict.fromkeys(("method", "target", "lines", "host", "host_field", "block"), b""),
    **dict.fromkeys(("cookie", "content_length", "upgrade", "authorization", "accept", "fetch_mode", "fetch_dest")),
    **dict.fromkeys(("held", "withdrawn", "forwarded_for", "forwarded_proto", "forwarded_host", "forwarded"), ()),
    **dict.fromkeys(("is_chunked", "names_http", "expects_continue", "accepts_trailers"), False),
    **dict.fromkeys(("is_http_1_1", "keeps_alive"), True),
    # While it is read.
    **dict.fromkeys(("_upgrade", "_transfer_encoding", "_expect")),
    "_hosts": 0,
    "_connection": b"",
}
"""A head before its first line.

Python shares the keys of the dictionaries of a class's instances. It adds to such a dictionary slowly, and finds
attributes in a copy of one the slow way. A copy of this one has keys of its own, and nothing is ever added to it.
"""


class HeadReading(HeadFields):
    """A head while it is read, field by field; `finish` gives what became of it, and then it is over."""

    lines: list[bytes]
    _hosts: int
    _connection: bytes
    _upgrade: bytes | None
    _transfer_encoding: bytes | None
    _expect: bytes | None

    def __init__(self, method: bytes, target: bytes, *, is_http_1_1: bool = True) -> None:
        self.__dict__ = _NOTHING_READ.copy()
        self.method = method
        self.target = target
        self.lines = []
        self.is_http_1_1 = is_http_1_1

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser for each field; must not raise."""
        field = request_field(name)
        if field is _PASS:
            self.lines.append(name + b": " + value)
        else:
            self.note(field, name, value)

    def note(self, field: RequestField, name: bytes, value: bytes) -> None:
        """Take in a field that is more than passed on."""
        if field is _HOST:
            self._hosts += 1
            self.host_field = value.rstrip(b" \t")
        elif field is _COOKIE:
            # RFC 6265 wants one field, HTTP/2 front proxies may send several: they are joined as one would be.
            self.cookie = value if self.cookie is None else self.cookie + b"; " + value
        elif field is _ACCEPT:
            self.accept = value if self.accept is None else self.accept + b", " + value
            self.lines.append(name + b": " + value)
        elif field is _FETCH_MODE:
            self.fetch_mode = value.rstrip(b" \t")
            self.lines.append(name + b": " + value)
        elif field is _FETCH_DEST:
            self.fetch_dest = value.rstrip(b" \t")
            self.lines.append(name + b": " + value)
        elif field is _HOLD:
            self.held += (name + b": " + value,)
        elif field is _CONTENT_LENGTH:
            # llhttp accepted it: one field, digits only, perhaps blanks after them.
            self.content_length = int(value)
        elif field is _TRANSFER_ENCODING:
            sent = self._transfer_encoding
            self._transfer_encoding = value.rstrip(b" \t") if sent is None else sent + b"," + value
        elif field is _CONNECTION:
            self._connection = self._connection + b"," + value if self._connection else value
        elif field is _UPGRADE:
            self._upgrade = value.rstrip(b" \t") if self._upgrade is None else self._upgrade + b", " + value
        elif field is _EXPECT:
            self._expect = value.rstrip(b" \t")
        elif field is _TE:
            self.accepts_trailers = b"trailers" in value.lower()
        elif field is _AUTHORIZATION:
            # Twice, it is no credential any more: servers would read it in different ways.
            self.authorization = value if self.authorization is None else self.authorization + b", " + value
        elif field is _FORWARDED_FOR:
            self.forwarded_for += (value,)
        elif field is _FORWARDED_PROTO:
            self.forwarded_proto += (value,)
        elif field is _FORWARDED_HOST:
            self.forwarded_host += (value,)
        elif field is _FORWARDED:
            self.forwarded += (value,)

    def finish(self, block: bytes = b"") -> RequestHead:
        """Judge what the fields say together; raises `RefusedHead`. `block`: see `HeadFields`."""
        if self._hosts != 1:
            raise RefusedHead(Problem.MALFORMED_REQUEST, "not exactly one Host")
        self.host = host_name(self.host_field)
        if self.content_length is not None and self.content_length > MAX_BODY_BYTES:
            raise RefusedHead(Problem.BODY_TOO_LARGE, "length")
        if self.target[:1] != b"/" or b"#" in self.target:
            self._judge_target()
        if self._transfer_encoding is not None:
            self._judge_transfer_encoding(self._transfer_encoding)
        if self._expect is not None:
            if self._expect.lower() != b"100-continue":
                raise RefusedHead(Problem.NOT_IMPLEMENTED, "expectation")
            # RFC 9110 section 10.1.1: from an HTTP/1.0 client it is ignored.
            self.expects_continue = self.is_http_1_1
        # Unless it asks for keep-alive, which `_judge_connection` sees.
        if not self.is_http_1_1:
            self.keeps_alive = False
        if self._connection or self._upgrade is not None:
            self._judge_connection()
        if block:
            self.block = block
        self.__dict__["lines"] = tuple(self.lines)
        # The reading is over, and is the head from now on: nothing has to be copied.
        _set(self, "__class__", RequestHead)
        return cast(RequestHead, self)

    def _judge_target(self) -> None:
        """RFC 9112 section 3.2: origin form, absolute form (to the host that Host names), ``*`` for OPTIONS."""
        if b"#" in self.target:
            raise RefusedHead(Problem.MALFORMED_REQUEST, "fragment in the target")
        if self.target == b"*" and self.method == b"OPTIONS":
            return
        authority, target = split_absolute(self.target)
        if authority is None:
            raise RefusedHead(Problem.MALFORMED_REQUEST, "form of the target")
        if host_name(authority) != self.host:
            raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "target and Host differ")
        self.target = target

    def _judge_transfer_encoding(self, value: bytes) -> None:
        if not self.is_http_1_1:
            raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "Transfer-Encoding in HTTP/1.0")
        if value.lower() != b"chunked":
            raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "transfer coding")
        self.is_chunked = True

    def _judge_connection(self) -> None:
        """RFC 9110 section 7.6.1: fields named here go no further. Ours are added later and cannot be named."""
        named = {token.strip(b" \t") for token in self._connection.lower().split(b",")}
        if b"close" in named:
            self.keeps_alive = False
        elif b"keep-alive" in named:
            self.keeps_alive = True
        if self._upgrade is not None:
            protocols = protocols_in(self._upgrade)
            # What one server passes over as malformed, another takes for the protocol that it looks like.
            if not protocols or any(_PROTOCOL.fullmatch(protocol) is None for protocol in protocols):
                raise RefusedHead(Problem.MALFORMED_REQUEST, "upgrade")
            self.names_http = any(protocol.startswith(_CARRIES_REQUESTS) for protocol in protocols)
            if b"upgrade" in named and self.is_http_1_1 and not self.has_body and not self.names_http:
                self.upgrade = self._upgrade
        if len(named) > 1 or not named <= {b"close", b"keep-alive", b"upgrade"}:
            self.lines = [line for line in self.lines if line.partition(b":")[0].lower() not in named]
            if self.held:
                self.withdrawn = tuple(line for line in self.held if line.partition(b":")[0].lower() in named)
                self.held = tuple(line for line in self.held if line not in self.withdrawn)
            if b"authorization" in named:
                self.authorization = None


def has_bare_lf(data: bytes) -> bool:
    """Whether an LF stands without its CR (RFC 9112 section 2.2); `data` begins at the start of a line.

    A head or a trailer section ends with CRLF CRLF. One with a bare LF never gets there, and would be waited for in
    vain.
    """
    return data.count(b"\n") != data.count(b"\r\n")


def protocols_in(upgrade: bytes) -> list[bytes]:
    """The protocols that an ``Upgrade`` value names, in lower case."""
    return [name for protocol in upgrade.split(b",") if (name := protocol.strip(b" \t").lower())]


def split_absolute(target: bytes) -> tuple[bytes | None, bytes]:
    """The authority that a target in absolute form names, and its origin form; None and the target where it is not."""
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return None, target
    return absolute[1], absolute[2] if absolute[2][:1] == b"/" else b"/" + absolute[2]


@lru_cache(maxsize=1024)
def host_name(authority: bytes) -> bytes:
    """The host of ``host[:port]`` as it is compared: lower case, no port, no trailing dot; raises `RefusedHead`."""
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise RefusedHead(Problem.MALFORMED_REQUEST, "host")
    return match[1].lower().removesuffix(b".")


def parse_request_head(raw: bytes, block: bytes = b"") -> RequestHead:
    """Read a whole head, its empty line included; raises `RefusedHead`. `block`: what the head is to be known by."""
    first = raw[: raw.find(b"\r\n")]
    line = first.split(b" ")
    # llhttp passes over line ends before the method, and takes "GET /" and LF for a whole line of HTTP/0.9: what
    # stands behind it would go on within our target, and be a field of its own to an upstream that takes a bare LF.
    if len(line) != 3 or b"\n" in first or b"\r" in first:
        raise RefusedHead(Problem.MALFORMED_REQUEST, "request line")
    method, target, version = line
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        is_other = _OTHER_VERSION.fullmatch(version) is not None
        raise RefusedHead(Problem.VERSION_NOT_SUPPORTED if is_other else Problem.MALFORMED_REQUEST, "version")
    if len(target) > MAX_TARGET_BYTES and (len(target) > MAX_OWN_TARGET_BYTES or not target.startswith(_PREFIX)):
        raise RefusedHead(Problem.TARGET_TOO_LONG, "target")
    if raw.count(b"\r\n") > MAX_FIELDS + 2:
        raise RefusedHead(Problem.HEAD_TOO_LARGE, "number of fields")
    # Nobody needs TRACE: it would show what a proxy in between, or we, have added to a request.
    if method in (b"CONNECT", b"TRACE"):
        raise RefusedHead(Problem.NOT_IMPLEMENTED, method.decode("ascii"))
    reading = HeadReading(method, target, is_http_1_1=version == b"HTTP/1.1")
    try:
        httptools.HttpRequestParser(reading).feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserInvalidMethodError as exc:
        raise RefusedHead(Problem.NOT_IMPLEMENTED, "method") from exc
    except httptools.HttpParserError as exc:
        raise RefusedHead(Problem.MALFORMED_REQUEST, "head") from exc
    return reading.finish(block)
