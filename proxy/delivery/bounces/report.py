"""From a mail to what it says about one of our messages: pure. Anybody may have written that mail.

It counts only with one of our message ids, which nobody outside the message's path can guess. Of its text we keep only
one line, without digits (a passcode, a number), addresses and quotations.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from proxy.delivery.bounces.mail_parts import MailParts, parts_of, without_comments
from proxy.delivery.bounces.status_fields import RecipientStatus, Statuses, statuses_of
from proxy.delivery.bounces.wording import clean_line, may_arrive, paragraphs, will_not_arrive
from proxy.delivery.delivery_store import BounceReport, FailureReason
from proxy.delivery.refusals import Refusal, Stage, enhanced_in, judge, reason_of_plain_words, reply_in

MAX_REPORT_BYTES = 64 * 1024
"""What is read of one mail: a report that asks for headers only is a few kilobytes long."""
_TOKEN = r"(?<![A-Za-z0-9_-])([A-Za-z0-9_-]{43})"  # `proxy.secrets.tokens.new_token`  # noqa: S105
_ENVELOPE_ID = re.compile(_TOKEN + r"(?![A-Za-z0-9_-])", re.ASCII)
_MESSAGE_ID = re.compile(_TOKEN + r"@([A-Za-z0-9.-]{1,253})", re.ASCII)
_POSTMASTER = re.compile(
    r"mailer-?daemon|\bpost_?master\b|mail (?:delivery|administrator)|delivery (?:sub)?system|\bmaildaemon|\bmdaemon\b",
    re.ASCII | re.IGNORECASE,
)
_BEFORE_RECIPIENT = re.compile(
    r"\bin reply to (?:the )?(?:mail from|helo|ehlo)\b|\bafter (?:pipelined )?(?:mail from|helo|ehlo)\b",
    re.ASCII | re.IGNORECASE,
)
"""Postfix's and Exim's words for where in the conversation it was refused."""
_AUTOMATIC_SUBJECT = re.compile(
    r"\s*(?:re:\s*)?(?:auto(?:matic|mated|-)?[ -]?(?:reply|response|answer|responder)\b|auto:|out of (?:the )?office\b|"
    r"on (?:vacation|holiday)\b|vacation\b|automatische antwort|abwesenheit|r.ponse automatique|respuesta autom.tica|"
    r"risposta automatica|automatisch antwoord|resposta autom.tica|automatyczna odpowied|autosvar)",
    re.ASCII | re.IGNORECASE,
)
_AUTOMATIC_FIELDS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-auto-reply", "x-vacation")
_OTHER_REPORTS = ("disposition-notification", "feedback-report")
"""RFC 8098: that a mail was read; RFC 5965: that somebody complained."""


def read_report(content: bytes, *, domains: Collection[str], senders: Collection[str] = ()) -> BounceReport | None:
    """The failure of one of our messages that this mail reports, or None.

    `content`: a mail, perhaps cut off at `MAX_REPORT_BYTES`. `domains` and `senders`, in lower case: those that our
    mails come from. Never raises. Reports have the form of RFC 3464 and RFC 6533, or they are plain texts in the words
    of each mail server or gateway. All of them cite the message id in a field (RFC 5322 section 3.6.4), in the mail
    that they return, or in their text.
    """
    content = content[:MAX_REPORT_BYTES]
    parts = parts_of(content)
    if parts is None:
        return None
    statuses = [statuses_of(each) for each in parts.statuses]
    message_id = _message_id(content, parts, statuses, domains)
    if message_id is None:
        return None
    recipients = [recipient for each in statuses for recipient in each.recipients]
    if recipients:
        return _of_statuses(message_id, recipients, parts, senders)
    return _of_text(message_id, parts, senders)


def _of_statuses(
    message_id: str, recipients: Collection[RecipientStatus], parts: MailParts, senders: Collection[str]
) -> BounceReport | None:
    """RFC 3464 section 2.3. Each of our mails has one recipient, so any failure is about that one."""
    failed = next((each for each in recipients if each.is_failure), None)
    if failed is None:
        return None
    said = failed.diagnostic
    words = " ".join(paragraphs(parts.own_text, is_report=True))
    stage = Stage.SENDER if _BEFORE_RECIPIENT.search(words) else None
    reason = _judged(said, senders, status=failed.status, recipient=failed.recipient, stage=stage)
    if not said and reason is FailureReason.UNKNOWN:  # then only the words for people may say it
        told = _first_reason(parts, senders, recipient=failed.recipient)
        said, reason = told if told is not None else (said, reason)
    if failed.gave_up and reason is FailureReason.UNKNOWN:
        reason = FailureReason.GAVE_UP
    return BounceReport(message_id=message_id, reason=reason, detail=clean_line(said, status=failed.status))


def _of_text(message_id: str, parts: MailParts, senders: Collection[str]) -> BounceReport | None:
    """A mail in plain words is a refusal only if it says so: it may be a reply, or report a delivery."""
    is_report = _is_from_a_mail_server(parts)
    if _is_other_report(parts) or (not is_report and _is_automatic_reply(parts)):
        return None
    # A line with digits may be our own subject, which comes back behind what the server puts in front of it.
    subject, digit, _ = _at_first_digit(parts.line("subject"))
    said = list(paragraphs(parts.own_text, is_report=is_report))
    if may_arrive("\n".join((subject, *said))):
        return None
    is_failure = is_report or any(will_not_arrive(each) for each in (subject, *said))
    if is_failure:
        told = _first_reason(parts, senders)
        line, reason = told if told is not None else ("", FailureReason.GAVE_UP)
        return BounceReport(message_id=message_id, reason=reason, detail=clean_line(line or _failing_line(said)))
    for line in said if digit else (*said, subject):
        reason = reason_of_plain_words(line)
        if reason is not FailureReason.UNKNOWN:
            return BounceReport(message_id=message_id, reason=reason, detail=clean_line(line))
    return None


def _at_first_digit(text: str) -> tuple[str, str, str]:
    match = re.search(r"\d", text)
    return text.partition(match[0]) if match else (text, "", "")


def _first_reason(
    parts: MailParts, senders: Collection[str], *, recipient: str = ""
) -> tuple[str, FailureReason] | None:
    """The first paragraph that gives a reason, and the reason: paragraphs that cite a server's answer come first."""
    said = list(paragraphs(parts.own_text, is_report=True))
    for line in sorted(said, key=lambda each: not (reply_in(each) or enhanced_in(each))):
        reason = _judged(line, senders, recipient=recipient)
        if reason is not FailureReason.UNKNOWN:
            return line, reason
    return None


def _judged(
    said: str, senders: Collection[str], *, status: str = "", recipient: str = "", stage: Stage | None = None
) -> FailureReason:
    lowered = said.lower()
    sender = next((each for each in senders if each in lowered), "")
    return judge(Refusal(text=said, enhanced=status, sender=sender, recipient=recipient, stage=stage))


def _failing_line(said: Collection[str]) -> str:
    return next((each for each in said if will_not_arrive(each)), "")


def _is_from_a_mail_server(parts: MailParts) -> bool:
    """By what automatic replies lack: the author, Exim's field, the type of RFC 6522."""
    return (
        parts.has("x-failed-recipients")
        or bool(parts.statuses)
        or parts.report_type.endswith("delivery-status")
        or _POSTMASTER.search(parts.line("from")) is not None
    )


def _is_automatic_reply(parts: MailParts) -> bool:
    """RFC 3834, and what was customary before it."""
    submitted = without_comments(parts.line("auto-submitted")).partition(";")[0].strip().lower()
    return (
        submitted in ("auto-replied", "auto-notified")
        or parts.line("precedence").lower() in ("auto_reply", "auto-reply")
        or any(parts.has(each) for each in _AUTOMATIC_FIELDS)
        or _AUTOMATIC_SUBJECT.match(parts.line("subject")) is not None
    )


def _is_other_report(parts: MailParts) -> bool:
    return parts.report_type in _OTHER_REPORTS


def _message_id(
    content: bytes, parts: MailParts, statuses: Collection[Statuses], domains: Collection[str]
) -> str | None:
    """The first id in our form, from the most reliable place."""
    for each in statuses:
        if match := _ENVELOPE_ID.fullmatch(each.envelope_id):
            return match[1]
    for text in _places(content, parts):
        for match in _MESSAGE_ID.finditer(text):
            if match[2].lower().rstrip(".") in domains:
                return match[1]
    return None


def _places(content: bytes, parts: MailParts) -> Iterator[str]:
    yield from parts.returned
    yield from parts.statuses
    yield parts.line("in-reply-to")
    yield parts.line("references")
    yield parts.line("x-original-message-id")
    yield from parts.other_texts
    yield content.replace(b"\r\n", b"\n").partition(b"\n\n")[2].decode("ascii", "replace")
