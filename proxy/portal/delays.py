"""What the pages say of channels by which codes do not arrive at the moment, before anybody waits for one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Protocol

from config.factors import ChannelKind, Factor
from config.settings import Settings
from proxy.languages.current import N_
from proxy.languages.current import gettext as _

_DELAYED = {
    ChannelKind.SMS: N_("Text messages are delayed at the moment."),
    ChannelKind.EMAIL: N_("E-mails are delayed at the moment."),
}
_FACTORS = {ChannelKind.SMS: Factor.SMS, ChannelKind.EMAIL: Factor.EMAIL}


class Delays(Protocol):
    """What is known of it. Asked for each page, so at no cost."""

    def is_delayed(self, channel: str, now: float) -> bool:
        """Whether messages of this channel do not arrive in time."""
        ...

    def delayed_kinds(self, now: float) -> Collection[ChannelKind]:
        """What people would wait for who are sent a code now."""
        ...


class NoDelays:
    """Where nobody watches the channels."""

    def is_delayed(self, channel: str, now: float) -> bool:
        return False

    def delayed_kinds(self, now: float) -> Collection[ChannelKind]:
        return ()


def said_before(kinds: Collection[ChannelKind], settings: Settings) -> Iterator[str]:
    """On the page where a sign-in begins: a sentence for each, and one on other ways, if there are any."""
    for kind in (each for each in ChannelKind if each in kinds):
        yield _(_DELAYED[kind])
    delayed = {_FACTORS[kind] for kind in kinds}
    choices = [choice for scheme in settings.schemes for choice in scheme.factors if delayed & set(choice)]
    if any(set(choice) - delayed for choice in choices):
        yield _("If you have another way to sign in, you can choose it after your password.")


def said_while_waiting(kind: ChannelKind, *, has_others: bool) -> str:
    """On the page that asks for the code."""
    said = _(_DELAYED[kind])
    return " ".join([said, _("You can use another way:")]) if has_others else said
