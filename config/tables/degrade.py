"""`[[degrade]]`: the rungs that the operator may step down to while something is broken, agreed beforehand.

No rung takes a factor away: it changes how one is proven, or lets fewer people in. What would make two proofs of one
mailbox is refused here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from enum import Enum
from typing import Annotated

from pydantic import Field

from config.factors import Choice, Factor
from config.frozen_table import FrozenTable, named, repeated
from config.problems import told
from config.tables.gateway_values import EMAIL, ChannelName
from config.tables.schemes import SchemeSettings, no_such_scheme
from config.tables.second_factor import wrong_with_channel
from config.tables.sms import SMSSettings
from config.values import NotEmpty, Seconds, Text

_HOUR = 3600.0
LONGEST_SECONDS = 7 * 86_400.0


class RungKind(Enum):
    """What is different while a rung is in force. The value is its name in the configuration and in the store."""

    CHANNELS = "channels"
    """SMS go by other gateways."""
    MAIL = "mail"
    """A mail takes the place of an SMS."""
    REMEMBERED = "remembered"
    """No SMS is sent: a remembered browser or another second factor is needed."""
    CLOSED = "closed"
    """Nobody new signs in."""


class DegradeSettings(FrozenTable):
    """A rung: something that `gatepost degrade` may put in force for some hours, with a reason. Without any, there is
    nothing to step down to."""

    name: Text
    """A name of your choice, which the command takes. Each rung has another."""
    what: RungKind
    """`channels`: text messages go by other gateways. `mail`: a mail to the address in the directory takes the place of
    a text message. `remembered`: no text message is sent, so that a remembered browser or another second factor is
    needed. `closed`: nobody new signs in, and sessions go on."""
    channels: Annotated[tuple[ChannelName, ...], NotEmpty] | None = None
    """The SMS gateways that text messages go by, in this order. For `channels` alone, which needs it."""
    schemes: Annotated[tuple[Text, ...], NotEmpty] | None = None
    """The schemes in which a mail may take the place of a text message. For `mail` alone. Not set: all that ask for
    `sms`."""
    longest: Annotated[Seconds, Field(ge=60, le=LONGEST_SECONDS)] = 4 * _HOUR
    """The longest that it may be in force before somebody decides about it again."""
    text: Annotated[Text, Field(max_length=300)] | None = None
    """What the sign-in and passcode pages say besides: one plain paragraph. Not set: nothing."""


def with_mail_for_sms(
    schemes: Sequence[SchemeSettings], rungs: Sequence[DegradeSettings]
) -> tuple[SchemeSettings, ...]:
    """The same schemes, with a mail as one more choice wherever a rung may put one in the place of an SMS. Pure.

    Whether one may be used is decided at each sign-in (`proxy.degrade.in_force`). A choice that takes a mail anyway
    needs no second one.
    """
    covered = {scheme.name for rung in rungs if rung.what is RungKind.MAIL for scheme in covered_by(rung, schemes)}
    return tuple(
        scheme.model_copy(update={"factors": tuple(_or_mail(choice) for choice in scheme.factors)})
        if scheme.name in covered
        else scheme
        for scheme in schemes
    )


def covered_by(rung: DegradeSettings, schemes: Sequence[SchemeSettings]) -> list[SchemeSettings]:
    """The schemes in which this rung may put a mail in the place of an SMS."""
    return [
        each
        for each in schemes
        if (rung.schemes is None or each.name in rung.schemes) and any(Factor.SMS in choice for choice in each.factors)
    ]


def _or_mail(choice: Choice) -> Choice:
    if Factor.SMS not in choice or not {Factor.EMAIL, Factor.EMAIL_FOR_SMS}.isdisjoint(choice):
        return choice
    return (*choice, Factor.EMAIL_FOR_SMS)


def rung_channels(rungs: Sequence[DegradeSettings]) -> tuple[str, ...]:
    """Those that some rung names, each once."""
    return tuple(dict.fromkeys(name for rung in rungs for name in rung.channels or ()))


def degrade_problems(
    rungs: Sequence[DegradeSettings], schemes: Sequence[SchemeSettings], sms: SMSSettings, channels: Sequence[str]
) -> Iterator[tuple[int, str, str]]:
    """Position, key and sentence. `channels`: those that passcodes go by otherwise."""
    for position in repeated(getattr(rung, "name", None) for rung in rungs):
        yield position, "name", "another rung has this name"
    mails = [position for position, rung in enumerate(rungs) if getattr(rung, "what", None) is RungKind.MAIL]
    for position in mails[1:]:
        yield position, "what", 'another rung is "mail": put all schemes into that one'
    for position, rung in enumerate(rungs):
        found = told(_keys(rung), _known_channels(rung, sms), _mail(rung, schemes, channels), _schemes(rung, schemes))
        for key, message in found:
            yield position, key, message


def _keys(rung: DegradeSettings) -> Iterator[tuple[str, str]]:
    if rung.what is RungKind.CHANNELS and rung.channels is None:
        yield "channels", 'is missing: name the gateways that text messages go by, as in channels = ["other"]'
    if rung.what is not RungKind.CHANNELS and rung.channels is not None:
        yield "channels", 'belongs to what = "channels" alone'
    if rung.what is not RungKind.MAIL and rung.schemes is not None:
        yield "schemes", 'belongs to what = "mail" alone'


def _known_channels(rung: DegradeSettings, sms: SMSSettings) -> Iterator[tuple[str, str]]:
    for name in rung.channels or ():
        if name == EMAIL:
            yield "channels", 'are SMS gateways: for a mail in the place of a text message write what = "mail"'
        elif wrong := wrong_with_channel(name, sms, kind="SMS gateway"):
            yield "channels", wrong


def _schemes(rung: DegradeSettings, schemes: Sequence[SchemeSettings]) -> Iterator[tuple[str, str]]:
    for name in rung.schemes or ():
        found = named(schemes, name)
        if found is None:
            yield "schemes", no_such_scheme(schemes, name)
        elif rung.what is RungKind.MAIL and not covered_by(rung, [found]):
            yield "schemes", f'"{name}" asks for no text message'


def _mail(
    rung: DegradeSettings, schemes: Sequence[SchemeSettings], channels: Sequence[str]
) -> Iterator[tuple[str, str]]:
    if rung.what is not RungKind.MAIL:
        return
    if EMAIL not in channels:
        yield "what", f'"mail" needs "{EMAIL}" among second_factor.channels: no mail can be sent'
    covered = covered_by(rung, schemes)
    if rung.schemes is None and not covered:
        yield "what", '"mail" takes the place of a text message, and no scheme asks for one'
    for scheme in covered:
        if one_mailbox_proves_two(scheme):
            yield (
                "what",
                f'"mail" would leave scheme "{scheme.name}" one factor short, for it asks for a mail as well: name the'
                " schemes that this rung is for",
            )


def one_mailbox_proves_two(scheme: SchemeSettings) -> bool:
    """Whether a mail in the place of an SMS would be proven by the mailbox that another entry is proven by."""
    by_mail = [choice for choice in scheme.factors if not {Factor.SMS, Factor.EMAIL}.isdisjoint(choice)]
    return len(by_mail) > 1


def degrade_warnings(
    rungs: Sequence[DegradeSettings],
    schemes: Sequence[SchemeSettings],
    channels: Sequence[str],
    *,
    admin_schemes: Collection[str],
) -> Iterator[str]:
    """What works, but is seldom meant. `channels`: those that passcodes go by otherwise. `admin_schemes`: by which
    somebody may open the admin pages."""
    for rung in rungs:
        at = f'degrade ("{rung.name}")'
        if rung.what is RungKind.MAIL:
            names = ", ".join(f'"{each.name}"' for each in covered_by(rung, schemes))
            yield (
                f"{at}: is a weak rung: while it is in force, anyone who can read a mailbox passes as the holder of the"
                f" phone in {names}"
            )
            if any(each.name in admin_schemes for each in covered_by(rung, schemes)):
                yield (
                    f"{at}: opens the admin pages by a mail too: name the other schemes in schemes, and in [admin] a"
                    " scheme that is none of them"
                )
        if rung.what is RungKind.CHANNELS and rung.channels == tuple(each for each in channels if each != EMAIL):
            yield f"{at}: changes nothing: text messages go by these channels anyway"
        if rung.what is RungKind.REMEMBERED and all(scheme.remember is None for scheme in schemes):
            yield f"{at}: no scheme has remember, so only people with a second factor of their own could sign in"
