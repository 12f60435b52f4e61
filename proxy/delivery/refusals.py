"""Whose fault it is that a mail was not taken, judged by the words and codes of the refusal: pure, and the only judge.

A relay's answer and a later failure report are judged alike. Only a refusal that clearly names the recipient is the
recipient's fault. Servers also refuse sender, client and login in answer to the recipient's name, with any code,
because many check no earlier (Postfix by default). A refusal that does not say whose fault it is stays `UNKNOWN`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from proxy.delivery.delivery_store import FailureReason
from proxy.delivery.refusal_words import (
    ABOUT_RECIPIENT,
    ABOUT_US,
    ADDRESS,
    ELSEWHERE,
    GATEWAY_REFUSES_NUMBER,
    GATEWAY_REFUSES_SENDER,
    GREYLISTED,
    NO_CREDIT,
    NOT_LOCAL,
    ON_THE_WAY,
    PASSING,
    RECIPIENT,
    REFUSES_RECIPIENT,
    SENDER,
    THINGS,
    UNKNOWN_ALONE,
)

_MAX_TEXT = 1000
_ABOUT_SENDER = ("5.1.7", "5.1.8", "5.1.9")
"""RFC 3463 section 3.2: the sender's address; RFC 3886: the sender's domain."""
_ABOUT_RECIPIENT = ("5.1.1", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1")
"""RFC 3463 sections 3.2 and 3.3. 5.1.10: Exchange, of whom it does not know."""
_ELSEWHERE = ("5.1.2", "5.2.2", "5.2.3", "5.2.4")
_ABOUT_COMMANDS = ("5.5.1", "5.5.2", "5.5.3", "5.5.4")
_LOGIN_CODES = (530, 534, 535, 538)
"""RFC 4954 section 6."""
_COMMAND_CODES = (500, 502, 503, 504, 513, 521, 523, 555)
"""RFC 5321 section 4.2.2, RFC 7504: what was said, or that it was said here, not whom it named."""
_STORAGE = 552

_ENHANCED = re.compile(r"(?<![0-9.])([245]\.[0-9]{1,3}\.[0-9]{1,3})(?![0-9.])", re.ASCII)
_REPLY = re.compile(r"(?<![\w.#-])([245][0-9]{2})(?=[ \t-]|$)", re.ASCII)
_URL = re.compile(r"https?://\S*|\bwww\.\S*")
_TELLING_IN_URL = re.compile(
    r"spamhaus|spamcop|barracuda|ipcheck|dnsbl|rbl|blacklist|blocklist|delist|reputation|openspf|dmarc"
)
QUOTATION = re.compile(r"\"[^\"]*(?:\"|$)|“[^”]*(?:”|$)|«[^»]*(?:»|$)|(?<!\w)'[^']*(?:'(?!\w)|$)")
_QUOTED_REPLY = re.compile(r".\s*(?:[245][0-9]{2}[ -]|[245]\.[0-9]{1,3}\.[0-9]{1,3})", re.ASCII)
_IP = re.compile(r"\[?\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b\]?", re.ASCII)
_HOST = re.compile(r"\b[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}\b", re.ASCII)
"""Exchange's own names, such as RESOLVER.RST.NotAuthorized, are words."""
_MAILBOX = re.compile(r"<?[^\s<>()\[\]:;,\"']+@[^\s<>()\[\]:;,\"']+>?")


class Stage(Enum):
    """How far a mail got with a relay when an answer came. The value completes "while ..."."""

    CONNECTING = "connecting"
    LOGIN = "logging in"
    SENDER = "naming the sender"
    RECIPIENT = "naming the recipient"
    DATA = "announcing the message"
    END_SENT = "waiting for the answer to the whole message"
    """The final dot has been handed to the transport: from here on the relay may have the message."""


JUDGED_LATE = frozenset((Stage.RECIPIENT, Stage.DATA, Stage.END_SENT))
"""The stages at which a refusal may be about this recipient or message, or about us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What was said. Its `repr` shows neither the words nor an address."""

    text: str = field(repr=False)
    """Perhaps several lines, perhaps with codes in front."""
    stage: Stage | None = None
    """None: in a report, which seldom says."""
    code: int | None = None
    """The reply code (RFC 5321 section 4.2); None: the one in the text, if any."""
    enhanced: str = ""
    """The enhanced status code (RFC 3463); empty: the one in the text, if any."""
    sender: str = field(default="", repr=False)
    recipient: str = field(default="", repr=False)


def judge(refusal: Refusal) -> FailureReason:
    """Whose fault it is, in this order: what the words say, what the enhanced code says, what the reply code says."""
    if refusal.stage is not None and refusal.stage not in JUDGED_LATE:
        return FailureReason.SENDER_NOT_TRUSTED
    said = normalised(refusal.text, sender=refusal.sender, recipient=refusal.recipient)
    own_enhanced = enhanced_in(refusal.text)
    enhanced = own_enhanced if own_enhanced and not own_enhanced.endswith(".0.0") else refusal.enhanced or own_enhanced
    code = refusal.code if refusal.code is not None else reply_in(refusal.text)
    by_words = _by_words(said, enhanced=enhanced, is_passing=enhanced.startswith("4.") or _is_passing(code))
    if by_words is not FailureReason.UNKNOWN:
        return by_words
    if enhanced.startswith("4.") or (_is_passing(code) and not enhanced.startswith("5.")):
        return FailureReason.GAVE_UP
    by_code = _by_enhanced(enhanced, stage=refusal.stage)
    if by_code is FailureReason.NUMBER_REFUSED and not _may_name_recipient(said, code, own_enhanced, refusal):
        return FailureReason.SENDER_NOT_TRUSTED if SENDER in said else _by_reply(code)
    return by_code if by_code is not FailureReason.UNKNOWN else _by_reply(code)


def reason_of_plain_words(text: str) -> FailureReason:
    """What a mail says that may be anybody's answer: only by the words of SMS gateways, which few others use."""
    said = THINGS.replaced(normalised(text), "{thing}")
    for words, reason in (
        (NO_CREDIT, FailureReason.NO_CREDIT),
        (GATEWAY_REFUSES_SENDER, FailureReason.SENDER_NOT_TRUSTED),
        (GATEWAY_REFUSES_NUMBER, FailureReason.NUMBER_REFUSED),
    ):
        if words.is_in(said):
            return reason
    return FailureReason.UNKNOWN


def is_greylisting(text: str) -> bool:
    return GREYLISTED.is_in(text.lower())


def enhanced_in(text: str) -> str:
    """The first enhanced code that says more than its class; otherwise the first; empty: none."""
    found = _ENHANCED.findall(text[:_MAX_TEXT])
    return next((each for each in found if not each.endswith(".0.0")), found[0] if found else "")


def enhanced_in_front(text: str) -> str:
    """From an answer's text, in the place that RFC 2034 defines; empty: none. It is safe to repeat."""
    match = _ENHANCED.match(text)
    return match[1] if match else ""


def reply_in(text: str) -> int | None:
    """The first reply code of a refusal."""
    match = next((each for each in _REPLY.findall(text[:_MAX_TEXT]) if each[0] in "45"), None)
    return int(match) if match else None


def normalised(text: str, *, sender: str = "", recipient: str = "") -> str:
    """One lower-case line without links and quotations, with the addresses replaced by words that tell them apart.

    A server may quote our subject, in which an app's name can be any words.
    """
    text = text[:_MAX_TEXT].replace("’", "'").replace("`", "'")
    text = QUOTATION.sub(
        lambda match: match[0] if _QUOTED_REPLY.match(match[0]) else " ", _URL.sub(_told_by_link, text)
    )
    known = {sender.lower(): SENDER, recipient.lower(): RECIPIENT}

    def named(match: re.Match[str]) -> str:
        return known.get(match[0].strip("<>.").lower(), ADDRESS)

    said = " ".join(_HOST.sub("{at}", _IP.sub("{inet}", _MAILBOX.sub(named, text))).lower().split())
    name = sender.lower().rpartition("@")[0]
    return re.sub(rf"\b(user|account|login)(:? ){re.escape(name)}(?![\w.-])", rf"\1\2{SENDER}", said) if name else said


def _told_by_link(match: re.Match[str]) -> str:
    """The words of a link belong to an explanation page: keep only those that name a block list or the like."""
    told = _TELLING_IN_URL.findall(match[0].lower())
    return f" reputation {' '.join(told)} " if told else " "


def _is_passing(code: int | None) -> bool:
    return code is not None and 400 <= code <= 499


def _by_words(said: str, *, enhanced: str, is_passing: bool) -> FailureReason:
    if NO_CREDIT.is_in(said):
        return FailureReason.NO_CREDIT
    if GREYLISTED.is_in(said):
        return FailureReason.GAVE_UP
    if ABOUT_US.is_in(said) or GATEWAY_REFUSES_SENDER.is_in(said) or enhanced in _ABOUT_SENDER:
        return FailureReason.SENDER_NOT_TRUSTED
    if ELSEWHERE.is_in(said):
        return FailureReason.GAVE_UP
    of_persons = THINGS.replaced(said, "{thing}")
    names_recipient = (
        ABOUT_RECIPIENT.is_in(of_persons) or GATEWAY_REFUSES_NUMBER.is_in(of_persons) or _is_unknown_alone(said)
    )
    if names_recipient and SENDER in said and RECIPIENT not in said:
        return FailureReason.SENDER_NOT_TRUSTED
    if names_recipient and PASSING.is_in(said) and not enhanced.startswith("5.1."):
        return FailureReason.GAVE_UP
    if names_recipient and NOT_LOCAL.is_in(said):
        return FailureReason.UNKNOWN
    if names_recipient and not is_passing:
        return FailureReason.NUMBER_REFUSED
    if ON_THE_WAY.is_in(said) and enhanced not in _ABOUT_RECIPIENT and not enhanced.startswith("5.7."):
        return FailureReason.GAVE_UP
    if REFUSES_RECIPIENT.is_in(said) and SENDER not in said and not is_passing and not enhanced.startswith("5.7."):
        return FailureReason.NUMBER_REFUSED
    return FailureReason.UNKNOWN


def _is_unknown_alone(said: str) -> bool:
    words = _ENHANCED.sub(" ", _REPLY.sub(" ", said)).strip()
    return UNKNOWN_ALONE.fullmatch(words) is not None


def _may_name_recipient(said: str, code: int | None, own_enhanced: str, refusal: Refusal) -> bool:
    """Whether a code about the recipient can be believed.

    Not where our address is the one that is named. And a report's status is its author's guess where the reply that it
    cites had none: Sendmail writes 5.1.1 for every 550.
    """
    if code in _LOGIN_CODES or code in _COMMAND_CODES or (SENDER in said and RECIPIENT not in said):
        return False
    return bool(own_enhanced) or refusal.stage is not None or code is None


def _by_enhanced(enhanced: str, *, stage: Stage | None) -> FailureReason:
    if enhanced in _ABOUT_RECIPIENT:
        return FailureReason.NUMBER_REFUSED
    if enhanced in _ABOUT_SENDER or enhanced.startswith("5.7."):
        return FailureReason.SENDER_NOT_TRUSTED
    if enhanced in _ABOUT_COMMANDS and stage is not None:
        return FailureReason.SENDER_NOT_TRUSTED
    if enhanced in _ELSEWHERE or enhanced.startswith(("5.3.", "5.4.")):
        return FailureReason.GAVE_UP
    return FailureReason.UNKNOWN


def _by_reply(code: int | None) -> FailureReason:
    if code in _LOGIN_CODES or code in _COMMAND_CODES:
        return FailureReason.SENDER_NOT_TRUSTED
    return FailureReason.GAVE_UP if code == _STORAGE or _is_passing(code) else FailureReason.UNKNOWN
