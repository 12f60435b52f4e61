"""All channels as one: in order, within one budget of time, the next one only if the message was certainly not taken.

Times are seconds of the event loop's clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from config.factors import ChannelKind
from directory.directory import CheckResult
from directory.mobile import E164
from proxy.delivery.channel import SMS_ONLY, Delivery, DeliveryStatus, Outcome, PasscodeMessage
from proxy.delivery.email_channel import EmailChannel
from proxy.delivery.http_sms import SMSByHTTP
from proxy.delivery.relays import Relays
from proxy.delivery.sms_gateway import SMSByMail
from proxy.tracing.spans import span

SMSChannel = SMSByMail | SMSByHTTP
AnyChannel = SMSChannel | EmailChannel
"""One way, with a `name` and a `kind`. `reaches` says whether the person has what it sends to; `is_down`, at no cost,
whether it failed recently, so that others go first. `send` delivers once, by `deadline` (an instant of the event loop's
clock; None: within the channel's own time-out), and raises nothing for what a relay or network does. An SMS channel's
`send_text` sends a text that holds no passcode."""
_Channel = TypeVar("_Channel", bound=AnyChannel)
Order = Callable[[], Sequence[str] | None]
"""The names of the channels that passcodes go by now, in order; None: all that there are."""


class Channels:
    """A `PasscodeChannels`, which says what its methods do: what the portal is given."""

    def __init__(
        self,
        channels: Sequence[AnyChannel],
        relays: Relays,
        post: EmailChannel,
        *,
        budget_seconds: float,
        email_for_sms: bool = False,
        took: Callable[[str, float], None] | None = None,
        order: Order = lambda: None,
    ) -> None:
        """`channels`, at least one, in the order of the configuration; `post` sends notices, even if it is not a
        channel. `took` is told how long each attempt of a channel was. `order`: which channels count now."""
        self._all = tuple(channels)
        self._order = order
        self._relays = relays
        self._post = post
        self._budget_seconds = budget_seconds
        self._took = took
        self._kinds_for_sms = frozenset(ChannelKind) if email_for_sms else SMS_ONLY

    @property
    def _channels(self) -> tuple[AnyChannel, ...]:
        """Those that count now, in order."""
        names = self._order()
        if names is None:
            return self._all
        by_name = {each.name: each for each in self._all}
        return tuple(by_name[name] for name in names if name in by_name)

    @property
    def name(self) -> str:
        return ", ".join(each.name for each in self._channels)

    def names(self, kinds: Collection[ChannelKind] | None = None) -> tuple[str, ...]:
        return tuple(each.name for each in self._channels if each.kind in self._allowed(kinds))

    async def send(
        self, message: PasscodeMessage, *, kinds: Collection[ChannelKind] | None = None, after: str = ""
    ) -> Delivery:
        allowed = self._allowed(kinds)
        usable = [each for each in self._channels if each.kind in allowed and each.reaches(message)]
        if not usable:
            reason = "no channel of the kinds that count here reaches this person"
            return Delivery(outcome=Outcome.REFUSED, channel=self.name, reason=reason)
        return await self._through(
            in_turn(usable, after=after), lambda channel, deadline: channel.send(message, deadline=deadline)
        )

    async def tell_number(self, number: E164, text: str, message_id: str, instead: Sequence[str] = ()) -> Delivery:
        by_sms: list[SMSChannel] = [each for each in self._channels if not isinstance(each, EmailChannel)]
        if not by_sms:
            return Delivery(outcome=Outcome.REFUSED, channel=self.name, reason="there is no SMS channel")
        return await self._through(
            in_turn(by_sms),
            lambda channel, deadline: channel.send_text(number, text, message_id, instead=instead, deadline=deadline),
        )

    async def tell_mail(self, address: str, subject: str, text: str, message_id: str) -> Delivery:
        return await self._post.send_mail(address, subject, text, message_id, deadline=self._end())

    def said(self, message: PasscodeMessage) -> str:
        """What the first channel sends for it."""
        return self._channels[0].said(message)

    def kind_of(self, name: str) -> ChannelKind | None:
        return next((each.kind for each in self._all if each.name == name), None)

    def has_tag(self, channel: str, language: str) -> bool:
        return self._post.texts.has_tag(channel, language)

    @property
    def languages(self) -> tuple[str, ...]:
        return self._post.texts.languages

    async def delivery_status(self, report_id: str) -> DeliveryStatus:
        name, _, known_as = report_id.partition(":")
        for channel in self._all:
            if isinstance(channel, SMSByHTTP) and channel.name == name and channel.can_report:
                return await channel.status(known_as)
        return DeliveryStatus.UNKNOWN

    async def check(self) -> Delivery:
        """Of the relays: UNAVAILABLE if none works, or if one waits for the operator."""
        results = await self._relays.check()
        broken = "; ".join(f"{each.relay}: {each.reason}" for each in results if each.outcome is not Outcome.ACCEPTED)
        working = next((each for each in results if each.outcome is Outcome.ACCEPTED), None)
        if working is None or self._relays.misconfigured():
            return replace(results[0], outcome=Outcome.UNAVAILABLE, channel=self.name, reason=broken)
        return replace(working, channel=self.name, reason=broken)

    async def gateway_trouble(self) -> str | None:
        """What `/readyz` should show of the HTTP gateways, low credit included; asks them at long intervals only."""
        told = [f"{each.name}: {trouble}" for each in self._http() if (trouble := await each.trouble())]
        return "; ".join(told) or None

    async def check_each(self) -> list[CheckResult]:
        """One line per relay, HTTP gateway and credit, for `gatepost check`. Sends nothing."""
        found = [
            _state(f"relay {each.relay}", each, "connected, certificate and login as configured")
            for each in await self._relays.check()
        ]
        for channel in self._http():
            found.append(_state(f"channel {channel.name}", await channel.check(), f"{channel.place} can be reached"))
            credit = await channel.credit()
            if credit is not None:
                detail = channel.low_credit() or f"{credit} credits are left"
                found.append(CheckResult(subject=f"credit {channel.name}", ok=not channel.low_credit(), detail=detail))
        return found

    def are_up(self) -> Mapping[str, bool]:
        """Whether each relay (``host:port``) and HTTP gateway (its channel's name) answered when it was last asked."""
        return {**self._relays.are_up(), **{each.name: each.is_up for each in self._http()}}

    async def close(self) -> None:
        await asyncio.gather(*(each.close() for each in self._http()), self._relays.close())

    def only(self, name: str) -> Channels | None:
        """The same with a single channel, for tests of it; None if there is none of this name."""
        chosen = [each for each in self._all if each.name == name]
        if not chosen:
            return None
        return Channels(chosen, self._relays, self._post, budget_seconds=self._budget_seconds)

    def _allowed(self, kinds: Collection[ChannelKind] | None) -> Collection[ChannelKind]:
        return self._kinds_for_sms if kinds is None else kinds

    def _http(self) -> list[SMSByHTTP]:
        return [each for each in self._all if isinstance(each, SMSByHTTP)]

    def _end(self) -> float:
        return asyncio.get_running_loop().time() + self._budget_seconds

    async def _through(
        self, order: Sequence[_Channel], attempt: Callable[[_Channel, float], Awaitable[Delivery]]
    ) -> Delivery:
        loop = asyncio.get_running_loop()
        end = self._end()
        tried: list[Delivery] = []
        for index, channel in enumerate(order):
            share = (end - loop.time()) / (len(order) - index)  # a hanging channel leaves time for those after it
            began_at = time.monotonic()
            with span("send", is_outward=True, channel=channel.name) as part:
                delivery = await attempt(channel, loop.time() + share)
                if part is not None:
                    part.note(outcome=delivery.outcome.value)
            if self._took is not None:
                self._took(channel.name, time.monotonic() - began_at)
            tried.append(delivery)
            if delivery.outcome in (Outcome.ACCEPTED, Outcome.UNKNOWN):
                break
        return summed_up(tried)


def in_turn(channels: Sequence[_Channel], *, after: str = "") -> list[_Channel]:
    """The order to try them in: from the one behind `after`, with those known to be down at the end."""
    start = next((index + 1 for index, each in enumerate(channels) if each.name == after), 0)
    return sorted([*channels[start:], *channels[:start]], key=lambda channel: channel.is_down())


def summed_up(tried: Sequence[Delivery]) -> Delivery:
    """One delivery for all attempts: the last one, with the reasons of those before it. Pure.

    REFUSED only if every channel refused the person. Otherwise a later try may succeed.
    """
    last = tried[-1]
    if len(tried) == 1:
        return last
    reasons = "; ".join(f"{each.channel}: {each.reason}" for each in tried if each.reason)
    if last.outcome is Outcome.REFUSED and any(each.outcome is not Outcome.REFUSED for each in tried):
        return replace(last, outcome=Outcome.UNAVAILABLE, reason=reasons)
    return replace(last, reason=reasons)


def _state(subject: str, delivery: Delivery, good: str) -> CheckResult:
    return CheckResult(subject=subject, ok=delivery.outcome is Outcome.ACCEPTED, detail=delivery.reason or good)
