"""`[second_factor]`: by which ways passcodes go, and what keeps them from going out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated

from pydantic import Field

from config.factors import Factor
from config.frozen_table import FrozenTable
from config.problems import Finding, Place, nearest, told
from config.tables.gateway_values import EMAIL, ChannelName
from config.tables.sms import SMSSettings
from config.tables.sms_gateways import KAPOW_HTTP, gateway_presets, is_kapow_api
from config.tables.texts import Language
from config.values import Flag, NotEmpty, Seconds


class SecondFactorSettings(FrozenTable):
    """The channels that passcodes go through."""

    channels: Annotated[tuple[ChannelName, ...], NotEmpty] | None = None
    """Tried in this order, the next one only if the one before has certainly not taken the message: e-mail-to-SMS
    gateways, HTTP gateways, and `email`. Not set: the gateway that `[sms]` names."""
    budget: Annotated[Seconds, Field(ge=1, le=60)] = 10.0
    """How long all channels together may take: a person is waiting for the page."""
    language: Language = "en"
    """The language of `sms.text`, and of messages to people who want none that has texts. Not set: the first of
    `pages.languages`."""
    email_for_sms: Flag = False
    """Whether `email` may stand in where a scheme asks for `sms` and no SMS channel took the passcode, or the person
    has no number. Anyone who can read the mailbox then passes as the holder of the phone."""


def channels_of(sms: SMSSettings, second_factor: SecondFactorSettings) -> tuple[str, ...]:
    """The names of the channels that passcodes go by, in order."""
    return second_factor.channels or (sms.gateway,)


def channel_problems(
    sms: SMSSettings, second_factor: SecondFactorSettings, asked: Collection[Factor]
) -> Iterator[Finding]:
    """Everything that keeps the channels from working as they are written. `asked`: the factors of all schemes."""
    at = Place("sms", None, "gateway") if second_factor.channels is None else Place("second_factor", None, "channels")
    yield from told(_known_channels(at, sms, second_factor), _mail_channel(at, sms, second_factor, asked))


def _known_channels(at: Place, sms: SMSSettings, second_factor: SecondFactorSettings) -> Iterator[Finding]:
    kind, others = ("SMS gateway", set()) if second_factor.channels is None else ("channel", {EMAIL})
    for name in channels_of(sms, second_factor):
        if wrong := wrong_with_channel(name, sms, kind=kind, others=others):
            yield at, wrong


def wrong_with_channel(name: str, sms: SMSSettings, *, kind: str, others: Collection[str] = ()) -> str:
    """Why it names no SMS gateway, and none of the `others` that may stand there; empty: it does. `kind`: what it is to
    be."""
    if name == KAPOW_HTTP and name not in sms.http:
        return f'"{name}" needs a table [sms.http.{name}] with username and password_file'
    known = {*gateway_presets(), *sms.gateways, *sms.http, *others}
    if name in known:
        return ""
    listed = ", ".join(f'"{each}"' for each in sorted(known))
    return f'unknown {kind} "{name}"; there is {listed}{nearest(name, known)}'


def _mail_channel(
    at: Place, sms: SMSSettings, second_factor: SecondFactorSettings, asked: Collection[Factor]
) -> Iterator[Finding]:
    names = channels_of(sms, second_factor)
    if second_factor.email_for_sms and EMAIL not in names:
        yield Place("second_factor", None, "email_for_sms"), f'needs "{EMAIL}" among the channels'
    if set(names) == {EMAIL} and Factor.SMS in asked and not second_factor.email_for_sms:
        yield at, 'names no way to send an SMS, and a scheme asks for "sms"'


def channel_warnings(
    sms: SMSSettings,
    second_factor: SecondFactorSettings,
    asked: Collection[Factor],
    *,
    rungs: Collection[str] = (),
    may_stand_in: bool,
) -> Iterator[str]:
    """What works, but is seldom meant. `rungs`: the channels that a rung of `[[degrade]]` names; `may_stand_in`: mail
    may take the place of an SMS to a fresh number."""
    channels = channels_of(sms, second_factor)
    if "gateway" in sms.model_fields_set and sms.gateway not in (*channels, *rungs):
        yield "sms: gateway: means nothing where second_factor.channels is given"
    if second_factor.email_for_sms:
        yield (
            "second_factor: email_for_sms: anyone who can read a mailbox passes as the holder of the phone,"
            ' also where a scheme asks for "sms"'
        )
    by_mail = {Factor.EMAIL, Factor.EMAIL_FOR_SMS}
    if EMAIL in channels and not second_factor.email_for_sms and not may_stand_in and by_mail.isdisjoint(asked):
        yield (
            'second_factor: channels: "email" is never used, not even where no SMS goes out: name it among the'
            " factors of a scheme, or set email_for_sms = true (anyone who can read a mailbox then passes as the holder"
            " of the phone)"
        )
    for name, http in sms.http.items():
        if name in (*channels, *rungs) and http.success is None and not is_kapow_api(name, http):
            yield f"sms: http.{name}.success: is not set: any answer with a status 2xx counts as accepted"
    for name in (*sms.gateways, *sms.http):
        if name not in (*channels, *rungs):
            yield f"sms: {name}: is never used: second_factor.channels does not name it"
