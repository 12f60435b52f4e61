"""The mail that an SMS gateway turns into an SMS, a single part without folded lines; and mails for people to read.

A Message-ID that is derived from nothing and ``Auto-Submitted`` (RFC 3834 section 5) keep replies and loops away.

The few fields of a mail are written here: `email.message` parses each value that it is given, which took as long as a
page of the sign-in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.header import Header
from email.quoprimime import body_encode
from email.utils import format_datetime

_LONGEST_LINE = 998  # RFC 5322 section 2.1.1; a gateway may not unfold what is folded at 78
_LINE_BREAK = re.compile(r"[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")  # as `str.splitlines` has them
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{8,64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """What is sent; its `repr` shows no number and no text."""

    sender: str
    """Envelope sender (RFC 5321 MAIL FROM), the same as From."""
    recipient: str = field(repr=False)
    """The only envelope recipient."""
    content: bytes = field(repr=False)
    """Header and body, every line ended by CRLF."""
    message_id: str = ""
    """The id by which failure reports name it."""


def gateway_mail(sender: str, *, recipient: str, subject: str, body: str = "", message_id: str, now: float) -> Mail:
    """The mail with `subject` (one line of printable ASCII) and `body`; `now` in epoch seconds for Date.

    A body of ASCII is sent in 7 bits and as it is, an empty one stays empty.
    Raises `ValueError` for a `message_id` that is not 8 to 64 URL-safe characters, for a line break in `subject`, and
    for a carriage return in `body`.
    """
    if "\r" in body:
        raise ValueError("lines of the body are separated by line feeds")
    if not body.isascii():
        return notice_mail(sender, recipient=recipient, subject=subject, text=body, message_id=message_id, now=now)
    header = _header(sender, recipient, subject, message_id, now, charset="us-ascii", encoding="7bit")
    # An empty body stays empty; any other ends with a line break (RFC 5321 section 4.1.1.4).
    body = body if not body or body.endswith("\n") else f"{body}\n"
    return Mail(sender=sender, recipient=recipient, content=_content(header, body), message_id=message_id)


def notice_mail(sender: str, *, recipient: str, subject: str, text: str, message_id: str, now: float) -> Mail:
    """A mail to read, with `text` as its body. Raises `ValueError` as `gateway_mail` does."""
    header = _header(sender, recipient, subject, message_id, now, charset="utf-8", encoding="quoted-printable")
    octets = b"".join(line + b"\n" for line in text.encode("utf-8").splitlines())
    body = body_encode(octets.decode("latin-1"), _LONGEST_LINE)
    return Mail(sender=sender, recipient=recipient, content=_content(header, body), message_id=message_id)


def _header(
    sender: str, recipient: str, subject: str, message_id: str, now: float, *, charset: str, encoding: str
) -> str:
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("the message id must be 8 to 64 characters of A-Z, a-z, 0-9, - and _")
    fields = {
        "From": sender,
        "To": recipient,
        "Subject": subject,
        "Date": format_datetime(datetime.fromtimestamp(now, UTC)),
        "Message-ID": f"<{message_id}@{sender.rpartition('@')[2]}>",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": f'text/plain; charset="{charset}"',
        "Content-Transfer-Encoding": encoding,
    }
    return "".join(f"{name}: {_value(name, text)}\n" for name, text in fields.items())


def _value(name: str, text: str) -> str:
    """In ASCII (RFC 2047). Raises `ValueError` for a line break: what follows it would be a field of its own."""
    if _LINE_BREAK.search(text):
        raise ValueError(f"a line break in the header field {name}")
    if text.isascii() and len(f"{name}: {text}") <= _LONGEST_LINE:
        return text
    return Header(text, "utf-8", maxlinelen=_LONGEST_LINE, header_name=name).encode()


def _content(header: str, body: str) -> bytes:
    return f"{header}\n{body}".replace("\n", "\r\n").encode("ascii")
