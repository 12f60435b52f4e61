"""What another proxy asks before it forwards a request itself (`/.gatepost/authorize`): pure, from fields to answers.

nginx (`auth_request`), Traefik, Caddy and Envoy describe the request to judge in three ways. If a proxy begins one of
them, it must be complete, and all must agree. Any other doubt denies. Only a trusted proxy gets this far.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field

from config.field_kinds import canonical
from proxy.access.networks import scheme_is_https
from proxy.http.head_reading import MAX_TARGET_BYTES, host_name
from proxy.http.problem import Problem
from proxy.http.request_head import RefusedHead, RequestHead
from proxy.http.reserved import AUTHORIZE

_AUTHORIZE = AUTHORIZE.encode("ascii")
_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")
_TARGET = re.compile(rb"/[!-~]*")
_URL = re.compile(rb"(https?)://([^/?#]*)(/.*)", re.IGNORECASE | re.DOTALL)
DESCRIBING = frozenset(
    (
        b"x-original-url", b"x-original-uri", b"x-original-method",
        b"x-forwarded-uri", b"x-forwarded-method", b"x-envoy-original-path",
    )
)  # fmt: skip
"""The fields that describe the request, besides the request line, ``Host`` and ``X-Forwarded-Host``."""
SIGN_IN_FIELD = b"X-Gatepost-Sign-In"
"""Where to send the browser; for nginx, which passes on no redirect from a subrequest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The request that another proxy asks about."""

    method: bytes
    target: bytes = field(repr=False)
    """Origin form, its bytes as the browser sent them."""
    host: bytes
    """As it is compared."""
    passes_redirects: bool
    """Whether the asking proxy passes any answer but 2xx on to the browser (nginx: only 401 and 403, without body)."""


def is_authorize(target: bytes) -> bool:
    """Whether a request target is the authorize endpoint, bare or (Envoy) with the original target behind it."""
    return target.startswith(_AUTHORIZE) and target[len(_AUTHORIZE) : len(_AUTHORIZE) + 1] in (b"", b"?", b"/")


def read_question(head: RequestHead, apps: Container[bytes]) -> Question:
    """What a trusted proxy asks; `apps` are the hosts that may be asked about. Raises `RefusedHead`."""
    described = _described(head)
    readings = [
        reading
        for reading in (_nginx(head, described), _forwarded(head, described), _envoy(head, described))
        if reading is not None
    ]
    if not readings:
        raise RefusedHead(Problem.MALFORMED_REQUEST, "authorize: no request is described")
    first = readings[0]
    for other in readings[1:]:
        if (other.method, other.target, other.host) != (first.method, first.target, first.host):
            raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "authorize: two different requests are described")
    forwarded_host = _forwarded_host(head)
    if forwarded_host is not None and forwarded_host != first.host:
        raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "authorize: two different hosts are described")
    if head.fields.host in apps and head.fields.host != first.host:
        raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "authorize: Host is another app's")
    if first.host not in apps:
        raise RefusedHead(Problem.UNKNOWN_HOST, "authorize: host")
    return first


def _described(head: RequestHead) -> dict[bytes, bytes]:
    """The describing fields, each at most once and in its own spelling."""
    found: dict[bytes, bytes] = {}
    for line in head.fields.held:
        name, _, value = line.partition(b":")
        folded = canonical(name)
        if folded not in DESCRIBING:
            continue
        if folded in found or name.lower() != folded:
            raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "authorize: a field twice, or in a second spelling")
        found[folded] = value.strip(b" \t")
    return found


def _nginx(head: RequestHead, described: dict[bytes, bytes]) -> Question | None:
    """``X-Original-URL`` (or ``X-Original-URI`` and ``Host``) and ``X-Original-Method``."""
    url, uri = described.get(b"x-original-url"), described.get(b"x-original-uri")
    method = described.get(b"x-original-method")
    if url is None and uri is None and method is None:
        return None
    if method is None or (url is None and uri is None):
        raise RefusedHead(Problem.MALFORMED_REQUEST, "authorize: X-Original-... is incomplete")
    host = head.fields.host
    if url is not None:
        match = _URL.fullmatch(url)
        if match is None:
            raise RefusedHead(Problem.MALFORMED_REQUEST, "authorize: X-Original-URL")
        scheme, host, target = match[1].lower(), host_name(match[2]), match[3]
        if uri is not None and uri != target:
            raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "authorize: X-Original-URL and X-Original-URI differ")
        proto = b",".join(head.fields.forwarded_proto).rpartition(b",")[2]
        if head.fields.forwarded_proto and scheme_is_https(proto) is not (scheme == b"https"):
            raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "authorize: X-Original-URL and X-Forwarded-Proto differ")
        uri = target
    return _question(method, uri or b"", host, passes_redirects=False)


def _forwarded(head: RequestHead, described: dict[bytes, bytes]) -> Question | None:
    """``X-Forwarded-Method``, ``-Uri`` and ``-Host``: Traefik and Caddy."""
    method, uri = described.get(b"x-forwarded-method"), described.get(b"x-forwarded-uri")
    if method is None and uri is None:
        return None
    host = _forwarded_host(head)
    if method is None or uri is None or host is None:
        raise RefusedHead(Problem.MALFORMED_REQUEST, "authorize: X-Forwarded-... is incomplete")
    return _question(method, uri, host, passes_redirects=True)


def _envoy(head: RequestHead, described: dict[bytes, bytes]) -> Question | None:
    """The request as it is, its target behind the endpoint's own path."""
    target = head.target[len(_AUTHORIZE) :]
    original = described.get(b"x-envoy-original-path")
    if target[:1] != b"/":
        if original is not None:
            raise RefusedHead(Problem.MALFORMED_REQUEST, "authorize: X-Envoy-Original-Path without a path")
        return None
    if original is not None and original != target:
        raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "authorize: X-Envoy-Original-Path differs")
    return _question(head.method, target, head.fields.host, passes_redirects=True)


def _forwarded_host(head: RequestHead) -> bytes | None:
    if not head.fields.forwarded_host:
        return None
    if len(head.fields.forwarded_host) > 1:
        raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "authorize: X-Forwarded-Host twice")
    return host_name(head.fields.forwarded_host[0].strip(b" \t"))


def _question(method: bytes, target: bytes, host: bytes, *, passes_redirects: bool) -> Question:
    if len(target) > MAX_TARGET_BYTES:
        raise RefusedHead(Problem.TARGET_TOO_LONG, "authorize: target")
    if not _METHOD.fullmatch(method) or not _TARGET.fullmatch(target) or b"#" in target:
        raise RefusedHead(Problem.MALFORMED_REQUEST, "authorize: method or target")
    return Question(method=method, target=target, host=host, passes_redirects=passes_redirects)
