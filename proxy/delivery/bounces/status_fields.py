"""The fields by which a report says what became of a mail for each recipient (RFC 3464 section 2.3): pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from proxy.delivery.bounces.mail_parts import one_line, without_comments

_FOLDED = re.compile(r"\r?\n[ \t]+")
_FIELD = re.compile(r"([A-Za-z][A-Za-z0-9-]*)[ \t]*:(.*)", re.ASCII)
_CODE = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}", re.ASCII)
_TYPE = re.compile(r"\s*[A-Za-z0-9.-]+\s*;", re.ASCII)
_FAILED = ("failed", "failure", "fail", "expired", "undeliverable", "undelivered", "bounced", "error")
"""The first is the standard's word; the others stand in reports, too."""
_NO_FAILURE = ("delayed", "delivered", "relayed", "expanded", "deferred", "delay", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientStatus:
    """What is said about one recipient. Its `repr` shows neither address nor words."""

    is_failure: bool
    gave_up: bool = False
    """It was tried for too long."""
    status: str = ""
    recipient: str = field(default="", repr=False)
    diagnostic: str = field(default="", repr=False)
    """What a server answered, without the type in front."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statuses:
    envelope_id: str = field(default="", repr=False)
    """As the sender gave it with ENVID (RFC 3461 section 4.4)."""
    recipients: tuple[RecipientStatus, ...] = ()


def statuses_of(text: str) -> Statuses:
    """`text`: a whole part message/delivery-status. Comments in its fields are for people."""
    envelope_id = ""
    recipients = []
    for group in _groups(text):
        envelope_id = envelope_id or without_comments(group.get("original-envelope-id", ""))
        if "action" in group or "status" in group or "final-recipient" in group:
            recipients.append(_recipient(group))
    return Statuses(envelope_id=envelope_id, recipients=tuple(recipients))


def _recipient(group: dict[str, str]) -> RecipientStatus:
    diagnostic = group.get("diagnostic-code", "")
    code = _CODE.search(without_comments(group.get("status", ""))) or _CODE.search(group.get("status", ""))
    status = code[0] if code else ""
    action = without_comments(group.get("action", "")).lower().rstrip(".")
    says_it = "action" in group and action in (*_FAILED, *_NO_FAILURE)
    # Where it is a word of the server's own, or none, the code says it, too.
    is_failure = action in _FAILED if says_it else status.startswith("5.")
    address = group.get("final-recipient") or group.get("original-recipient") or ""
    return RecipientStatus(
        is_failure=is_failure,
        gave_up=action == "expired",
        status=status,
        recipient=without_comments(_TYPE.sub("", address, count=1)).strip("<> "),
        diagnostic=_TYPE.sub("", diagnostic, count=1).strip(),
    )


def _groups(text: str) -> Iterator[dict[str, str]]:
    """Fields by lower-case name, up to an empty line, or to where one comes again: some servers leave the line out."""
    group: dict[str, str] = {}
    for line in _FOLDED.sub(" ", text).splitlines():
        match = _FIELD.match(line)
        is_end = not line.strip() if match is None else match[1].lower() in group
        if is_end and group:
            yield group
            group = {}
        if match is not None:
            group[match[1].lower()] = one_line(match[2])
    if group:
        yield group
