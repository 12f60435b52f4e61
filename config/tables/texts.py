"""What has to agree between `[[texts]]` and the channels: pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from config.errors import Place, nearest
from config.tables.channels import EMAIL
from config.tables.delivery import SecondFactorSettings, SMSSettings, TextSettings

Finding = tuple[Place, str]


def text_problems(
    texts: Mapping[int, TextSettings], sms: SMSSettings, second_factor: SecondFactorSettings
) -> Iterator[Finding]:
    """Texts that would never be sent, or of which two would say the same thing."""
    channels = second_factor.channels or (sms.gateway,)
    taken: set[tuple[str, str]] = set()
    for position, each in texts.items():
        if each.channel is not None and each.channel not in channels:
            yield (
                Place("texts", position, "channel"),
                f'"{each.channel}" is none of the channels' + nearest(each.channel, channels),
            )
        yield from _parts(position, each)
        language = each.language or second_factor.language
        if each.channel is None and language == second_factor.language and each.text is not None:
            yield Place("texts", position, "text"), "is what sms.text says: write it there, or name a channel"
        key = (each.channel or "", language)
        if key in taken:
            yield Place("texts", position, "language"), f'there is a text in "{language}" for this already'
        taken.add(key)


def _parts(position: int, each: TextSettings) -> Iterator[Finding]:
    """A mail has subject and body, an SMS has a text."""
    if each.channel != EMAIL:
        if each.text is None:
            yield Place("texts", position, "text"), "is missing"
        for key in ("subject", "body"):
            if getattr(each, key) is not None:
                yield Place("texts", position, key), 'is for channel = "email": an SMS has a text'
        return
    for key in ("subject", "body"):
        if getattr(each, key) is None:
            yield Place("texts", position, key), "is missing: a mail has subject and body"
    if each.text is not None:
        yield Place("texts", position, "text"), "is for an SMS: a mail has subject and body"
