"""What an SMTP failure at a known stage says about the message: pure, and it never quotes the relay.

A relay's reply often repeats the address, so only its code and its enhanced code (RFC 3463) are kept.
"""

from __future__ import annotations

import re
import ssl
from enum import Enum

from aiosmtplib import SMTPConnectError, SMTPException, SMTPResponseException

from proxy.delivery.channel import Outcome
from proxy.delivery.verdict import Blame, Verdict

_SERVICE_CLOSING = 421
_NOT_LOGGED_IN = (530, 535, 538)
_ABOUT_THE_SENDER = ("5.1.7", "5.1.8", "5.7.")
_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.])", re.ASCII)


class Stage(Enum):
    """What was under way. The value completes "while ..."."""

    CONNECTING = "connecting"
    LOGIN = "logging in"
    SENDER = "naming the sender"
    RECIPIENT = "naming the recipient"
    DATA = "announcing the message"
    END_SENT = "waiting for the answer to the whole message"
    """The final dot has been handed to the transport: from here on the relay may have the message."""


JUDGED_LATE = frozenset((Stage.RECIPIENT, Stage.DATA, Stage.END_SENT))
"""Where a refusal may be about this recipient or message, or about us."""


def verdict_on(error: SMTPException | OSError, stage: Stage) -> Verdict:
    """What became of the message.

    A definite refusal (4yz, 5yz) at any stage means that the relay has not taken it (RFC 5321 section 4.2.1).
    Anything indefinite after the final dot is `UNKNOWN`; before it, another relay may be asked.
    """
    code = error.code if isinstance(error, SMTPResponseException) and 200 <= error.code <= 599 else None
    reason = _reason(error, code, stage)
    blame = _blame(error, code, stage)
    if stage is Stage.END_SENT and (code is None or code < 400):
        return Verdict(outcome=Outcome.UNKNOWN, code=code, reason=reason, blame=blame)
    if stage is Stage.RECIPIENT and code is not None and code >= 500 and blame is Blame.MESSAGE:
        return Verdict(outcome=Outcome.REFUSED, code=code, reason=reason, blame=blame)
    return Verdict(outcome=Outcome.UNAVAILABLE, code=code, reason=reason, blame=blame)


def _blame(error: SMTPException | OSError, code: int | None, stage: Stage) -> Blame:
    """A refused login or sender, TLS or the lack of it is for the operator to put right (RFC 5321 section 4.2.1)."""
    if _tls_error(error) is not None or (type(error) is SMTPException and stage in (Stage.CONNECTING, Stage.LOGIN)):
        return Blame.SETTINGS
    if code is None or code < 400 or code == _SERVICE_CLOSING:
        return Blame.SERVICE
    if code >= 500 and (stage in (Stage.CONNECTING, Stage.LOGIN, Stage.SENDER) or _is_about_us(error, code, stage)):
        return Blame.SETTINGS
    # Greylisting is about one recipient, and a refused content about one message; other 4yz are the relay's troubles.
    is_about_message = code >= 500 or stage is Stage.RECIPIENT
    return Blame.MESSAGE if is_about_message else Blame.SERVICE


def _is_about_us(error: SMTPException | OSError, code: int, stage: Stage) -> bool:
    """Whether a relay refuses recipient or message because of who asks: many judge login and sender no earlier.

    Exchange says so only of the whole message (550 5.7.60: not permitted to send as this sender). RFC 4954 section 6
    (530, 535, 538); RFC 3463: sender's address (5.1.7, 5.1.8), policy and authentication (5.7).
    """
    if stage not in JUDGED_LATE or not isinstance(error, SMTPResponseException):
        return False
    enhanced = _ENHANCED.match(error.message)
    return code in _NOT_LOGGED_IN or (enhanced is not None and enhanced[0].startswith(_ABOUT_THE_SENDER))


def _reason(error: SMTPException | OSError, code: int | None, stage: Stage) -> str:
    while_doing = f"while {stage.value}"
    if isinstance(error, SMTPResponseException):
        if code is None:
            return f"the relay's answer was no SMTP {while_doing}"
        enhanced = _ENHANCED.match(error.message)
        return f"the relay answered {code}{' ' + enhanced[0] if enhanced else ''} {while_doing}"
    tls = _tls_error(error)
    if isinstance(tls, ssl.SSLCertVerificationError):
        return f"the relay's certificate was not accepted: {tls.verify_message}"
    if tls is not None:
        return f"TLS with the relay failed: {tls.reason}"
    if isinstance(error, TimeoutError):
        return f"the relay did not answer in time {while_doing}"
    if type(error) is SMTPException and stage in (Stage.CONNECTING, Stage.LOGIN):
        return error.message  # the library's own constant sentences: no STARTTLS, no AUTH, no common method
    if stage is Stage.CONNECTING and isinstance(error, OSError):
        cause = error.__cause__ if isinstance(error, SMTPConnectError) else error
        return f"the relay can't be reached: {cause or 'it closed the connection'}"
    return f"the connection was lost {while_doing}"


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """The TLS error behind `error`; aiosmtplib wraps some and lets others through."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__
    return error
