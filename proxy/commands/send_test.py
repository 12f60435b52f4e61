"""`gatepost send-test`: one clearly marked message without a passcode, and what to do if it does not go out."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TextIO

from config.factors import ChannelKind
from config.settings import Settings
from config.tables.gateway_values import EMAIL
from directory.mail_address import is_plain_address, mask_mail
from directory.mobile import UnusableNumber, UnusableReason, mask, normalise
from proxy.delivery.channel import SMS_ONLY, Delivery, DeliveryStatus, Outcome
from proxy.delivery.channels_in_order import Channels
from proxy.delivery.create_channels import create_channels
from proxy.help_desk.number_steps import wrong_with_number

STATUS_TRIES = 10
STATUS_SECONDS = 1.0
"""Between two questions about the fate of the message."""
_FINAL = (DeliveryStatus.DELIVERED, DeliveryStatus.FAILED, DeliveryStatus.UNKNOWN)
_SEE_MOBILE = {
    UnusableReason.INVALID: " (mobile.home_region says whose may begin with 0, mobile.extra_ranges lets more through)",
    UnusableReason.AMBIGUOUS: " (write it with + and its country code)",
}
_TEXT = "This is a test message from Gatepost ({host})."

_WHAT_TO_DO = {
    Outcome.UNKNOWN: "The relay may have taken it. Look in the relay's log for the message id before you send again.",
    Outcome.REFUSED: "The relay says that there is no such recipient. Is the number right?",
    Outcome.UNAVAILABLE: (
        "Check host, port, security, ca_file, username and password in [smtp]. Ask the relay's administrator whether it"
        " takes mail from this machine and from [smtp] from, for the domain that it goes to."
    ),
}
_WHAT_TO_DO_MAIL = {
    **_WHAT_TO_DO,
    Outcome.REFUSED: "The relay says that there is no such recipient. Is the address right?",
}
_WHAT_TO_DO_HTTP = {
    Outcome.UNKNOWN: "The gateway may have taken it. Look at its website before you send again.",
    Outcome.REFUSED: "Ask the gateway's support about this number.",
    Outcome.UNAVAILABLE: "Check url, ca_file, username and password in [sms.http], and the credit.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "number", metavar="NUMBER", help='a mobile number as it would stand in the directory (for "email": an address)'
    )
    parser.add_argument("--channel", metavar="NAME", help="this channel only (default: all in order, as for passcodes)")


async def run(
    arguments: argparse.Namespace,
    settings: Settings,
    stdout: TextIO,
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> int:
    """Send the test; 0 if it was accepted, 1 if not, 2 if the number or the channel is unusable.

    Raises `ConfigurationError`.
    """
    every = create_channels(settings)
    try:
        wanted, channels = getattr(arguments, "channel", None), every
        if wanted is not None:
            chosen = every.only(wanted)
            if chosen is None:
                known = ", ".join(every.names(frozenset(ChannelKind)))
                return _unusable(f"second_factor.channels names no {wanted}; there is {known}")
            channels = chosen
        text = _TEXT.format(host=settings.server.public_url.host)
        message_id = f"test-{secrets.token_urlsafe(18)}"
        if not channels.names(SMS_ONLY):
            if not is_plain_address(arguments.number):
                return _unusable('for the channel "email" give a mail address, such as anna@corp.example')
            delivery = await channels.tell_mail(arguments.number, "Test message from Gatepost", text, message_id)
            print(_told(delivery, mask_mail(arguments.number), message_id, [_WHAT_TO_DO_MAIL]), file=stdout)
            return 0 if delivery.outcome is Outcome.ACCEPTED else 1
        number = normalise(arguments.number, settings.mobile)
        if isinstance(number, UnusableNumber):
            wrong = wrong_with_number("the number", number.reason)
            return _unusable(f"{wrong}{_SEE_MOBILE.get(number.reason, '')}")
        delivery = await channels.tell_number(number.e164, text, message_id)
        # If nobody took it, all of them were tried.
        tried = channels.names(SMS_ONLY) if delivery.outcome is Outcome.UNAVAILABLE else (delivery.channel,)
        advice = [
            _WHAT_TO_DO_HTTP if is_http else _WHAT_TO_DO
            for is_http in sorted({name in settings.sms.http for name in tried})
        ]
        told = _told(delivery, mask(number.e164), message_id, advice)
        print(told, file=stdout)
        if delivery.can_report:
            status = await _status(channels, delivery.report_id, sleep)
            print(f"{delivery.channel} says about it: {status.value}.", file=stdout)
            return 0 if status is not DeliveryStatus.FAILED else 1
        return 0 if delivery.outcome is Outcome.ACCEPTED else 1
    finally:
        await every.close()


async def _status(channels: Channels, report_id: str, sleep: Callable[[float], Awaitable[None]]) -> DeliveryStatus:
    """The final status within a few seconds, or how far the message has come by then."""
    status = await channels.delivery_status(report_id)
    for _ in range(STATUS_TRIES):
        if status in _FINAL:
            break
        await sleep(STATUS_SECONDS)
        status = await channels.delivery_status(report_id)
    return status


def _unusable(why: str) -> int:
    print(f"gatepost send-test: {why}", file=sys.stderr)
    return 2


def _told(delivery: Delivery, destination: str, message_id: str, advice: Sequence[Mapping[Outcome, str]]) -> str:
    if delivery.outcome is Outcome.ACCEPTED and _WHAT_TO_DO_HTTP in advice:
        return f"{delivery.channel} accepted the test message to {destination} (message id {message_id})."
    if delivery.outcome is Outcome.ACCEPTED:
        next_step = (
            "If no mail arrives in a minute: look in the relay's log."
            if delivery.channel == EMAIL
            else "If no SMS arrives in a minute: is the [smtp] from address registered as trusted at "
            f"{delivery.channel}, and is there credit?"
        )
        return (
            f"The relay {delivery.relay} accepted the test message to {destination} (message id {message_id}).\n"
            f"{next_step}"
        )
    happened = "may have been sent" if delivery.outcome is Outcome.UNKNOWN else "was not sent"
    code = f" (reply code {delivery.code})" if delivery.code is not None else ""
    what_to_do = "\n".join(each[delivery.outcome] for each in advice)
    return (
        f"The test message to {destination} {happened}: {delivery.outcome.value}{code}, "
        f"{delivery.reason} (message id {message_id}).\n{what_to_do}"
    )
