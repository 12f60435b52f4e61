"""What became of a passcode's messages, as far as anybody can know: told on the page, asked of the channel, measured.

The instants of asking are kept in memory, of this worker alone; all else is in the store.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from config.factors import ChannelKind
from proxy.delivery.channel import Delivery, DeliveryStatus, Outcome, PasscodeChannels
from proxy.delivery.delivery_store import DeliveryStore
from proxy.delivery.failures import OPERATORS, FailureReason, failure_of
from proxy.delivery.sending import Sending
from proxy.factors.challenge import Challenge
from proxy.factors.passcode.arrival_times import offer_after, slow_seconds
from proxy.factors.passcode.passcode_store import ArrivalStore
from proxy.pages.texts import ENGLISH
from proxy.portal.arrivals import Arrivals
from proxy.sessions.session import Session

ASK_AGAIN_SECONDS = 3.0
"""A channel is asked no more often than this what became of one message, however often the page is read."""
_PATIENCE_SECONDS = 3.0
_MOST_ASKED = 2000
_SAID_FAILED = "the gateway says that it could not be delivered"
_SETTLED = frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.FAILED})
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
"""What was said last of a message that is still under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    state: str
    """One word, for scripts."""
    text: str
    is_settled: bool
    """Whether nothing more will be heard."""


def progress_of(sending: Sending | None, *, slow_seconds: int | None, is_begun: bool = False) -> Progress:
    """What may be said of the latest message. `slow_seconds`: how long they take today, if that is long. Pure.

    Without a `sending` nobody has said yet what became of it: it is being handed over (`is_begun`), or whoever did so
    was stopped on the way.
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
    """What the page begins with: nothing is called sent that was not. Pure."""
    match progress.state:
        case "sending":
            return ENGLISH.passcode_sending_mail if is_mail else ENGLISH.passcode_sending
        case "not_sent":
            return ENGLISH.passcode_unsent_mail if is_mail else ENGLISH.passcode_unsent
        case _:
            return ENGLISH.passcode_sent_mail if is_mail else ENGLISH.passcode_sent


def kind_of(challenge: Challenge, sending: Sending | None) -> ChannelKind | None:
    """By what the latest message went, or where the first one is to go."""
    return sending.kind if sending is not None and sending.kind is not None else challenge.kind


def latest_of(sendings: Sequence[Sending]) -> Sending | None:
    """The latest message that is or may be under way, else the latest one that was tried."""
    under_way = [each for each in sendings if each.is_under_way]
    return next(reversed(under_way or list(sendings)), None)


def may_arrive(sending: Sending) -> bool:
    return sending.is_under_way and sending.status is not DeliveryStatus.FAILED


def went_by_sms_only(sendings: Sequence[Sending]) -> bool:
    """Whether a right passcode proves that the person holds the phone: a mail with the same passcode proves nothing."""
    under_way = [each for each in sendings if each.is_under_way]
    return bool(under_way) and all(each.kind is ChannelKind.SMS for each in under_way)


class MessageStore(Protocol):
    """What is kept of messages, and of how long they took."""

    @property
    def deliveries(self) -> DeliveryStore: ...

    @property
    def arrivals(self) -> ArrivalStore: ...


class Deliveries:
    """Remembers in the store what was sent, and finds out what became of it."""

    def __init__(self, store: MessageStore, channels: PasscodeChannels, *, budget_seconds: float) -> None:
        """`budget_seconds`: how long it takes at most until a message is handed over, or known not to be."""
        self._store = store.deliveries
        self._channels = channels
        self._budget_seconds = budget_seconds
        self._asked: OrderedDict[str, float] = OrderedDict()
        self._arrivals = Arrivals(store.arrivals)

    async def remember(
        self, session: Session, challenge: Challenge, delivery: Delivery, *, message_id: str, language: str, now: float
    ) -> Sending:
        """Raises `StoreUnavailable`."""
        principal = session.principal
        sending = Sending(
            message_id=message_id,
            challenge_id=challenge.challenge_id,
            guid=principal.guid,
            realm=principal.realm,
            username=principal.username,
            channel=delivery.channel,
            kind=delivery.kind,
            destination=delivery.destination or challenge.masked_destination,
            outcome=delivery.outcome,
            sent_at=now,
            report_id=delivery.report_id if delivery.can_report else "",
            reason=delivery.reason,
            has_tag=self._channels.has_tag(delivery.channel, language),
        )
        await self._store.put_sending(sending)
        if delivery.outcome is Outcome.REFUSED and delivery.kind is not None:
            reason = FailureReason.NUMBER_REFUSED
            await self._store.put_failure(failure_of(sending, reason=reason, detail=delivery.reason, failed_at=now))
        return sending

    async def of(self, challenge: Challenge, *, now: float) -> Sequence[Sending]:
        return await self._store.sendings_of(challenge.challenge_id, now=now)

    async def look(self, challenge: Challenge, sending: Sending | None, *, now: float) -> Progress:
        """What is known of it, after asking the channel where that is due. Raises `StoreUnavailable`."""
        if sending is None:
            is_begun = now - challenge.last_sent_at <= self._budget_seconds + _PATIENCE_SECONDS
            return progress_of(None, slow_seconds=None, is_begun=is_begun)
        if sending.report_id and sending.status not in _SETTLED and self._may_ask(sending.message_id, now):
            sending = await self._asked_of(sending, now=now)
        arrivals = await self._arrivals.of(sending.channel, now=now)
        return progress_of(sending, slow_seconds=slow_seconds(arrivals, now=now))

    async def offer_after(self, sending: Sending | None, *, at_least: float, lifetime: float, now: float) -> float:
        """See `arrival_times.offer_after`. Raises `StoreUnavailable`."""
        if sending is None:
            return at_least
        return offer_after(await self._arrivals.of(sending.channel, now=now), at_least=at_least, lifetime=lifetime)

    async def note_entry(self, sendings: Sequence[Sending], *, now: float) -> None:
        """A right passcode was typed."""
        under_way = [each for each in sendings if each.is_under_way]
        if len(under_way) == 1:
            await self._arrivals.note(under_way[0].channel, sent_at=under_way[0].sent_at, entered_at=now)

    def _may_ask(self, message_id: str, now: float) -> bool:
        asked_at = self._asked.get(message_id)
        if asked_at is not None and 0 <= now - asked_at < ASK_AGAIN_SECONDS:
            return False
        self._asked[message_id] = now
        self._asked.move_to_end(message_id)
        while len(self._asked) > _MOST_ASKED:
            self._asked.popitem(last=False)
        return True

    async def _asked_of(self, sending: Sending, *, now: float) -> Sending:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                status = await self._channels.delivery_status(sending.report_id)
        except TimeoutError:
            return sending
        if status in (DeliveryStatus.UNKNOWN, sending.status):
            return sending
        # A report of its failure may have come in meanwhile: that stays.
        newest = await self._store.sending(sending.message_id, now=sending.sent_at) or sending
        if newest.status in _SETTLED:
            return newest
        if status is DeliveryStatus.FAILED:
            failure = failure_of(newest, reason=FailureReason.UNKNOWN, detail=_SAID_FAILED, failed_at=now)
            await self._store.put_failure(failure)
        known = replace(newest, status=status)
        await self._store.put_sending(known)
        return known
