"""What the words and status codes of relays and gateways mean: pure. And what of their words may be repeated.

Gateways publish no list of their refusals, so the words are those that such mails have in common.
"""

from __future__ import annotations

import re

from proxy.delivery.failures import FailureReason

_MAX_LINE = 1000
_MAX_DETAIL = 160
_SPELLINGS: tuple[tuple[FailureReason, re.Pattern[str]], ...] = tuple(
    (reason, re.compile(words, re.ASCII | re.IGNORECASE))
    for reason, words in (
        (
            FailureReason.NO_CREDIT,
            r"\bno ?credits?\b"
            r"|\b(?:insufficient|not enough|out of|too few|no more|0) (?:\w+ )?(?:credits?|funds|balance)\b"
            r"|\bcredits? (?:has |have |is |are )?(?:exhausted|expired|used up|too low)\b|\btop[- ]up\b",
        ),
        (
            FailureReason.SENDER_NOT_TRUSTED,
            r"\buserpass\b|\buntrusted\b"
            r"|\bnot (?:a |an |in (?:the|your) )?(?:\w+ )?"
            r"(?:trusted|allowed|permitted|registered|authori[sz]ed|authenticated)\b"
            r"|\bunauthori[sz]ed\b|\b(?:unknown|unrecogni[sz]ed|invalid) sender\b"
            r"|\bsender(?: address| email)?(?: is|:)? (?:not |rejected|refused|denied|unknown)"
            r"|\bsender address rejected\b|\b(?:spf|dkim|dmarc)\b",
        ),
        (
            FailureReason.NUMBER_REFUSED,
            r"\b(?:invalid|bad|wrong|incorrect|unknown|unallocated|barred|blacklisted|opted[- ]out)(?: \w+)?"
            r" (?:number|mobile|msisdn|recipient|destination|phone|user|mailbox)\b"
            r"|\b(?:number|mobile|msisdn|recipient|destination|phone|user|mailbox)(?: \w+){0,2}"
            r" (?:not (?:a )?valid|invalid|unknown|not known|barred|blacklisted|opted[- ]out|unavailable|disabled)\b"
            r"|\bno such (?:user|number|recipient|mailbox)\b|\b(?:user|mailbox|number) (?:does not exist|not found)\b",
        ),
    )
)
_QUOTATION = re.compile(r"\"[^\"]*(?:\"|$)|“[^”]*(?:”|$)|«[^»]*(?:»|$)|(?<!\w)'[^']*(?:'(?!\w)|$)")
_ADDRESS = re.compile(r"<[^>]*(?:>|$)|\S*@\S*")
_CODE = re.compile(r"\s*([245][0-9]{2})(?:[ -]([245]\.[0-9]{1,3}\.[0-9]{1,3}))?(?![0-9.])", re.ASCII)


def reason_of_words(line: str) -> FailureReason | None:
    """What one line says, its quotations left out; None if it holds none of the known words."""
    said = _QUOTATION.sub(" ", line[:_MAX_LINE])
    return next((reason for reason, words in _SPELLINGS if words.search(said)), None)


def reason_of_status(status: str) -> FailureReason:
    """From an enhanced status code (RFC 3463 sections 3.2 to 3.8) of a delivery that failed."""
    kind, _, rest = status.partition(".")
    subject, _, detail = rest.partition(".")
    if not rest:
        return FailureReason.UNKNOWN
    if kind == "4" or subject in ("3", "4") or (subject, detail) == ("1", "2"):  # 5.1.2: its server cannot be found
        return FailureReason.GAVE_UP
    if subject == "7" or (subject, detail) in (("1", "7"), ("1", "8")):
        return FailureReason.SENDER_NOT_TRUSTED
    return FailureReason.NUMBER_REFUSED if subject in ("1", "2") else FailureReason.UNKNOWN


def clean_line(text: str, *, status: str = "") -> str:
    """What may be repeated of a line: a reply code in front, then words without digits, addresses and quotations."""
    text = text[:_MAX_LINE]
    codes = ""
    if match := _CODE.match(text):
        codes, text = " ".join(each for each in match.groups() if each), text[match.end() :]
    if status and status not in codes:
        codes = f"{codes} {status}".strip()
    text = _ADDRESS.sub("…", _QUOTATION.sub("…", text))
    text = re.sub(r"\d(?:[\W_]*\d)*", "…", text)  # \d: of any script
    words = " ".join("".join(char if char == "…" or " " <= char <= "~" else "?" for char in text).split())
    return f"{codes} {words}".strip()[:_MAX_DETAIL]
