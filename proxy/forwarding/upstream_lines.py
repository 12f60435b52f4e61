"""What an upstream or the portal receives: the request's head as sent, plus what Gatepost itself adds. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from config.field_kinds import canonical, is_for_proxies
from proxy.access.networks import ClientPlace
from proxy.forwarding.given_credential import holds_credential
from proxy.http.forwarded import block
from proxy.http.internal_headers import CLIENT_ADDRESS, CLIENT_HOST, CLIENT_SCHEME, INCIDENT
from proxy.http.request_head import RequestHead
from proxy.http.reserved import API_SESSION, KERBEROS
from proxy.upstreams.upstream import Upstream

_HOST = b"\r\nHost: "
_AUTHORIZED = frozenset(path.encode("ascii") for path in (KERBEROS, API_SESSION))


def portal_block(place: ClientPlace, head: RequestHead, incident: str) -> bytes:
    """What the portal is told about the request; ``Authorization`` only where it takes a ticket or a token."""
    fields = [
        (CLIENT_ADDRESS.encode("ascii"), place.address.encode("ascii", "replace")),
        (CLIENT_SCHEME.encode("ascii"), b"https" if place.is_https else b"http"),
        (CLIENT_HOST.encode("ascii"), head.fields.host),
        (INCIDENT.encode("ascii"), incident.encode("ascii")),
    ]
    if head.fields.authorization is not None and head.target.partition(b"?")[0] in _AUTHORIZED:
        fields.append((b"Authorization", head.fields.authorization))
    return block(fields)


def joined(around: tuple[bytes, bytes], lines: Iterable[bytes]) -> bytes:
    """The fields that are sent upstream: a head's `lines`, and what stands `around` them."""
    before, behind = around
    return b"\r\n".join((before, *lines, behind))


def around_lines(
    head: RequestHead,
    upstream: Upstream,
    cookie: bytes,
    blocks: Iterable[bytes],
    *,
    is_last: bool = False,
    is_peer_trusted: bool = False,
) -> tuple[bytes, bytes]:
    """What stands before and behind the head's own lines in what is sent upstream: fields that go on in another form or
    to this app alone, and `blocks`.

    Does not depend on the request line, nor on `head.lines`. Ours come last, after everything that ``Connection`` could
    name has been removed. The empty line is included. `is_last`: nothing follows on its connection, and the upstream is
    told so.
    """
    host = head.fields.host_field if upstream.settings.preserve_host else upstream.url.authority.encode("ascii")
    lines = []
    if upstream.pass_fields:
        for line in head.fields.held:
            name = line.partition(b":")[0].lower()
            # Of lines that only a proxy may write, those of a trusted one alone.
            if name in upstream.pass_fields and (is_peer_trusted or not is_for_proxies(canonical(name))):
                lines.append(line)
    if cookie:
        lines.append(b"Cookie: " + cookie)
    authorization = head.fields.authorization if upstream.settings.pass_authorization else None
    if authorization is not None and not holds_credential(authorization):
        lines.append(b"Authorization: " + authorization)
    if head.fields.is_chunked:
        lines.append(b"Transfer-Encoding: chunked")
    elif head.fields.content_length is not None:
        lines.append(b"Content-Length: %d" % head.fields.content_length)
    if (
        head.fields.expects_continue and head.fields.has_body
    ):  # RFC 9110 section 10.1.1: it means nothing without a body
        lines.append(b"Expect: 100-continue")
    if is_last:
        # Alone in the field: Python's http.server understands "close" only if nothing else is named.
        lines.append(b"Connection: close")
    elif head.fields.upgrade is not None:
        lines.append(b"Connection: Upgrade\r\nUpgrade: " + head.fields.upgrade)
    elif head.fields.accepts_trailers:
        lines.append(b"TE: trailers\r\nConnection: TE")
    lines += blocks
    lines.append(b"\r\n")
    return b"Host: " + host, b"\r\n".join(lines)


def with_host(request_bytes: bytes, host: bytes) -> bytes:
    """A request line and its fields with another ``Host``: that of the server which the request goes to.

    The field stands right behind the request line, and that holds no line break.
    """
    start = request_bytes.index(_HOST) + len(_HOST)
    return request_bytes[:start] + host + request_bytes[request_bytes.index(b"\r\n", start) :]
