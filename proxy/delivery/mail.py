"""The mail that an SMS gateway turns into an SMS, a single part without folded lines; and mails for people to read.

A Message-ID that is derived from nothing and ``Auto-Submitted`` (RFC 3834 section 5) keep replies and loops away.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

_ONE_LINE = SMTP.clone(max_line_length=998)  # RFC 5322 section 2.1.1; at the default 78 a Subject is folded
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
    message = _message(sender, recipient, subject, message_id, now)
    if not body.isascii():
        message.set_content(body, cte="quoted-printable")
        return Mail(sender=sender, recipient=recipient, content=message.as_bytes(), message_id=message_id)
    message["MIME-Version"] = "1.0"
    message["Content-Type"] = 'text/plain; charset="us-ascii"'
    message["Content-Transfer-Encoding"] = "7bit"
    # set_content would add a line break to an empty body; any other ends with one (RFC 5321 section 4.1.1.4).
    message.set_payload(body if not body or body.endswith("\n") else f"{body}\n")
    return Mail(sender=sender, recipient=recipient, content=message.as_bytes(), message_id=message_id)


def notice_mail(sender: str, *, recipient: str, subject: str, text: str, message_id: str, now: float) -> Mail:
    """A mail to read, with `text` as its body. Raises `ValueError` as `gateway_mail` does."""
    message = _message(sender, recipient, subject, message_id, now)
    message.set_content(text, cte="quoted-printable")
    return Mail(sender=sender, recipient=recipient, content=message.as_bytes(), message_id=message_id)


def _message(sender: str, recipient: str, subject: str, message_id: str, now: float) -> EmailMessage:
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("the message id must be 8 to 64 characters of A-Z, a-z, 0-9, - and _")
    message = EmailMessage(policy=_ONE_LINE)
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    return message
