"""Passcodes to the mail address that the directory holds for a person: the channel "email".

Anyone who can read the mailbox has the passcode, so this never stands in for an SMS unless the operator says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from config.factors import ChannelKind
from directory.mail_address import is_plain_address, mask_mail
from proxy.delivery.channel import Delivery, Outcome, PasscodeMessage
from proxy.delivery.mail import notice_mail
from proxy.delivery.relays import Relays
from proxy.delivery.templates import MessageTexts


class EmailChannel:
    """An `AnyChannel` through relays that other channels may use too."""

    kind = ChannelKind.EMAIL
    name = "email"

    def __init__(self, texts: MessageTexts, relays: Relays, *, clock: Callable[[], float] = time.time) -> None:
        """`clock` in epoch seconds, for the Date header."""
        self.texts = texts
        self._relays = relays
        self._clock = clock

    def reaches(self, message: PasscodeMessage) -> bool:
        return message.mail is not None and is_plain_address(message.mail)

    def is_down(self) -> bool:
        return self._relays.is_down()

    def said(self, message: PasscodeMessage) -> str:
        """The body, as it is to arrive."""
        return self.texts.mail(message)[1]

    async def send(self, message: PasscodeMessage, *, deadline: float | None = None) -> Delivery:
        subject, text = self.texts.mail(message)
        return await self.send_mail(message.mail or "", subject, text, message.message_id, deadline=deadline)

    async def send_mail(
        self, address: str, subject: str, text: str, message_id: str, *, deadline: float | None = None
    ) -> Delivery:
        """Any mail to a person. Never raises for what a relay or network does."""
        told = Delivery(outcome=Outcome.REFUSED, channel=self.name, kind=self.kind)
        if not is_plain_address(address):
            return replace(told, reason="not a plain mail address")
        mail_from = partial(
            notice_mail, recipient=address, subject=subject, text=text, message_id=message_id, now=self._clock()
        )
        delivery = await self._relays.hand_over(mail_from, deadline=deadline)
        return replace(delivery, channel=self.name, kind=self.kind, destination=mask_mail(address))
