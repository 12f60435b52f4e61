"""Fields that ask for another request than the one they come with: pure.

They reach no app that does not name them. Still, if an app has rules, a request that contradicts itself is refused: its
sender, or the proxy that wrote the field, means another request than the one that the rules would judge. If Gatepost
does not forward itself (`/.gatepost/authorize`), it can remove nothing, so it refuses what it would otherwise remove.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl, quote

from config.field_kinds import OF_THE_CONNECTION, canonical, is_loose, is_own, moves_request
from proxy.access.paths import Ambiguous, CanonicalPath, canonical_path
from proxy.access.rules import AppRules, PathRule
from proxy.forwarding.authorize import DESCRIBING, Question
from proxy.forwarding.given_credential import holds_credential
from proxy.http.head_reading import host_name, split_absolute
from proxy.http.problem import Problem
from proxy.http.request_head import RefusedHead, RequestHead

Reader = Callable[[bytes], CanonicalPath | Ambiguous]
"""How a target's path is read."""

_URLS = frozenset(
    (
        b"x-original-url", b"x-original-uri", b"x-original-path", b"x-rewrite-url", b"x-rewrite-uri", b"x-override-url",
        b"x-url-override", b"x-waws-unencoded-url", b"unencoded-url", b"request-uri", b"x-request-uri",
    )
)  # fmt: skip
"""IIS and its rewriters, Azure and nginx repeat the target in them; frameworks answer it in the request's place."""
_METHODS = frozenset((b"x-http-method-override", b"x-http-method", b"x-method-override", b"x-original-method"))
_WRITE_ELSEWHERE = frozenset((b"COPY", b"MOVE"))
_HOSTS = frozenset((b"x-original-host", b"x-host", b"x-host-override", b"x-http-host-override", b"disguised-host"))
_NOT_IN_A_SECOND_SPELLING = OF_THE_CONNECTION | {b"cookie", b"authorization"}


def refuse_contradictions(
    head: RequestHead, asked: RequestHead | Question, rules: AppRules, rule: PathRule | None
) -> None:
    """Refuse a request that names a second path or method which `rules` judge otherwise than its own, under `rule`.

    `asked` is what is judged: the request itself, or the one that another proxy asks about. Raises `RefusedHead`.
    """
    if head.fields.held and _asks_for_another(head, asked, rules):
        raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "a field that names another path or method")
    if rules.has_methods and _names_method_in_query(asked):
        raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "a query that names another method")
    if asked.method in _WRITE_ELSEWHERE and _reaches_another_part(head, asked, rules, rule):
        raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "a destination under another rule")


def _asks_for_another(head: RequestHead, asked: RequestHead | Question, rules: AppRules) -> bool:
    """Whether a held field names another path than the one judged by `rules` or, where they look at it, method."""
    for line in head.fields.held:
        name, value = _split(line)
        if name in _URLS and not _is_target(value, asked, rules.path_of):
            return True
        if name in _METHODS and rules.has_methods and not _is_method(value, asked):
            return True
    return False


def names_another_method(head: RequestHead) -> bool:
    """Whether it asks, in a field or in its query, for another method than that of its request line."""
    return _names_method_in_query(head) or any(
        name in _METHODS and not _is_method(value, head) for name, value in map(_split, head.fields.held)
    )


def _names_method_in_query(asked: RequestHead | Question) -> bool:
    """Whether another method is asked for by ``_method`` in the query.

    Symfony, Laravel and Express read it of a ``POST``, WordPress and many a PHP script of every request.
    """
    query = asked.target.partition(b"?")[2].decode("latin-1")
    if not query:
        return False
    method = asked.method.decode("latin-1").upper()
    return any(
        value.strip().upper() not in ("", method) and _as_php_names(name).lower() == "_method"
        for name, value in parse_qsl(query, keep_blank_values=True, encoding="latin-1")
    )


def _as_php_names(name: str) -> str:
    """A parameter's name as PHP reads it: up to a NUL, without leading spaces, with spaces and dots as ``_``."""
    return name.partition("\0")[0].lstrip(" ").replace(" ", "_").replace(".", "_")


def _reaches_another_part(
    head: RequestHead, asked: RequestHead | Question, rules: AppRules, rule: PathRule | None
) -> bool:
    """Whether ``COPY`` or ``MOVE`` (RFC 4918 section 9.8) writes to where another rule decides than the judged one.

    Not every server looks at the host that a ``Destination`` names, so it does not count here.
    """
    for line in head.lines:
        if line[:12].lower() != b"destination:":
            continue
        _, target = split_absolute(line[12:].strip(b" \t"))
        if any(rules.choose(method, target) is not rule for method in (asked.method, b"PUT")):
            return True
    return False


def refuse_what_stays(head: RequestHead, question: Question, passes: frozenset[bytes]) -> None:
    """Refuse another proxy's question if it carries a field that the app would get although Gatepost would remove it.

    `passes`: the names, in lower case, that the app asks for. Raises `RefusedHead`.
    """
    if head.fields.withdrawn:
        raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "authorize: Connection names a field that may count")
    if head.fields.names_http:
        raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "authorize: an upgrade to a protocol that carries requests")
    if head.fields.authorization is not None and holds_credential(head.fields.authorization):
        raise RefusedHead(Problem.NOT_SIGNED_IN, "authorize: a credential that is for Gatepost alone")
    for line in head.fields.held:
        sent, (name, value) = line.partition(b":")[0].lower(), _split(line)
        if sent in passes or name in DESCRIBING or _agrees(name, value, question):
            continue
        if moves_request(name) or (is_loose(sent) and (is_own(name) or name in _NOT_IN_A_SECOND_SPELLING)):
            raise RefusedHead(Problem.AMBIGUOUS_REQUEST, "authorize: a field that is never passed, and stays here")


def _split(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return canonical(name), value.strip(b" \t")


def _agrees(name: bytes, value: bytes, asked: Question) -> bool:
    if name in _URLS:
        return _is_target(value, asked, canonical_path)
    if name in _HOSTS:
        return _is_host(value, asked)
    return name in _METHODS and _is_method(value, asked)


def _is_method(value: bytes, asked: RequestHead | Question) -> bool:
    return asked.method in (value, value.upper())


def _is_host(value: bytes, asked: RequestHead | Question) -> bool:
    try:
        return host_name(value) == asked.host
    except RefusedHead:
        return False


def _is_target(value: bytes, asked: RequestHead | Question, read: Reader) -> bool:
    """Compared as rules are: by the path's one reading. The query is theirs no more than the rules'."""
    authority, value = split_absolute(value)
    if authority is not None and not _is_host(authority, asked):
        return False
    if value == asked.target:
        return True
    judged = read(asked.target)
    if isinstance(judged, Ambiguous):
        return False
    # IIS repeats the path decoded.
    encoded = quote(value.partition(b"?")[0], safe="/").encode("ascii")
    return judged in (read(value), read(encoded))
