"""Passcodes by SMS through an e-mail-to-SMS gateway: Kapow today, by a preset.

An e-mail gateway tells nothing after the relay's 250, so "accepted" is the most that can be said.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from config.settings import Settings, SMTPSettings
from config.values import is_loopback
from directory.mobile import E164
from proxy.delivery.channel import Delivery, Outcome, PasscodeMessage
from proxy.delivery.errors import DeliveryMisconfigured, UnsafeNumber
from proxy.delivery.mail import Mail, is_plain_address, notice_mail, subject_mail
from proxy.delivery.presets import PRESETS, GatewayPreset, preset_named, recipient
from proxy.delivery.smtp_relay import SMTPRelay
from proxy.delivery.templates import Template, check_texts, parse_template, wrong_with

BUDGET_SECONDS = 10.0
"""How long all relays together may take: a person is waiting for the page."""


class SMSByMail:
    """A `Channel`: relays tried in order, the next one only where a relay has certainly not taken the message."""

    def __init__(
        self,
        preset: GatewayPreset,
        template: Template,
        relays: Sequence[tuple[SMTPRelay, str]],
        *,
        clock: Callable[[], float] = time.time,
        budget_seconds: float = BUDGET_SECONDS,
    ) -> None:
        """`relays` in order, each with its sender address; `clock` in epoch seconds, for the Date header."""
        self._preset = preset
        self._template = template
        self._relays = tuple(relays)
        self._clock = clock
        self._budget_seconds = budget_seconds

    @property
    def name(self) -> str:
        return self._preset.name

    async def send(self, message: PasscodeMessage) -> Delivery:
        text = self._template.render(
            passcode=message.passcode, app=message.app, host=message.host, minutes=message.minutes
        )
        return await self._send_text(text, message.number, message.message_id)

    async def send_test(self, message: PasscodeMessage) -> Delivery:
        """Send a text that says it is a test, in place of the configured one; the passcode is not used."""
        text = f"This is a test message from Gatepost ({message.host})."
        return await self._send_text(text, message.number, message.message_id)

    async def tell_number(self, number: E164, text: str, message_id: str) -> Delivery:
        """See `proxy.delivery.channel.Notifier`."""
        return await self._send_text(text, number, message_id)

    async def tell_mail(self, address: str, subject: str, text: str, message_id: str) -> Delivery:
        """Through the same relays, to a mailbox that the directory names."""
        if not is_plain_address(address):
            return Delivery(outcome=Outcome.REFUSED, channel="mail", reason="not a plain mail address")
        now = self._clock()

        def mail_from(sender: str) -> Mail:
            return notice_mail(
                sender=sender, recipient=address, subject=subject, text=text, message_id=message_id, now=now
            )

        return replace(await self._hand_over(mail_from), channel="mail")

    async def check(self) -> Delivery:
        """ACCEPTED as soon as one relay works; `reason` names those that do not."""
        results = await self.check_relays()
        broken = "; ".join(f"{each.relay}: {each.reason}" for each in results if each.outcome is not Outcome.ACCEPTED)
        working = next((each for each in results if each.outcome is Outcome.ACCEPTED), None)
        return replace(working or results[0], reason=broken)

    async def check_relays(self) -> list[Delivery]:
        """One result per relay, in the order of the configuration."""
        now = asyncio.get_running_loop().time()
        results = await asyncio.gather(*(relay.check(deadline=now + relay.timeout) for relay, _ in self._relays))
        return [replace(each, channel=self.name) for each in results]

    async def close(self) -> None:
        await asyncio.gather(*(relay.close() for relay, _ in self._relays))

    async def _send_text(self, text: str, number: E164, message_id: str) -> Delivery:
        wrong = wrong_with(text, self._preset)
        if wrong is not None:  # an app's name that the check at the start did not see
            return Delivery(outcome=Outcome.UNAVAILABLE, channel=self.name, reason=f"the text can't be sent: {wrong}")
        try:
            address = recipient(self._preset, number)
        except UnsafeNumber as error:
            return Delivery(outcome=Outcome.REFUSED, channel=self.name, reason=str(error))
        now = self._clock()

        def mail_from(sender: str) -> Mail:
            return subject_mail(sender=sender, recipient=address, text=text, message_id=message_id, now=now)

        return await self._hand_over(mail_from)

    async def _hand_over(self, mail_from: Callable[[str], Mail]) -> Delivery:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._budget_seconds
        reasons = []
        for index, (relay, sender) in enumerate(self._relays):
            remaining = end - loop.time()
            share = remaining / (len(self._relays) - index)  # a hanging relay leaves time for those after it
            delivery = await relay.send(mail_from(sender), deadline=loop.time() + min(relay.timeout, share))
            if delivery.outcome is not Outcome.UNAVAILABLE:
                break
            reasons.append(f"{relay.name}: {delivery.reason}")
        else:
            delivery = replace(delivery, reason="; ".join(reasons))
        return replace(delivery, channel=self.name)


def create_channel(settings: Settings, *, clock: Callable[[], float] = time.time) -> SMSByMail:
    """The SMS channel as configured; connects to nothing yet.

    Raises `DeliveryMisconfigured` with every problem of `[sms]` and `[smtp]`.
    """
    problems = check_texts(settings)
    preset = preset_named(settings.sms.gateway)
    if preset is None:
        known = ", ".join(f'"{each.name}"' for each in PRESETS)
        problems.append(f'sms.gateway: unknown SMS gateway "{settings.sms.gateway}"; there is {known}')
    relays = []
    for index, each in enumerate(settings.smtp):
        place = "smtp" if len(settings.smtp) == 1 else f"smtp[{index}]"
        problems += (f"{place}.{problem}" for problem in _wrong_with_relay(each))
        try:
            relays.append((SMTPRelay(each), each.sender))
        except OSError as error:
            problems.append(f"{place}.ca_file: {each.ca_file}: {error.strerror or error}")
    if problems or preset is None:
        raise DeliveryMisconfigured(problems)
    return SMSByMail(preset, parse_template(settings.sms.text), relays, clock=clock)


def _wrong_with_relay(settings: SMTPSettings) -> list[str]:
    problems = []
    if not is_plain_address(settings.sender):
        problems.append('from: not a bare mail address: write "otp@corp.example"')
    if settings.security == "none" and not settings.allow_insecure and not is_loopback(settings.host):
        problems.append('security: "none" is for a relay on loopback; set allow_insecure = true to insist')
    try:
        settings.host.encode("idna")
    except UnicodeError:
        problems.append("host: not a host name")
    return problems
