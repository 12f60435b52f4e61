"""What the API says no with: one value for each, and the one place that knows its status."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from config.factors import ChannelKind
from directory.directory import RefusalReason
from proxy.api.models import ErrorName
from proxy.factors.challenge import Challenge
from proxy.factors.second_factor import Unusable
from proxy.http.problem import Problem
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.pages.amounts import duration
from proxy.pages.answers import Answer
from proxy.pages.problem_texts import problem_words
from proxy.pages.refusal_texts import LACKS, STOPPED
from proxy.sign_in.message_fate import Unsent

STATUS: Mapping[ErrorName, int] = MappingProxyType(
    {
        "bad_request": 400,
        "refused": 401,
        "not_allowed": 403,
        "throttled": 429,
        "internal_error": 500,
        "unavailable": 503,
    }
)
_NAMES: Mapping[int, ErrorName] = MappingProxyType({status: name for name, status in STATUS.items()})
_WRONG_CREDENTIALS = 'Gatepost realm="sign-in"'
_NO_TOKEN = 'Bearer realm="sign-in"'  # noqa: S105  # a challenge
TOKEN_OVER = _NO_TOKEN + ', error="invalid_token"'
"""RFC 6750 section 3.1: by this a client tells a sign-in or session that is over from a wrong passcode."""
RETRY_SECONDS = 5
"""What a 503 says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRefusal:
    error: ErrorName
    message: str
    status: int = 0
    """0: the error's own."""
    retry_after_seconds: int | None = None
    challenge: str = _WRONG_CREDENTIALS
    """``WWW-Authenticate`` of a 401 (RFC 9110 section 15.5.2)."""

    @property
    def http_status(self) -> int:
        return self.status or STATUS[self.error]


def of_problem(problem: Problem, detail: str = "") -> CallRefusal:
    """As the pages answer it, by the same words and status."""
    status = Answer(problem=problem).status
    is_own_fault = status < 500 and status not in _NAMES
    return CallRefusal(
        error="bad_request" if is_own_fault else _NAMES.get(status, "internal_error"),
        message=detail or problem_words(problem.value).text,
        status=status,
        retry_after_seconds=RETRY_SECONDS if status == STATUS["unavailable"] else None,
    )


def bad_request(message: str) -> CallRefusal:
    return CallRefusal(error="bad_request", message=message)


def throttled(text: str, seconds: int) -> CallRefusal:
    wait = _("Try again in %(wait)s.", wait=duration(seconds))
    return CallRefusal(error="throttled", message=f"{text} {wait}", retry_after_seconds=seconds)


def not_allowed(*sentences: str) -> CallRefusal:
    return CallRefusal(error="not_allowed", message=" ".join(sentences))


def unusable(why: Unusable) -> CallRefusal:
    return not_allowed(_(LACKS[why.lack.value][1]))


def account_stopped(reason: RefusalReason) -> CallRefusal:
    return not_allowed(_("Your password was right."), _(STOPPED[reason.value]))


def wrong_password(pause_seconds: float | None) -> CallRefusal:
    """One for all reasons. `pause_seconds`: what the page says too, of a name that exists or not."""
    wait = None if pause_seconds is None else max(1, math.ceil(pause_seconds))
    return CallRefusal(error="refused", message=_(phrases.SIGN_IN_REFUSED), retry_after_seconds=wait)


def not_sent_again() -> CallRefusal:
    """The first message may still arrive."""
    return CallRefusal(error="unavailable", message=_(phrases.PASSCODE_NOT_RESENT), retry_after_seconds=RETRY_SECONDS)


def unsent(challenge: Challenge, why: Unsent) -> CallRefusal:
    """Nobody took the message, or this recipient was refused."""
    masked = challenge.masked_destination
    text = phrases.UNSENT_MAIL if challenge.kind is ChannelKind.EMAIL else phrases.UNSENT_TEXT
    if why is Unsent.REFUSED:
        text = phrases.UNSENT_REFUSED
    return CallRefusal(
        error="unavailable", message=_(text, number=masked, mail=masked), retry_after_seconds=RETRY_SECONDS
    )


def not_pending() -> CallRefusal:
    """The sign-in stands: a new code may be asked for."""
    return CallRefusal(error="refused", message=f"{_(phrases.GONE_TITLE)}. {_(phrases.GONE_TEXT)}")


def flow_over() -> CallRefusal:
    message = _("This sign-in is over. Begin again with your password.")
    return CallRefusal(error="refused", message=message, challenge=TOKEN_OVER)


def session_over() -> CallRefusal:
    message = _("There is no session for this token, or it has ended.")
    return CallRefusal(error="refused", message=message, challenge=TOKEN_OVER)


NO_TOKEN = CallRefusal(
    error="refused", message="This needs the field Authorization: Bearer TOKEN.", challenge=_NO_TOKEN
)
