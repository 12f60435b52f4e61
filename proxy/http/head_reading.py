"""A request's head, read strictly: pure, from the bytes up to and with the empty line to a `RequestHead` or a refusal.

llhttp (through httptools) refuses bare CR and LF, folded lines, blanks before a colon, forbidden signs, and
Content-Length or Transfer-Encoding given twice, together or malformed. What it lets through and we do not is
checked here: the version, blanks and empty lines around the request line, other transfer codings, Host.
"""

from __future__ import annotations

import re
from functools import lru_cache

import httptools

from proxy.http.field_names import PASSED_ON, RequestField, request_field
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
_ABOUT_THE_CONNECTION = frozenset((b"close", b"keep-alive", b"upgrade"))
_OTHER_VERSION = re.compile(rb"HTTP/[1-9]\.[0-9]")
# Bound once: the lookup of an enum's member by its name costs more than the comparison.
_PASS, _DROP, _HOLD = RequestField.PASS, RequestField.DROP, RequestField.HOLD


class HeadReading:
    """A head while it is read, field by field; `finish` gives what became of it."""

    def __init__(self, method: bytes, target: bytes, lines: list[bytes], *, is_http_1_1: bool = True) -> None:
        """`lines`: what is known to be passed on."""
        self._method = method
        self._target = target
        self._is_http_1_1 = is_http_1_1
        self._lines = lines
        self.values: dict[RequestField, list[bytes]] = {}
        """Of fields that are more than passed on or dropped. Held ones are whole lines."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser for each field; must not raise."""
        field, line = request_field(name), name + b": " + value
        if field in PASSED_ON:
            self._lines.append(line)
        if field is not _PASS and field is not _DROP:
            self.note(field, value, line)

    def note(self, field: RequestField, value: bytes, line: bytes) -> None:
        """Take in a field that is more than passed on."""
        if field is _HOLD:
            value = line
        if field in self.values:
            self.values[field].append(value)
        else:
            self.values[field] = [value]

    def finish(self, *, shape: bytes = b"", block: bytes = b"") -> RequestHead:
        """Judge what the fields say together; raises `RefusedHead`. The head is given `shape` and `block`."""
        hosts = self.values.get(RequestField.HOST, ())
        if len(hosts) != 1:
            raise RefusedHead(Problem.MALFORMED_REQUEST, "not exactly one Host")
        host_field = hosts[0].rstrip(b" \t")
        host = host_name(host_field)
        # llhttp accepted it: one field, digits only, perhaps blanks after them.
        lengths = self.values.get(RequestField.CONTENT_LENGTH)
        content_length = None if lengths is None else int(lengths[0])
        if content_length is not None and content_length > MAX_BODY_BYTES:
            raise RefusedHead(Problem.BODY_TOO_LARGE, "length")
        target = self._target
        if target[:1] != b"/" or b"#" in target:
            target = self._judged_target(host)
        is_chunked = self._is_chunked()
        expectation = self._last(RequestField.EXPECT)
        if expectation is not None and expectation.lower() != b"100-continue":
            raise RefusedHead(Problem.NOT_IMPLEMENTED, "expectation")
        upgrade = self._joined(RequestField.UPGRADE, b", ")
        protocols = _judged_protocols(upgrade)
        names_http = any(protocol.startswith(_CARRIES_REQUESTS) for protocol in protocols)
        named = self._named_by_connection()
        keeps_alive = b"close" not in named and (self._is_http_1_1 or b"keep-alive" in named)
        has_body = is_chunked or bool(content_length)
        if b"upgrade" not in named or not self._is_http_1_1 or has_body or names_http:
            upgrade = None
        lines, held = self._lines, self.values.get(_HOLD, [])
        withdrawn: list[bytes] = []
        authorization = self._joined(RequestField.AUTHORIZATION, b", ")
        if len(named) > 1 or not named <= _ABOUT_THE_CONNECTION:
            # RFC 9110 section 7.6.1: fields named here go no further. Ours are added later and cannot be named.
            lines = [line for line in lines if _name(line) not in named]
            withdrawn = [line for line in held if _name(line) in named]
            held = [line for line in held if line not in withdrawn]
            authorization = None if b"authorization" in named else authorization
        fields = HeadFields(
            host=host,
            host_field=host_field,
            held=tuple(held),
            withdrawn=tuple(withdrawn),
            names_http=names_http,
            # RFC 9110 section 10.1.1: from an HTTP/1.0 client it is ignored.
            expects_continue=expectation is not None and self._is_http_1_1,
            accepts_trailers=b"trailers" in (self._last(RequestField.TE) or b"").lower(),
            # Twice, it is no credential any more: servers would read it in different ways.
            authorization=authorization,
            accept=self._joined(RequestField.ACCEPT, b", "),
            fetch_mode=self._last(RequestField.FETCH_MODE),
            fetch_dest=self._last(RequestField.FETCH_DEST),
            forwarded_for=tuple(self.values.get(RequestField.FORWARDED_FOR, ())),
            forwarded_proto=tuple(self.values.get(RequestField.FORWARDED_PROTO, ())),
            forwarded_host=tuple(self.values.get(RequestField.FORWARDED_HOST, ())),
            forwarded=tuple(self.values.get(RequestField.FORWARDED, ())),
            is_http_1_1=self._is_http_1_1,
            # RFC 6265 wants one field, HTTP/2 front proxies may send several: they are joined as one would be.
            cookie=self._joined(RequestField.COOKIE, b"; "),
            content_length=content_length,
            is_chunked=is_chunked,
            keeps_alive=keeps_alive,
            upgrade=upgrade,
            shape=shape,
        )
        return RequestHead(self._method, target, tuple(lines), fields, block)

    def _joined(self, field: RequestField, separator: bytes) -> bytes | None:
        values = self.values.get(field)
        return None if values is None else separator.join(values)

    def _last(self, field: RequestField) -> bytes | None:
        values = self.values.get(field)
        return None if values is None else values[-1].rstrip(b" \t")

    def _judged_target(self, host: bytes) -> bytes:
        """RFC 9112 section 3.2: origin form, absolute form (to the host that Host names), ``*`` for OPTIONS."""
        if b"#" in self._target:
            raise RefusedHead(Problem.MALFORMED_REQUEST, "fragment in the target")
        if self._target == b"*" and self._method == b"OPTIONS":
            return self._target
        authority, target = split_absolute(self._target)
        if authority is None:
            raise RefusedHead(Problem.MALFORMED_REQUEST, "form of the target")
        if host_name(authority) != host:
            raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "target and Host differ")
        return target

    def _is_chunked(self) -> bool:
        coding = self._joined(RequestField.TRANSFER_ENCODING, b",")
        if coding is None:
            return False
        if not self._is_http_1_1:
            raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "Transfer-Encoding in HTTP/1.0")
        if coding.rstrip(b" \t").lower() != b"chunked":
            raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "transfer coding")
        return True

    def _named_by_connection(self) -> set[bytes]:
        value = self._joined(RequestField.CONNECTION, b",")
        return set() if not value else {token.strip(b" \t") for token in value.lower().split(b",")}


def _judged_protocols(upgrade: bytes | None) -> list[bytes]:
    """Those that ``Upgrade`` names; raises `RefusedHead`."""
    protocols = protocols_in(upgrade or b"")
    # What one server passes over as malformed, another takes for the protocol that it looks like.
    if upgrade is not None and (not protocols or any(_PROTOCOL.fullmatch(each) is None for each in protocols)):
        raise RefusedHead(Problem.MALFORMED_REQUEST, "upgrade")
    return protocols


def _name(line: bytes) -> bytes:
    return line.partition(b":")[0].lower()


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
    """Read a whole head, its empty line included; raises `RefusedHead`. `block`: see `RequestHead`."""
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
    reading = HeadReading(method, target, [], is_http_1_1=version == b"HTTP/1.1")
    try:
        httptools.HttpRequestParser(reading).feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserInvalidMethodError as exc:
        raise RefusedHead(Problem.NOT_IMPLEMENTED, "method") from exc
    except httptools.HttpParserError as exc:
        raise RefusedHead(Problem.MALFORMED_REQUEST, "head") from exc
    return reading.finish(block=block)
