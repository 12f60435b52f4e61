"""A mail in pieces: what its sender says, what is meant for programs, and what it returns of another mail. Pure.

Anybody may have written that mail. So no content raises an error here, and the depth of nesting is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from html import unescape

_MOST_PARTS = 20
_STATUS = "text/x-status"
_RETURNED = "text/x-returned"
# Treated as text, each is one piece and decoded by its own encoding. The parser would treat a message/* as a mail, and
# so handles neither message/global-delivery-status (RFC 6533 section 4) nor Base64 or Quoted-Printable.
_NESTED = re.compile(
    rb"(?i)(content-type:[ \t]*(?:\r?\n[ \t]+)?)(message/(?:global-)?delivery-status|message/[a-z0-9.-]+)"
)
_COMMENT = re.compile(r"\([^()]*\)")
_TAG = re.compile(r"(?is)<(style|script|head)\b.*?(?:</\1\s*>|\Z)|<[^<>]*>")
_LINE_END = re.compile(r"(?i)<(?:br|/p|/div|/tr|/li|/h[1-6])\b[^<>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class MailParts:
    """Its `repr` shows nothing of the mail."""

    head: Message = field(repr=False)
    own_text: str = field(default="", repr=False)
    """What its sender wrote for people."""
    statuses: tuple[str, ...] = field(default=(), repr=False)
    """The parts message/delivery-status (RFC 3464) and message/global-delivery-status (RFC 6533)."""
    returned: tuple[str, ...] = field(default=(), repr=False)
    """Mails, or their headers, that it holds."""
    other_texts: tuple[str, ...] = field(default=(), repr=False)
    report_type: str = ""
    """RFC 6522 section 3, in lower case."""

    def line(self, name: str) -> str:
        """A field of the header as one line, its encoded words (RFC 2047) decoded; empty: there is none."""
        return one_line(_decoded(str(self.head.get(name, ""))))

    def has(self, name: str) -> bool:
        return name in self.head


def parts_of(content: bytes) -> MailParts | None:
    """None if it is nested too deeply, or the library cannot read it."""
    try:
        return _parts_of(content)
    except Exception:  # noqa: BLE001  # parameters that are split in odd ways, for one, are a TypeError of the library's
        return None


def _parts_of(content: bytes) -> MailParts | None:
    lowered = content.lower()
    # Each such part within another is a level of recursion for the parser.
    if lowered.count(b"multipart/") + lowered.count(b"message/") > _MOST_PARTS:
        return None
    head = message_from_bytes(_NESTED.sub(_as_text, content))
    leaves = [part for part in head.walk() if not part.is_multipart()]
    own = [part for part in leaves if part.get_content_type() in ("text/plain", "text/html")]
    plain = next((_text(part) for part in own if part.get_content_type() == "text/plain"), "")
    html = next((_text(part) for part in own if part.get_content_type() == "text/html"), "")
    return MailParts(
        head=head,
        own_text=plain if plain.strip() else _without_tags(html),
        statuses=tuple(_of_type(leaves, _STATUS)),
        returned=(*_of_type(leaves, _RETURNED), *_of_type(leaves, "text/rfc822-headers")),
        other_texts=tuple(_text(part) for part in own),
        report_type=str(head.get_param("report-type", "") or "").lower(),
    )


def without_comments(text: str) -> str:
    """RFC 5322 section 3.2.2: what stands in parentheses is for people."""
    before = ""
    while before != text:
        before, text = text, _COMMENT.sub(" ", text)
    return text.strip()


def one_line(text: str) -> str:
    return " ".join(text.split())


def _as_text(match: re.Match[bytes]) -> bytes:
    kind = _STATUS if match[2].lower().endswith(b"delivery-status") else _RETURNED
    return match[1] + kind.encode("ascii")


def _of_type(leaves: list[Message], kind: str) -> Iterator[str]:
    return (_text(part) for part in leaves if part.get_content_type() == kind)


def _text(part: Message) -> str:
    """Bytes outside its charset become replacement characters, which no reason depends on."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        return payload.decode(part.get_content_charset() or "utf-8", "replace")
    except (LookupError, ValueError):  # no such charset
        return payload.decode("utf-8", "replace")


def _without_tags(html: str) -> str:
    return unescape(_TAG.sub(" ", _LINE_END.sub("\n\n", html)))


def _decoded(text: str) -> str:
    try:
        return str(make_header(decode_header(text)))
    except (MessageError, LookupError, ValueError):  # odd words, or a charset that is none
        return text
