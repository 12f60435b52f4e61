"""SMS through an e-mail-to-SMS gateway: Kapow, or whatever a preset describes.

An e-mail gateway reports nothing after the relay's 250, so "accepted" is the most that can be said.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from config.factors import ChannelKind
from directory.mobile import E164, mask
from proxy.delivery.channel import Delivery, Outcome, PasscodeMessage
from proxy.delivery.mail import Mail, gateway_mail
from proxy.delivery.number_format import UnsafeNumber
from proxy.delivery.presets import GatewayPreset, recipient, subject_and_body_for
from proxy.delivery.relays import Relays
from proxy.delivery.templates import MessageTexts
from proxy.delivery.text_rules import wrong_with


class SMSByMail:
    """An `SMSChannel` through relays that other channels may use too."""

    kind = ChannelKind.SMS

    def __init__(
        self, preset: GatewayPreset, texts: MessageTexts, relays: Relays, *, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` in epoch seconds, for the Date header."""
        self._preset = preset
        self._texts = texts
        self._relays = relays
        self._clock = clock

    @property
    def name(self) -> str:
        return self._preset.name

    def reaches(self, message: PasscodeMessage) -> bool:
        return message.number is not None

    def is_down(self) -> bool:
        return self._relays.is_down()

    async def send(self, message: PasscodeMessage, *, deadline: float | None = None) -> Delivery:
        if message.number is None:
            return Delivery(outcome=Outcome.REFUSED, channel=self.name, kind=self.kind, reason="there is no number")
        text = self._texts.sms(message, self._preset.rules)
        return await self.send_text(message.number, text, message.message_id, deadline=deadline)

    async def send_text(self, number: E164, text: str, message_id: str, *, deadline: float | None = None) -> Delivery:
        """See `proxy.delivery.channel.SMSChannel`."""
        told = Delivery(outcome=Outcome.UNAVAILABLE, channel=self.name, kind=self.kind, destination=mask(number))
        wrong = wrong_with(text, self._preset.rules)
        if wrong is not None:  # a name of an app that the check at the start did not see
            return replace(told, reason=f"the text can't be sent: {wrong}")
        try:
            address = recipient(self._preset, number)
            subject, body = subject_and_body_for(self._preset, number, text)
        except UnsafeNumber as error:
            return replace(told, outcome=Outcome.REFUSED, destination="", reason=str(error))
        now = self._clock()

        def mail_from(sender: str) -> Mail:
            return gateway_mail(
                sender=sender, recipient=address, subject=subject, body=body, message_id=message_id, now=now
            )

        delivery = await self._relays.hand_over(mail_from, deadline=deadline)
        return replace(delivery, channel=self.name, kind=self.kind, destination=told.destination)

    async def check(self) -> Delivery:
        """ACCEPTED if at least one relay works; `reason` names those that do not."""
        results = await self._relays.check()
        broken = "; ".join(f"{each.relay}: {each.reason}" for each in results if each.outcome is not Outcome.ACCEPTED)
        working = next((each for each in results if each.outcome is Outcome.ACCEPTED), None)
        return replace(working or results[0], channel=self.name, kind=self.kind, reason=broken)

    async def close(self) -> None:
        await self._relays.close()
