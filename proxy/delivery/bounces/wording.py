"""What reports of mail servers and gateways say in words for people, and which of those may be repeated: pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from proxy.delivery.refusals import QUOTATION

_MAX_LINE = 1000
_MAX_DETAIL = 160
_MOST_LINES = 200

_ADDRESS = re.compile(r"<[^>]*(?:>|$)|\S*@\S*")
_DOTTED = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}")
"""Addresses, whose dots end no sentence."""
_CODE = re.compile(r"\s*([245][0-9]{2})(?:[ -]([245]\.[0-9]{1,3}\.[0-9]{1,3}))?(?![0-9.])", re.ASCII)

_WILL_NOT_ARRIVE = re.compile(
    r"\b(?:permanent(?:ly)?|fatal)\b[^.;]{0,30}\b(?:fail\w*|errors?|undeliverable)\b|\bfailed permanently\b"
    r"|\b(?:could|can|was|were|is|has|have)(?: not|not|n't) (?:be |been )?(?:\w+ )?(?:delivered|sent|reached|"
    r"forwarded|accepted|processed|completed)\b"
    r"|\b(?:unable|not able|impossible|failed) to (?:be )?(?:deliver\w*|send|reach|forward)\b|\bdid not reach\b|"
    r"\bnot delivered\b"
    r"|\bdeliver(?:y|ing)\b[^.;]{0,40}\b(?:failed|failure|unsuccessful|impossible)\b|\bdelivery failure\b|"
    r"\bfailure notice\b"
    r"|\bfail(?:ed|ure) (?:delivery|mail|message|to deliver)\b|\b(?:mail|message|sending) (?:delivery )?(?:failed|"
    r"failure|error)\b"
    r"|\bundeliver(?:ed|able|y)\b|\bnon-?deliver(?:y|able)\b|\breturned (?:mail|to sender|message)\b|\b(?:mail|"
    r"message) returned\b|\breturning (?:your |the )?(?:mail|message)\b|\bgiv(?:en|ing) up\b|\bbounced\b"
    r"|\b(?:message|mail|e-?mail|sms|text)\b[^.;]{0,40}\b(?:was|were|been|is) (?:rejected|refused|returned|blocked)\b",
    re.ASCII | re.IGNORECASE,
)
_MAY_ARRIVE = re.compile(
    r"\bwarning message only\b|\b(?:do not|don't) need to (?:resend|re-send)\b|\bno action is required\b"
    r"|\b(?:will|shall) (?:automatically )?(?:be |keep |continue (?:to be |to )?)?(?:retr(?:y|ied|ying)|try(?:ing)?|"
    r"tried|attempt\w*)\b|\b(?:attempts?|retr(?:y|ies)|trying) (?:\w+ ){0,3}(?:will )?continue\b|\bcontinue trying\b|"
    r"\bstill (?:being )?(?:retried|trying|tried)\b"
    r"|\bnot yet (?:been )?delivered\b|\bnot been delivered yet\b|\b(?:been|is|was|are) delayed\b|"
    r"\bdelayed (?:\d+ )?(?:hours?|mail|delivery)\b"
    r"|\((?:delay|delayed|deferred)\)|\bdelivery (?:status notification )?(?:is )?\(?delay(?:ed)?\b|"
    r"\btemporary (?:failure|non-?fatal)\b"
    r"|^\W*delayed\b|\bcould not send (?:message|mail) for (?:the )?past\b|\bdelivery (?:has been )?(?:deferred|"
    r"postponed)\b|\bhas been postponed\b",
    re.ASCII | re.IGNORECASE,
)
_FINAL = re.compile(
    r"\bpermanent (?:error|failure)|\bfailed permanently\b|\bgiv(?:en|ing) up\b|\bnot going to try again\b"
    r"|\b(?:not|no longer) (?:be )?(?:retr(?:y|ied)|tried again|attempted)\b|\bhas (?:not been delivered|"
    r"been returned)\b",
    re.ASCII | re.IGNORECASE,
)
_ARRIVED = re.compile(
    r"\bsuccessful(?:ly)?\b[^.;]{0,40}\b(?:delivered|relayed|sent|delivery|received)\b|\b(?:delivered|relayed|"
    r"sent) successfully\b"
    r"|\((?:success|relay|delivered)\)|\b(?:was|has been|were) (?:delivered|read|displayed)\b|\bdelivery receipt\b",
    re.ASCII | re.IGNORECASE,
)
_FROM_HERE_QUOTED = re.compile(
    r"\W*[-_=*~]{2,}.*\b(?:original|returned|unsent|undelivered|copy|forwarded|headers?|message (?:text|body|"
    r"follows))\b"
    r"|.{0,40}\bbelow (?:this line )?is (?:a|the) copy\b|\s*(?:return-path|received|message-id|mime-version|"
    r"content-type|dkim-signature|x-[\w-]+)\s*:|\s*_{5,}\s*$|-{3,}\s*$",
    re.ASCII | re.IGNORECASE,
)
_DIVIDER_ALONE = re.compile(r"\s*[-_=*~]{3,}\s*$")
_NAMES_OF_FIELDS = re.compile(r"\s*(?:subject|from|to|date|sent|cc|sender)\s*:", re.ASCII | re.IGNORECASE)


def will_not_arrive(text: str) -> bool:
    """Whether it says that a message will not arrive, without a reason."""
    return _WILL_NOT_ARRIVE.search(_DOTTED.sub("…", text)) is not None


def may_arrive(text: str) -> bool:
    """Whether it says that a message is tried again, or has arrived."""
    text = _DOTTED.sub("…", text)
    return (_MAY_ARRIVE.search(text) is not None or _ARRIVED.search(text) is not None) and _FINAL.search(text) is None


def paragraphs(text: str, *, is_report: bool) -> Iterator[str]:
    """What a mail says itself, each paragraph as one line, up to where it begins to quote.

    A report may list To and Subject of our mail within its own words. In any other mail they begin a quotation.
    """
    lines: list[str] = []
    for line in text.splitlines()[:_MOST_LINES]:
        is_end = _FROM_HERE_QUOTED.match(line) is not None and not (is_report and _DIVIDER_ALONE.match(line))
        if is_end or (not is_report and _NAMES_OF_FIELDS.match(line)):
            break
        is_own = (
            not line.lstrip().startswith(">") and not _NAMES_OF_FIELDS.match(line) and not _DIVIDER_ALONE.match(line)
        )
        if is_own and line.strip():
            lines.append(line.strip())
        elif lines:
            yield " ".join(lines)
            lines = []
    if lines:
        yield " ".join(lines)


def clean_line(text: str, *, status: str = "") -> str:
    """What may be repeated of a line: a reply code in front, then words without digits, addresses and quotations.

    `status`: the enhanced code, if the line has none.
    """
    text = text[:_MAX_LINE]
    codes = ""
    if match := _CODE.match(text):
        codes, text = " ".join(each for each in match.groups() if each), text[match.end() :]
    if status and status not in codes and "." not in codes:
        codes = f"{codes} {status}".strip()
    text = _ADDRESS.sub("…", QUOTATION.sub("…", text))
    text = re.sub(r"\d(?:[\W_]*\d)*", "…", text)  # \d: of any script
    words = " ".join("".join(char if char == "…" or " " <= char <= "~" else "?" for char in text).split())
    return f"{codes} {words}".strip()[:_MAX_DETAIL]
