"""A passcode's messages: sent and remembered, with their fate as far as anybody can know it.

The instants of asking a channel are kept in memory, of this worker alone; all else is in the store.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from structlog.typing import FilteringBoundLogger

from config.factors import ChannelKind
from directory.mail_address import is_plain_address
from directory.mobile import country_of
from directory.principal import Principal
from proxy.delivery.channel import EMAIL_ONLY, Delivery, DeliveryStatus, Outcome, PasscodeChannels, PasscodeMessage
from proxy.delivery.delivery_store import (
    REMEMBERED_SECONDS,
    DeliveryFailure,
    DeliveryStore,
    FailureReason,
    Sending,
    failure_of,
)
from proxy.factors.challenge import Challenge
from proxy.factors.passcode.arrival_times import Arrivals, offer_after, slow_seconds
from proxy.factors.passcode.tag import tag_of
from proxy.factors.second_factor import Chosen
from proxy.languages.choice import choose_language
from proxy.operations.at_once import at_once
from proxy.operations.log import AUDIT_ALONE
from proxy.operations.metrics import Metrics
from proxy.secrets.tokens import new_token
from proxy.sign_in.client import Client, Goal
from proxy.sign_in.message_fate import Look, SentMessage, fate_of, latest_of, told_of
from proxy.throttle.throttle import Throttle

ASK_AGAIN_SECONDS = 3.0
"""A channel is not asked about one message more often than this, no matter how often the page is loaded."""
_PATIENCE_SECONDS = 3.0
_MOST_ASKED = 2000
_SAID_FAILED = "the gateway says that it could not be delivered"
_SETTLED = frozenset({DeliveryStatus.DELIVERED, DeliveryStatus.FAILED})


def kinds_of(challenge: Challenge) -> Collection[ChannelKind] | None:
    """A mail never proves what an SMS would, unless the operator says so (None). A passcode for a mail address never
    goes to a phone either."""
    return EMAIL_ONLY if challenge.kind is ChannelKind.EMAIL else None


@dataclass(slots=True, kw_only=True)
class Messages:
    """Sends them, remembers in the store what was sent, and finds out what became of it."""

    deliveries: DeliveryStore
    arrivals: Arrivals
    channels: PasscodeChannels
    throttle: Throttle
    metrics: Metrics
    log: FilteringBoundLogger
    clock: Callable[[], float]
    budget_seconds: float
    """How long it takes at most until a message is handed over, or known not to be."""
    _asked: OrderedDict[str, float] = field(default_factory=OrderedDict)

    async def send(
        self,
        client: Client,
        goal: Goal,
        principal: Principal,
        challenge: Challenge,
        chosen: Chosen,
        *,
        passcode: str,
        now: float,
        after: str = "",
    ) -> Sending:
        """Deliver a challenge's passcode once. `after`: the channel that did not serve: the next one goes first.

        Raises `StoreUnavailable`.
        """
        message_id = new_token()
        # The directory knows the person; the browser may be anybody's.
        wanted = ",".join(filter(None, (principal.language, client.languages)))
        language = choose_language(wanted, self.channels.languages)
        delivery = await self.channels.send(
            PasscodeMessage(
                passcode=passcode,
                number=chosen.number,
                # For the factor "sms" it is used only where the operator lets mails stand in for it.
                mail=chosen.mail or principal.mail,
                app=goal.app or goal.host,
                host=goal.host,
                minutes=max(1, math.floor((challenge.expires_at - now) / 60.0 + 0.01)),
                message_id=message_id,
                tag=tag_of(challenge.challenge_id),
                language=language,
                name=principal.display_name or principal.username,
            ),
            kinds=kinds_of(challenge),
            after=after,
        )
        # A relay may have been slow: the time of a message is measured from its hand-over.
        now = self.clock()
        country = ""
        if delivery.kind is ChannelKind.SMS and chosen.number is not None:
            country = country_of(chosen.number)
        sending = await self._remember(principal, challenge, delivery, message_id, language, country, now=now)
        self.log.info(
            "passcode.sent" if sending.is_under_way else "passcode.not_sent",
            outcome=delivery.outcome.value,
            channel=delivery.channel,
            relay=delivery.relay,
            code=delivery.code,
            reason=delivery.reason,
            factor=challenge.factor.value,
            destination=sending.destination,
            message_id=message_id,
            realm=principal.realm,
            guid=principal.guid,
            incident=client.incident,
            **{AUDIT_ALONE: principal.username},
        )
        self.metrics.count_passcode(delivery.outcome.value)
        if sending.is_under_way:
            self.metrics.count_taken(sending.channel, country)
        else:
            await self.throttle.send_not_taken(now=now)
        await self._tell_of_day(now)
        return sending

    async def _remember(
        self,
        principal: Principal,
        challenge: Challenge,
        delivery: Delivery,
        message_id: str,
        language: str,
        country: str,
        *,
        now: float,
    ) -> Sending:
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
            has_tag=self.channels.has_tag(delivery.channel, language),
            country=country,
        )
        await self.deliveries.put_sending(sending)
        if delivery.outcome is Outcome.REFUSED and delivery.kind is not None:
            reason = FailureReason.NUMBER_REFUSED
            await self.deliveries.put_failure(failure_of(sending, reason=reason, detail=delivery.reason, failed_at=now))
        return sending

    async def _tell_of_day(self, now: float) -> None:
        """An error in the log, once a day, before a day's passcodes are used up and nobody can sign in."""
        standing = await self.throttle.sends_of_day(now=now)
        self.metrics.set_sends_of_day(standing.count, standing.most)
        if await self.throttle.claim_day_alarm(standing, now=now):
            self.log.error("passcodes.day_nearly_used_up", sent=standing.count, most=standing.most)

    async def of(self, challenge: Challenge, *, now: float) -> Sequence[Sending]:
        return await self.deliveries.sendings_of(challenge.challenge_id, now=now)

    async def undelivered(self, *, now: float) -> Sequence[DeliveryFailure]:
        """All failures that are remembered, the latest first. Raises `StoreUnavailable`."""
        return await self.deliveries.failures(since=now - REMEMBERED_SECONDS)

    async def latest(self, *, now: float) -> Sequence[SentMessage]:
        """What was sent last, to anybody, the latest first. Raises `StoreUnavailable`."""
        return [told_of(each) for each in await self.deliveries.latest_sendings(now=now)]

    async def look(self, principal: Principal, challenge: Challenge, *, at_least: float, now: float) -> Look:
        """What is known of its latest message, after asking the channel where that is due. `at_least`: how many seconds
        after it another one is offered at the earliest. Raises `StoreUnavailable`."""
        sending, slow, after = latest_of(await self.of(challenge, now=now)), None, at_least
        if sending is not None:
            if sending.report_id and sending.status not in _SETTLED and self._may_ask(sending.message_id, now):
                sending = await self._asked_of(sending, now=now)
            arrivals = await self.arrivals.of(sending.channel, now=now)
            slow = slow_seconds(arrivals, now=now)
            after = offer_after(arrivals, at_least=at_least, lifetime=challenge.expires_at - challenge.created_at)
        kind = sending.kind if sending is not None and sending.kind is not None else challenge.kind
        is_begun = now - challenge.last_sent_at <= self.budget_seconds + _PATIENCE_SECONDS
        return Look(
            fate=fate_of(sending, is_begun=is_begun),
            is_mail=kind is ChannelKind.EMAIL,
            destination=sending.destination if sending is not None else challenge.masked_destination,
            shows_tag=sending is not None and sending.has_tag and sending.is_under_way,
            offer_at=challenge.last_sent_at + after,
            channel=sending.channel if sending is not None else "",
            other_way=None if sending is None else self._other_way(principal, challenge, sending),
            slow_seconds=slow,
        )

    def _other_way(self, principal: Principal, challenge: Challenge, sending: Sending) -> ChannelKind | None:
        has_mail = principal.mail is not None and is_plain_address(principal.mail)
        kinds = {name: self.channels.kind_of(name) for name in self.channels.names(kinds_of(challenge))}
        names = [name for name, kind in kinds.items() if kind is not ChannelKind.EMAIL or has_mail]
        if sending.channel not in names or len(names) < 2:
            return None
        return kinds[names[(names.index(sending.channel) + 1) % len(names)]]

    async def note_entry(self, sendings: Sequence[Sending], *, now: float) -> None:
        """A right passcode was typed."""
        under_way = [each for each in sendings if each.is_under_way]
        latest = latest_of(under_way)
        if latest is not None:
            self.metrics.count_entered(latest.channel, latest.country)
        notes = [self.deliveries.put_sending(replace(each, entered_at=now)) for each in sendings]
        if len(under_way) == 1:
            notes.append(self.arrivals.note(under_way[0].channel, sent_at=under_way[0].sent_at, entered_at=now))
        await at_once(*notes)

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
                status = await self.channels.delivery_status(sending.report_id)
        except TimeoutError:
            return sending
        if status in (DeliveryStatus.UNKNOWN, sending.status):
            return sending
        # A report of its failure may have arrived in the meantime, and stays.
        newest = await self.deliveries.sending(sending.message_id, now=sending.sent_at) or sending
        if newest.status in _SETTLED:
            return newest
        if status is DeliveryStatus.FAILED:
            failure = failure_of(newest, reason=FailureReason.UNKNOWN, detail=_SAID_FAILED, failed_at=now)
            await self.deliveries.put_failure(failure)
        known = replace(newest, status=status)
        await self.deliveries.put_sending(known)
        return known
