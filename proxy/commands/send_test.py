"""`gatepost send-test NUMBER`: one clearly marked SMS without a passcode, and what to do if it does not go out."""

from __future__ import annotations

import argparse
import secrets
from typing import TextIO

from config.settings import Settings
from directory.mobile import UnusableNumber, mask, normalise
from proxy.delivery.channel import Delivery, Outcome, PasscodeMessage
from proxy.delivery.errors import DeliveryMisconfigured
from proxy.delivery.sms_gateway import create_channel

_WHAT_TO_DO = {
    Outcome.UNKNOWN: "The relay may have taken it. Look in the relay's log for the message id before you send again.",
    Outcome.REFUSED: "Ask the relay's administrator whether [smtp] from may send to the SMS gateway's domain.",
    Outcome.UNAVAILABLE: "Check host, port, security, ca_file, username and password in [smtp].",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", metavar="NUMBER", help="a mobile number as it would stand in the directory")


async def run(arguments: argparse.Namespace, settings: Settings, stdout: TextIO) -> int:
    """Send the test; 0 if a relay accepted it, 1 if not, 2 if the number is unusable."""
    number = normalise(
        arguments.number,
        home_region=settings.mobile.home_region,
        allowed_countries=settings.mobile.allowed_countries,
        extra_ranges=settings.mobile.extra_ranges,
    )
    if isinstance(number, UnusableNumber):
        print(f"This number can't be used: {number.reason.value}.", file=stdout)
        return 2
    try:
        channel = create_channel(settings)
    except DeliveryMisconfigured as error:
        print("\n".join(error.problems), file=stdout)
        return 2
    message_id = f"test-{secrets.token_urlsafe(18)}"
    try:
        delivery = await channel.send_test(
            PasscodeMessage(
                passcode="",
                number=number.e164,
                app="",
                host=settings.server.public_url.host,
                minutes=0,
                message_id=message_id,
            )
        )
    finally:
        await channel.close()
    print(_told(delivery, mask(number.e164), message_id), file=stdout)
    return 0 if delivery.outcome is Outcome.ACCEPTED else 1


def _told(delivery: Delivery, masked_number: str, message_id: str) -> str:
    if delivery.outcome is Outcome.ACCEPTED:
        return (
            f"The relay {delivery.relay} accepted the test message to {masked_number} (message id {message_id}).\n"
            f"If no SMS arrives in a minute: is the [smtp] from address registered as trusted at {delivery.channel}, "
            "and is there credit?"
        )
    happened = "may have been sent" if delivery.outcome is Outcome.UNKNOWN else "was not sent"
    code = f" (reply code {delivery.code})" if delivery.code is not None else ""
    return (
        f"The test message to {masked_number} {happened}: {delivery.outcome.value}{code}, "
        f"{delivery.reason} (message id {message_id}).\n{_WHAT_TO_DO[delivery.outcome]}"
    )
