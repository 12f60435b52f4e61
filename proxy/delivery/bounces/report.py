"""From a mail to what it says about a message of ours: pure. Anybody can have written that mail.

It counts only with a message id of ours, which nobody outside the message's way can guess. Of its words nothing is kept
but one line, and of that neither digits (a passcode, a number), addresses nor quotations.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from email import message_from_bytes
from email.message import Message

from proxy.delivery.bounces.wording import clean_line, reason_of_status, reason_of_words
from proxy.delivery.failures import BounceReport, FailureReason

MAX_REPORT_BYTES = 64 * 1024
"""What is read of one mail: a report that asks for headers only is a few kilobytes long."""
_MOST_PARTS = 20
_MOST_LINES = 200
_TOKEN = r"(?<![A-Za-z0-9_-])([A-Za-z0-9_-]{43})"  # `proxy.sessions.tokens.new_token`  # noqa: S105
_ENVELOPE_ID = re.compile(_TOKEN + r"(?![A-Za-z0-9_-])", re.ASCII)
_MESSAGE_ID = re.compile(_TOKEN + r"@([A-Za-z0-9.-]{1,253})", re.ASCII)
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", re.ASCII)
_QUOTED_FROM = re.compile(
    r"\s*(?:>|-{3,}|_{5,}|\*{5,}|(?:subject|from|to|date|message-id|received)\s*:)", re.ASCII | re.IGNORECASE
)
"""From such a line on a plain text quotes what was sent."""


def read_report(content: bytes, *, domains: Collection[str]) -> BounceReport | None:
    """The failure that this mail reports, or None if it reports none of a message of ours.

    `content`: a mail, perhaps cut off at `MAX_REPORT_BYTES`; `domains`, in lower case: those of our senders. Never
    raises. Reports have the form of RFC 3464; a gateway's own refusal is a plain text that cites the message id
    in a field (RFC 5322 section 3.6.4) or its text.
    """
    content = content[:MAX_REPORT_BYTES]
    lowered = content.lower()
    # Each such part within another is a level of recursion for the parser.
    if lowered.count(b"multipart/") + lowered.count(b"message/") > _MOST_PARTS:
        return None
    mail = message_from_bytes(content)
    parts = [mail, *(part for part in mail.walk() if part is not mail)]
    message_id = _message_id(mail, parts, domains)
    if message_id is None:
        return None
    recipients = [block for part in parts for block in _status_blocks(part) if "action" in block]
    if recipients:
        return _of_status(message_id, recipients)
    return _of_text(message_id, mail, parts)


def _of_status(message_id: str, recipients: Collection[Message]) -> BounceReport | None:
    """RFC 3464 section 2.3; other actions (delayed, delivered, relayed, expanded) are no failure."""
    for block in recipients:
        if _field(block, "action").lower() != "failed":
            continue
        match = _STATUS.search(_field(block, "status"))
        status = match[0] if match else ""
        diagnostic = _field(block, "diagnostic-code").partition(";")[2] or _field(block, "diagnostic-code")
        reason = reason_of_words(diagnostic) or reason_of_status(status)
        return BounceReport(message_id=message_id, reason=reason, detail=clean_line(diagnostic, status=status))
    return None


def _of_text(message_id: str, mail: Message, parts: Collection[Message]) -> BounceReport | None:
    """A mail in plain words is a refusal only where it says so: it may be an answer, or tell of a delivery."""
    for line in _own_lines(parts):
        reason = reason_of_words(line)
        if reason is not None:
            return BounceReport(message_id=message_id, reason=reason, detail=clean_line(line))
    subject = _field(mail, "subject")
    # With a digit it may be our own subject, sent back.
    reason = None if re.search(r"\d", subject) else reason_of_words(subject)
    if reason is not None:
        return BounceReport(message_id=message_id, reason=reason, detail=clean_line(subject))
    if _field(mail, "x-failed-recipients"):  # Exim's, where it is set to write no RFC 3464
        return BounceReport(message_id=message_id, reason=FailureReason.GAVE_UP)
    return None


def _message_id(mail: Message, parts: Collection[Message], domains: Collection[str]) -> str | None:
    """The first that has the form of ours, from the most reliable place."""
    for part in parts:
        for block in _status_blocks(part):
            if match := _ENVELOPE_ID.fullmatch(_field(block, "original-envelope-id")):
                return match[1]
    for text in (*_quoted_ids(mail, parts), *(_text(part) for part in parts)):
        for match in _MESSAGE_ID.finditer(text):
            if match[2].lower().rstrip(".") in domains:
                return match[1]
    return None


def _quoted_ids(mail: Message, parts: Collection[Message]) -> Iterator[str]:
    for part in parts:
        if part is not mail:
            yield _field(part, "message-id")
        if part.get_content_type() == "text/rfc822-headers":
            yield _text(part)
    yield _field(mail, "in-reply-to")
    yield _field(mail, "references")


def _status_blocks(part: Message) -> list[Message]:
    """The groups of fields of a message/delivery-status (RFC 3464 section 2.1)."""
    if part.get_content_type() != "message/delivery-status":
        return []
    blocks = part.get_payload()
    return [each for each in blocks if isinstance(each, Message)] if isinstance(blocks, list) else []


def _own_lines(parts: Collection[Message]) -> Iterator[str]:
    """The lines of the first plain text, up to where it begins to quote."""
    text = next((_text(part) for part in parts if part.get_content_type() == "text/plain"), "")
    for line in text.splitlines()[:_MOST_LINES]:
        if _QUOTED_FROM.match(line):
            return
        yield line


def _text(part: Message) -> str:
    """A part's text; what is not UTF-8 becomes replacement characters, for no reason is found by them."""
    if part.is_multipart() or part.get_content_maintype() != "text":
        return ""
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _field(part: Message, name: str) -> str:
    """One line; empty if there is no such field."""
    return " ".join(str(part.get(name, "")).split())
