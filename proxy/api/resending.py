"""What a client means that has a passcode sent again: pure."""

from __future__ import annotations

from enum import Enum, auto

from config.factors import ChannelKind, Choice, Factor
from proxy.factors.challenge import Challenge
from proxy.sign_in.message_fate import Look


class HowToSend(Enum):
    SAME = auto()
    """The same passcode, by the same way."""
    OTHER_WAY = auto()
    """The same passcode, by the channel behind the last one."""
    NEW = auto()
    """A new one: of the factor that the channel proves, where one is named."""
    NONE = auto()
    """Nothing can be sent."""


def factor_by(choice: Choice, channel: ChannelKind) -> Factor:
    """What a message by this channel proves in this choice: a mail may stand there in the place of an SMS."""
    wanted = Factor(channel.value)
    is_in_its_place = wanted is Factor.EMAIL and wanted not in choice and Factor.EMAIL_FOR_SMS in choice
    return Factor.EMAIL_FOR_SMS if is_in_its_place else wanted


def how_to_send(
    choice: Choice, challenge: Challenge | None, look: Look | None, channel: ChannelKind | None
) -> HowToSend:
    """`choice`: what the session proves next. `challenge`: what it waits for, if it is not over, and `look` at its
    message."""
    is_sent = challenge is not None and challenge.kind is not None and look is not None
    if channel is None:
        return HowToSend.NEW if challenge is None else HowToSend.SAME if is_sent else HowToSend.NONE
    wanted = factor_by(choice, channel)
    if wanted in choice and challenge is not None and challenge.factor is not wanted:
        return HowToSend.NEW
    if is_sent and look is not None:
        if channel is (ChannelKind.EMAIL if look.is_mail else ChannelKind.SMS):
            return HowToSend.SAME
        if channel is look.other_way:
            return HowToSend.OTHER_WAY
    return HowToSend.NEW if wanted in choice else HowToSend.NONE
