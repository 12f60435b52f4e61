"""One reading of a request's path, or none: what rules are matched on, pure.

Either every server that decodes, merges, normalises or trims paths reads a path alike, or it is `Ambiguous` and
refused. Nothing is repaired, so the path that was judged is the one that is forwarded. The query is not part of it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from config.tables.rules import has_one_folding

_PLAIN = re.compile(rb"/[A-Za-z0-9/._~!$&'()*+,=:@-]*")
"""Characters that mean themselves. Only a slash or dot before a slash, or a dot at the end, needs a closer look."""
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ENCODED_MEANING = re.compile(rb"%(?:2[Ff]|5[Cc]|25|3[BbFf]|23)")
"""``/ \\ % ; ? #``: if a server decodes once too often, they get a meaning (a second reading)."""
_RAW_MEANING = re.compile(rb"[\\;#]")
_NOT_VISIBLE = re.compile(rb"[^!-~]")
_MEANINGS = "/\\%;?#."


@dataclass(frozen=True, slots=True)
class CanonicalPath:
    """A path that has one reading: decoded text, case as sent, beginning with ``/``."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A path that two servers could read differently. `reason` is for the log; it holds nothing of the path."""

    reason: str


def canonical_path(target: bytes) -> CanonicalPath | Ambiguous:
    """Read the path of a request target in origin form (RFC 9112 section 3.2.1).

    Refused (compare RFC 3986 sections 2.4, 5.2.4, 6.2.2): encoded or backward slashes, empty, dot and dot-dot
    segments, segments that end in a dot or a space (Windows drops those), parameters (``;``), encoded percent
    signs (double encoding), broken escapes, control characters, UTF-8 that is invalid, overlong or not in its
    composed form (RFC 3629, NFC), and characters that become one of these under compatibility folding.
    """
    path = target.partition(b"?")[0]
    if _PLAIN.fullmatch(path) and b"//" not in path and b"./" not in path and not path.endswith(b"."):
        return CanonicalPath(path.decode("ascii"))
    if not path.startswith(b"/"):
        return Ambiguous("form of the target")
    if _NOT_VISIBLE.search(path):
        return Ambiguous("bare control or non-ASCII bytes")
    if _RAW_MEANING.search(path):
        return Ambiguous("backslash, semicolon or fragment")
    if _BROKEN_ESCAPE.search(path):
        return Ambiguous("broken escape")
    if _ENCODED_MEANING.search(path):
        return Ambiguous("encoded separator or percent sign")
    try:
        text = unquote_to_bytes(path).decode("utf-8", "strict")
    except UnicodeDecodeError:
        return Ambiguous("invalid UTF-8")
    return _judge_text(text)


def fold_case(path: CanonicalPath) -> CanonicalPath | Ambiguous:
    """The same path in lower case, for servers that ignore case.

    Each server has its own table for letters beyond ASCII (Unicode's folding, simple or full, upper case, the file
    system's). Letters that these tables treat differently have more than one reading.
    """
    if not has_one_folding(path.text):
        return Ambiguous("letters whose case servers ignore in different ways")
    return CanonicalPath(path.text.casefold())


def _judge_text(text: str) -> CanonicalPath | Ambiguous:
    if not text.isprintable():
        return Ambiguous("control characters")
    if not text.isascii():
        if unicodedata.normalize("NFC", text) != text:
            return Ambiguous("characters not in composed form")
        folded = unicodedata.normalize("NFKC", text)
        if any(folded.count(sign) != text.count(sign) for sign in _MEANINGS):
            return Ambiguous("characters that fold into separators")
    segments = text.split("/")[1:]
    if "" in segments[:-1]:
        return Ambiguous("empty segment")
    if any(segment.endswith((".", " ")) for segment in segments):
        return Ambiguous("dot segment, or a dot or space at a segment's end")
    return CanonicalPath(text)
