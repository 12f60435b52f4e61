"""What is said to a person at a terminal: the words of the pages where there are some, and those of a terminal alone.

Pure. Plain text: bullets are written as asterisks, which every terminal can show.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import MappingProxyType

from config.factors import ChannelKind, Factor
from directory.directory import RefusalReason
from proxy.factors.challenge import Challenge
from proxy.factors.second_factor import Chosen, Prompt, Unusable
from proxy.languages.current import N_
from proxy.languages.current import gettext as _
from proxy.pages import phrases
from proxy.pages.amounts import duration, tries_left
from proxy.pages.instants import instant_to_come
from proxy.pages.problem_texts import problem_words
from proxy.pages.refusal_texts import LACKS, STOPPED, WRONG_ANSWERS
from proxy.sign_in.message_fate import Unsent
from proxy.sign_in.password import NotProven

PASSWORD_LABEL = "Password: "  # noqa: S105  # a label
AGAIN = "Press Enter alone to have the code sent again."
NEW_CODE = "Press Enter for a new one:"
ANOTHER = "Or type {names} to use another way."
NO_SHELL = "This is a jump host, with no shell, commands or files of its own: use ssh -J"
NO_FORWARDING = "Only connections to permitted hosts can be made through this jump host"
NOT_PERMITTED = "You may not open this host and port through this jump host"
CANNOT_RESOLVE = "There is no such host"
CANNOT_CONNECT = "The host does not answer"
TOO_MANY_CHANNELS = "Too many connections are open through this one"
SESSION_ENDED = "Your session has ended. Sign in again."
TOO_SLOW = "You did not sign in in time."
STOPPING = "The jump host is restarting. Sign in again."
OUT_OF_TURN = "More than one answer was sent at once."
MUST_CHANGE = "Your password has expired or was set by the help desk. Choose a new one at {url}, then sign in here."
TRY_AGAIN = "Press Enter to try again."
TURNED_AWAY = b"Too many connections. Try again later.\r\n"
"""A server may send lines before its version (RFC 4253 section 4.2); OpenSSH does the same."""

_LABELS = MappingProxyType({Factor.TOTP: phrases.ASK_TOTP, Factor.RECOVERY_CODE: N_("One of your recovery codes")})


def plain(text: str) -> str:
    return text.replace("•", "*")


def refused(why: NotProven, now: float) -> str:
    """The same for an unknown name and for a wrong password."""
    pause = why.pause
    if pause is None:
        return _(phrases.SIGN_IN_REFUSED)
    until = f"{_(phrases.SIGN_IN_PAUSED)} {instant_to_come(pause.ends_at, now).clock}. {_(phrases.SIGN_IN_PAUSED_MORE)}"
    return f"{_(phrases.SIGN_IN_REFUSED)} {until}" if pause.is_new else until


def wait_for(text: str, seconds: int) -> str:
    return text + " " + _("Try again in %(wait)s.", wait=duration(seconds))


def stopped(reason: RefusalReason) -> str:
    return _("Your password was right.") + " " + _(STOPPED.get(reason.value, phrases.STOPPED_TITLE))


def lacking(why: Unusable, now: float) -> str:
    text = _(LACKS[why.lack.value][1])
    return text if why.until is None else wait_for(text, max(1, math.ceil(why.until - now)))


def sent_to(challenge: Challenge) -> str:
    """Where its message went; empty: nothing was sent."""
    if challenge.kind is None:
        return ""
    sent = _(phrases.PASSCODE_SENT) if challenge.kind is ChannelKind.SMS else _(phrases.PASSCODE_SENT_MAIL)
    return plain(f"{sent} {challenge.masked_destination}.")


def not_sent(challenge: Challenge, why: Unsent) -> str:
    text = phrases.UNSENT_REFUSED if why is Unsent.REFUSED else phrases.UNSENT_TEXT
    if why is not Unsent.REFUSED and challenge.kind is ChannelKind.EMAIL:
        text = phrases.UNSENT_MAIL
    masked = challenge.masked_destination
    return plain(f"{_(text, number=masked, mail=masked)} {TRY_AGAIN}")


def label(challenge: Challenge, prompt: Prompt) -> str:
    """With where its message went: some programs show nothing else."""
    asked = _(_LABELS[challenge.factor], hint=prompt.hint) if challenge.factor in _LABELS else ""
    if not asked:
        asked = _("%(digits)s-digit code", digits=prompt.digits) + f" ({plain(challenge.masked_destination)})"
    return f"{asked}: "


def other_ways(others: Sequence[Chosen]) -> str:
    """How to choose one; empty: there is none."""
    if not others:
        return ""
    names = [f'"{each.factor.value}"' + (f" ({plain(each.masked)})" if each.kind else "") for each in others]
    return ANOTHER.format(names=" or ".join(names))


def named_of(text: str, others: Sequence[Chosen]) -> Factor | None:
    """Which of them was typed: ``recovery code`` as well as ``recovery_code``."""
    typed = "_".join(text.casefold().replace("-", " ").replace("_", " ").strip('"').split())
    return next((each.factor for each in others if each.factor.value == typed), None)


def wrong(challenge: Challenge) -> str:
    text = _(WRONG_ANSWERS.get(challenge.factor.value, phrases.WRONG_CODE))
    return f"{text} {tries_left(challenge.attempts_left)}"


def misshapen(challenge: Challenge, prompt: Prompt) -> str:
    if prompt.digits:
        return _("Enter all %(digits)s digits.", digits=prompt.digits)
    return _(WRONG_ANSWERS.get(challenge.factor.value, phrases.WRONG_CODE))


def problem(name: str) -> str:
    """Of one of ours, by `proxy.http.problem.Problem`'s value."""
    told = problem_words(name)
    return f"{told.title}. {told.text}"
