"""What people read in their VPN client, as Reply-Message: plain text, a sentence each. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from config.factors import ChannelKind, Factor
from proxy.factors.challenge import Challenge
from proxy.factors.second_factor import Lack, Prompt
from proxy.radius.packets import Proves
from proxy.sign_in.message_fate import Unsent

MOST_BYTES = 253
"""Of one Reply-Message (RFC 2865 section 5.18)."""
AGAIN = frozenset({"", "again", "resend"})
"""What has the code sent again: nothing at all, or a word where a VPN client does not send nothing."""

_NAMES: Mapping[Factor, tuple[str, ...]] = MappingProxyType(
    {
        Factor.SMS: ("sms", "text"),
        Factor.EMAIL: ("email", "mail", "e-mail"),
        Factor.EMAIL_FOR_SMS: ("by mail", "email_for_sms"),
        Factor.TOTP: ("app", "totp"),
        Factor.RECOVERY_CODE: ("recovery", "recovery_code"),
    }
)
"""What is typed to be asked for another factor; the first is the one that is offered. No code looks like one."""

REFUSED = "The user name or password is not right. After several wrong tries, sign-in is paused for a while."
OVER = "This code is over. Sign in again."
EXHAUSTED = "There were too many wrong codes. Sign in again."
LOCKED = "Too many wrong codes were entered for this account. Ask your IT help desk."
NO_SCHEME = "You may not sign in here. Ask your IT help desk."
STOPPED = "Your account cannot be used now. Ask your IT help desk."
MUST_CHANGE = "Your password must be changed first. Sign in at {origin} to do so."
UNAVAILABLE = "Sign-in is not available at the moment. Try again in a few minutes."
FAILED = "Something went wrong here. Try again, and tell your IT help desk: {incident}"
_LACKS: Mapping[Lack, str] = MappingProxyType(
    {
        Lack.NUMBER: "There is no mobile number for you that a code can be sent to. Ask your IT help desk.",
        Lack.MAIL: "There is no mail address for you that a code can be sent to. Ask your IT help desk.",
        Lack.TRUST: "Your mobile number changed recently, so no code is sent to it yet. Ask your IT help desk.",
        Lack.ENROLMENT: "You have not set up what is asked for here. Ask your IT help desk.",
        Lack.PASSWORD: "A recovery code counts beside a password only. Ask your IT help desk.",
        Lack.WAY: "What you would prove who you are with cannot be used here. Ask your IT help desk.",
        Lack.PASS: "You have no pass that counts now. Ask your IT help desk.",
        Lack.SMS_OFF: "No codes are sent by SMS just now. Ask your IT help desk.",
        Lack.RUNG: OVER,
        Lack.CLOSED: "Nobody can sign in just now. Try again later.",
    }
)


def factor_called(typed: str) -> Factor | None:
    """The factor that somebody asks for by name, in the place of a code."""
    word = typed.casefold()
    return next((factor for factor, names in _NAMES.items() if word in names), None)


def question(challenge: Challenge, prompt: Prompt, others: Sequence[Factor], *, told: str = "") -> str:
    """What is asked for, and what else may be typed. `told`: what became of the last answer."""
    asked = {
        Factor.TOTP: "Enter the code that your authenticator app shows.",
        Factor.RECOVERY_CODE: f"Enter recovery code {prompt.hint}." if prompt.hint else "Enter a recovery code.",
    }.get(challenge.factor)
    if asked is None:
        way = "mail" if challenge.kind is ChannelKind.EMAIL else "SMS"
        asked = f"Enter the code that was sent by {way} to {challenge.masked_destination}."
        asked += " Enter nothing, or again, to have it sent again."
    names = [_NAMES[factor][0] for factor in others if factor in _NAMES]
    choice = f" For another way type {' or '.join(names)}." if names else ""
    return f"{told} {asked}{choice}".strip()


def not_right(attempts_left: int) -> str:
    return f"That code is not right. {attempts_left} {'try is' if attempts_left == 1 else 'tries are'} left."


def no_answer(prompt: Prompt) -> str:
    return f"That is not a code of {prompt.digits} digits." if prompt.digits else "That is not a code."


def too_early(wait_seconds: int) -> str:
    return f"A code was sent just now. It can be sent again in {wait_seconds} seconds."


def not_sent(why: Unsent) -> str:
    if why is Unsent.REFUSED:
        return "The code could not be delivered to you. Ask your IT help desk."
    return "The code could not be sent."


def throttled(retry_after_seconds: int) -> str:
    minutes = math.ceil(retry_after_seconds / 60)
    return f"There were too many tries. Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}."


def lacking(lack: Lack) -> str:
    return _LACKS[lack]


def not_checked(proves: Proves) -> str:
    """For the client's operator: no password is at fault."""
    return f"This client is set to {proves.value}, which cannot be checked here. It must use PAP."


def clipped(text: str) -> bytes:
    """As much as one attribute holds, in whole characters."""
    return text.encode()[:MOST_BYTES].decode(errors="ignore").encode()
