"""What an SMTP failure at a known stage says about the message: pure, and it never quotes the relay.

A relay's reply often repeats the address, so only its code and its enhanced code (RFC 3463) are kept.
"""

from __future__ import annotations

import ssl

from aiosmtplib import SMTPException, SMTPResponseException

from config.system_errors import connection_reason, tls_reason
from proxy.delivery.channel import Blame, Outcome, SendResult
from proxy.delivery.delivery_store import OPERATORS, FailureReason
from proxy.delivery.refusals import JUDGED_LATE, Refusal, Stage, enhanced_in_front, is_greylisting, judge

SERVICE_CLOSING = 421

_NO_STARTTLS = (
    'the relay offers no STARTTLS on this port: security = "tls" for 465, or "none" if the relay is on this machine'
)


class NotTriedNow(SMTPException):
    """The relay is well as far as is known, and nothing was sent to it for a reason of our own, which this says."""


def verdict_on(error: SMTPException | OSError, stage: Stage, *, sender: str = "", recipient: str = "") -> SendResult:
    """What became of the message, whose envelope named these addresses.

    A definite refusal (4yz, 5yz) at any stage means that the relay has not taken it (RFC 5321 section 4.2.1).
    Anything indefinite after the final dot is `UNKNOWN`; before it, another relay may be asked.
    """
    code = error.code if isinstance(error, SMTPResponseException) and 200 <= error.code <= 599 else None
    reason = _reason(error, code, stage)
    blame = _blame(error, code, stage, sender=sender, recipient=recipient)
    if blame is Blame.SETTINGS and code is not None and stage in JUDGED_LATE:
        reason += ": it refuses the sender, the client or the login, not the recipient"
    outcome = Outcome.UNAVAILABLE
    if blame is Blame.RECIPIENT:
        outcome = Outcome.REFUSED
    elif stage is Stage.END_SENT and (code is None or code < 400):
        outcome = Outcome.UNKNOWN
    return SendResult(outcome=outcome, code=code, reason=reason, blame=blame)


def _blame(error: SMTPException | OSError, code: int | None, stage: Stage, *, sender: str, recipient: str) -> Blame:
    """A refused login or sender, and TLS or the lack of it, is for the operator to fix (RFC 5321 section 4.2.1)."""
    if _tls_error(error) is not None or (type(error) is SMTPException and stage in (Stage.CONNECTING, Stage.LOGIN)):
        return Blame.SETTINGS
    if code is None or code < 400 or code == SERVICE_CLOSING or not isinstance(error, SMTPResponseException):
        return Blame.SERVICE
    said = judge(Refusal(text=error.message, stage=stage, code=code, sender=sender, recipient=recipient))
    if code >= 500:
        if said is FailureReason.NUMBER_REFUSED:
            return Blame.RECIPIENT
        return Blame.SETTINGS if said in OPERATORS else Blame.UNCLEAR
    if said in OPERATORS and stage in JUDGED_LATE:
        return Blame.UNCLEAR  # many relays answer 4yz to faults that stay until somebody acts
    # Greylisting is about one recipient; any other 4yz is the relay's problem.
    return Blame.MESSAGE if stage is Stage.RECIPIENT or is_greylisting(error.message) else Blame.SERVICE


def _reason(error: SMTPException | OSError, code: int | None, stage: Stage) -> str:
    while_doing = f"while {stage.value}"
    if isinstance(error, SMTPResponseException):
        if code is None:
            return f"the relay's answer was no SMTP {while_doing}"
        return f"the relay answered {f'{code} {enhanced_in_front(error.message)}'.strip()} {while_doing}"
    if isinstance(error, NotTriedNow):
        return error.message
    tls = _tls_error(error)
    if tls is not None:
        return f"the relay: {tls_reason(tls)}"
    if isinstance(error, TimeoutError):
        return f"the relay did not answer in time {while_doing}"
    if type(error) is SMTPException and stage in (Stage.CONNECTING, Stage.LOGIN):
        # The library's own constant sentences: no STARTTLS, no AUTH, no common method.
        return _NO_STARTTLS if "STARTTLS" in error.message else error.message
    if stage is Stage.CONNECTING and isinstance(error, OSError):
        return f"the relay can't be reached: {connection_reason(error)}"
    return f"the connection was lost {while_doing}"


def _tls_error(error: BaseException | None) -> ssl.SSLError | None:
    """The TLS error behind `error`; aiosmtplib wraps some and lets others through."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__
    return error
