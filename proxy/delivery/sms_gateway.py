"""SMS through an e-mail-to-SMS gateway: Kapow, or whatever a preset describes.

An e-mail gateway reports nothing after the relay's 250, so "accepted" is the most that can be said.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from config.factors import ChannelKind
from config.tables.gateway_values import fill
from directory.mobile import E164, mask
from proxy.delivery.channel import Delivery, Outcome, PasscodeMessage
from proxy.delivery.fitting import fitting
from proxy.delivery.gateway_preset import GatewayPreset
from proxy.delivery.mail import gateway_mail
from proxy.delivery.number_format import UnsafeNumber, formatted
from proxy.delivery.relays import Relays
from proxy.delivery.templates import MessageTexts
from proxy.delivery.text_rules import wrong_with


def recipient(preset: GatewayPreset, number: E164) -> str:
    """The one address that a message to `number` goes to. Raises `UnsafeNumber` as `formatted` does."""
    written = formatted(number, preset.number_format, preset.home_region)
    return fill(preset.address, {**preset.credentials, "number": written})


def subject_and_body_for(preset: GatewayPreset, number: E164, text: str) -> tuple[str, str]:
    """What the mail says. Raises `UnsafeNumber` as `formatted` does."""
    written = formatted(number, preset.number_format, preset.home_region)
    values = {**preset.credentials, "number": written, "text": text + preset.rules.terminator}
    return fill(preset.subject, values), fill(preset.body, values)


class SMSByMail:
    """An `SMSChannel` through relays that other channels may use too."""

    kind = ChannelKind.SMS

    def __init__(
        self, preset: GatewayPreset, texts: MessageTexts, relays: Relays, *, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` in epoch seconds, for the Date header."""
        self.name = preset.name
        self._preset = preset
        self._texts = texts
        self._relays = relays
        self._clock = clock

    def reaches(self, message: PasscodeMessage) -> bool:
        return message.number is not None

    def is_down(self) -> bool:
        return self._relays.is_down()

    def said(self, message: PasscodeMessage) -> str:
        """As it is to arrive on the phone."""
        return self._texts.sms(message, self._preset.rules)

    async def send(self, message: PasscodeMessage, *, deadline: float | None = None) -> Delivery:
        if message.number is None:
            return Delivery(outcome=Outcome.REFUSED, channel=self.name, kind=self.kind, reason="there is no number")
        text = self.said(message)
        return await self.send_text(message.number, text, message.message_id, deadline=deadline)

    async def send_text(
        self,
        number: E164,
        text: str,
        message_id: str,
        *,
        instead: Sequence[str] = (),
        deadline: float | None = None,
    ) -> Delivery:
        """`instead`: what is sent where the gateway does not pass `text` on; then each may also lose its marks."""
        told = Delivery(outcome=Outcome.UNAVAILABLE, channel=self.name, kind=self.kind, destination=mask(number))
        if instead:
            text = fitting((text, *instead), self._preset.rules) or text
        wrong = wrong_with(text, self._preset.rules)
        if wrong is not None:  # a name of an app that the check at the start did not see
            return replace(told, reason=f"the text can't be sent: {wrong}")
        try:
            address = recipient(self._preset, number)
            subject, body = subject_and_body_for(self._preset, number, text)
        except UnsafeNumber as error:
            return replace(told, outcome=Outcome.REFUSED, destination="", reason=str(error))
        mail_from = partial(
            gateway_mail, recipient=address, subject=subject, body=body, message_id=message_id, now=self._clock()
        )
        delivery = await self._relays.hand_over(mail_from, deadline=deadline)
        return replace(delivery, channel=self.name, kind=self.kind, destination=told.destination)
