"""What the passcode page says of the message that somebody waits for. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from config.factors import ChannelKind
from proxy.delivery.channel import DeliveryStatus, Outcome
from proxy.delivery.failures import OPERATORS, FailureReason
from proxy.delivery.sending import Sending
from proxy.pages.texts import ENGLISH
from proxy.sign_in.messages import Look

_FAILED = {
    FailureReason.NUMBER_REFUSED.value: ENGLISH.progress_unreachable,
    **dict.fromkeys((each.value for each in OPERATORS), ENGLISH.progress_refused),
}
"""By the `Sending.reason` that a report of a failed delivery left."""
_HEARD = {
    DeliveryStatus.DELAYED: ENGLISH.progress_delayed,
    DeliveryStatus.SENT: ENGLISH.progress_sent,
    DeliveryStatus.WAITING: ENGLISH.progress_waiting,
}
"""The latest status of a message that is still on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    state: str
    """One word, for scripts."""
    text: str
    is_settled: bool
    """Whether no more news will come."""


def progress_of(sending: Sending | None, *, slow_seconds: int | None, is_begun: bool = False) -> Progress:
    """What may be said of the latest message. `slow_seconds`: how long they take today, if that is long. Pure.

    Without a `sending` its result is not known yet: it is being handed over (`is_begun`), or the worker that did so was
    stopped on the way.
    """
    if sending is None:
        if is_begun:
            return Progress(state="sending", text=ENGLISH.progress_sending, is_settled=False)
        return Progress(state="unknown", text=ENGLISH.progress_unknown, is_settled=False)
    is_mail = sending.kind is ChannelKind.EMAIL
    if sending.status is DeliveryStatus.FAILED:
        text = _FAILED.get(sending.reason, ENGLISH.progress_failed)
        if is_mail and text == ENGLISH.progress_refused:  # which speaks of the SMS gateway
            text = ENGLISH.progress_failed
        text = text.format(destination=sending.destination)
        return Progress(state="failed", text=text, is_settled=True)
    if sending.status is DeliveryStatus.DELIVERED:
        return Progress(state="delivered", text=ENGLISH.progress_delivered, is_settled=True)
    if not sending.is_under_way:
        return Progress(state="not_sent", text=ENGLISH.progress_not_sent, is_settled=True)
    told = _HEARD.get(sending.status) if sending.status is not None else None
    state = sending.status if sending.status in _HEARD else sending.outcome
    if told is None and sending.outcome is Outcome.UNKNOWN:
        told = ENGLISH.progress_unknown
    if told is None:
        told = ENGLISH.progress_accepted_mail if is_mail else ENGLISH.progress_accepted
    if slow_seconds is not None:
        slow = ENGLISH.progress_slow_mail if is_mail else ENGLISH.progress_slow
        told = f"{told} {slow.format(seconds=slow_seconds)}"
    # Even where the channel does not tell, a report of its failure may come in.
    return Progress(state=state.value, text=told, is_settled=False)


def lead_of(progress: Progress, *, is_mail: bool) -> str:
    """The first words of the page, which never say "sent" of a message that was not. Pure."""
    match progress.state:
        case "sending":
            return ENGLISH.passcode_sending_mail if is_mail else ENGLISH.passcode_sending
        case "not_sent":
            return ENGLISH.passcode_unsent_mail if is_mail else ENGLISH.passcode_unsent
        case _:
            return ENGLISH.passcode_sent_mail if is_mail else ENGLISH.passcode_sent


def progress_in(look: Look) -> Progress:
    return progress_of(look.sending, slow_seconds=look.slow_seconds, is_begun=look.is_begun)
