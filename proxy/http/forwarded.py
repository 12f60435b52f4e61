"""``Forwarded`` (RFC 7239) and its older relatives, read and written: who saw whom, and who asked for what.

The fields of proxies in front are read into the form that `proxy.access.networks` judges. A field that does not follow
the grammar exactly names nobody. If we guessed, a client could write text that we would take for what a proxy appended.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rb'(%b)=(%b|"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*")' % (_TOKEN, _TOKEN))
_END = re.compile(rb"[ \t]*(?:([;,])[ \t]*|\Z)")
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_ADDRESS = re.compile(rb"[0-9A-Za-z.:\[\]]+")
_FORBIDDEN = bytes((*range(32), 127))
NOBODY = b"unknown"
"""RFC 7239 section 6.2."""


class Hops(NamedTuple):
    """In the order in which the hops were passed."""

    nodes: tuple[bytes, ...]
    """Whom each saw: an address, perhaps with a port, or `NOBODY`."""
    protos: tuple[bytes, ...]
    """How each was asked, empty where it does not say; none at all where nobody does."""


def read_forwarded(lines: Sequence[bytes]) -> Hops:
    """The field's lines, in order. A line that cannot be read is one hop, which saw nobody. Never raises."""
    elements = [element for line in lines for element in _elements(line) or [{}]]
    protos = tuple(map(_proto, elements))
    return Hops(tuple(map(_node, elements)), protos if any(protos) else ())


def _elements(line: bytes) -> list[dict[bytes, bytes]] | None:
    """The parameters of each element by lower-case name (section 4); None if this is not the grammar's."""
    elements: list[dict[bytes, bytes]] = []
    parameters: dict[bytes, bytes] = {}
    position = len(line) - len(line.lstrip(b" \t"))
    while True:
        pair = _PAIR.match(line, position)
        if pair is None:
            return None
        name, value = pair[1].lower(), pair[2]
        if name in parameters:  # each at most once
            return None
        parameters[name] = _QUOTED_PAIR.sub(rb"\1", value[1:-1]) if value[:1] == b'"' else value
        end = _END.match(line, pair.end())
        if end is None:
            return None
        if end[1] != b";":
            elements.append(parameters)
            parameters = {}
        if end[1] is None:
            return elements
        position = end.end()


def _proto(element: dict[bytes, bytes]) -> bytes:
    proto = element.get(b"proto", b"")
    return proto if _ADDRESS.fullmatch(proto) else b""


def _node(element: dict[bytes, bytes]) -> bytes:
    """Only an address gets out, so that no comma makes two hops of one."""
    node = element.get(b"for", NOBODY)
    return node if _ADDRESS.fullmatch(node) else NOBODY


def block(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """``Name: value`` lines joined by CRLF, without one at the end; control characters cannot get in."""
    return b"\r\n".join(name + b": " + value.translate(None, _FORBIDDEN) for name, value in fields)


def _quoted(address: str) -> str:
    """An address as ``Forwarded`` writes it (RFC 7239 section 6)."""
    return f'"[{address}]"' if ":" in address else address


def forwarded_block(*, hops: Sequence[str], is_https: bool, host_field: bytes) -> bytes:
    """``X-Forwarded-For/-Proto/-Host`` and ``Forwarded`` (RFC 7239), of what is believed and nothing else.

    `hops` are addresses: the client's, then those of the proxies that it came through.
    """
    proto = "https" if is_https else "http"
    elements = [f"for={_quoted(hop)}" for hop in hops]
    elements[0] += f';host="{host_field.decode("ascii")}";proto={proto}'
    return block(
        (
            (b"X-Forwarded-For", ", ".join(hops).encode("ascii", "replace")),
            (b"X-Forwarded-Proto", proto.encode("ascii")),
            (b"X-Forwarded-Host", host_field),
            (b"Forwarded", ", ".join(elements).encode("ascii", "replace")),
        )
    )
