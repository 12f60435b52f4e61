"""Where a passcode goes: the one decision that a sign-in makes, and that an explanation of one asks.

The number, what stands in for one that changed recently or is missing, or why there is none. Raises `StoreError`.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from config.factors import Factor
from config.settings import Settings
from directory.mail_address import is_plain_address
from directory.mobile import E164, UnusableNumber, UsableNumber, first_usable
from directory.principal import Principal
from proxy.factors.passcode.first_seen import changed_at
from proxy.factors.passcode.known_numbers import (
    Decision,
    KnownNumber,
    Refuse,
    Send,
    SendByMail,
    Wait,
    decide,
    number_digest,
    open_number,
    seal_number,
)
from proxy.factors.passcode.passcode_store import NumberStore
from proxy.factors.second_factor import Chosen
from proxy.secrets.keys import Keys, Purpose


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the rule on recently changed numbers says about the person's number, or about a missing one."""

    decision: Decision
    chosen: Chosen | None
    """Where the passcode goes; None: nowhere, while the decision stays the same."""
    number: UsableNumber | None
    """The one in the directory; None: none that can be used, and a mail would stand in for it."""
    changed_at: float | None
    known: KnownNumber | None = field(repr=False)


def number_of(keys: Keys, principal: Principal, number: E164) -> Chosen:
    digests = tuple(number_digest(key, guid=principal.guid, number=number) for key in keys.accepted(Purpose.NUMBERS))
    return Chosen(factor=Factor.SMS, number=number, digests=digests)


def mail_of(keys: Keys, principal: Principal, *, factor: Factor) -> Chosen | None:
    """None if the person has no address that a mail can be sent to."""
    mail = principal.mail
    if mail is None or not is_plain_address(mail):
        return None
    # A number holds no letters, so digests of numbers and addresses never collide.
    digests = tuple(
        hmac.digest(key, f"{principal.guid}\0mail\0{mail}".encode(), "sha256") for key in keys.accepted(Purpose.NUMBERS)
    )
    return Chosen(factor=factor, mail=mail, digests=digests)


def stand_in_of(settings: Settings, keys: Keys, principal: Principal) -> Chosen | None:
    """The mail address that replaces a missing number, if the operator lets mails stand in for SMS."""
    return mail_of(keys, principal, factor=Factor.SMS) if settings.second_factor.email_for_sms else None


async def number_destination(
    settings: Settings, store: NumberStore, keys: Keys, principal: Principal, *, now: float, see: bool
) -> Judged | UnusableNumber:
    """For the factor "sms". `see` as in `changed_at`."""
    usable = first_usable(principal.mobiles, settings.mobile)
    number = usable if isinstance(usable, UsableNumber) else None
    stand_in = stand_in_of(settings, keys, principal) if number is None else None
    if isinstance(usable, UnusableNumber) and stand_in is None:
        return usable
    # A number that was removed recently was changed recently, so the same rule holds.
    own = number_of(keys, principal, number.e164) if number is not None else None
    known = await store.known_number(principal.guid)
    changed = await changed_at(
        store,
        keys.derive(Purpose.THROTTLE),
        principal,
        number.e164 if number is not None else None,
        now=now,
        see=see,
    )
    digests = own.digests if own is not None else ()
    decision = decide(settings.mobile, now=now, changed_at=changed, digests=digests, known=known)
    match decision:
        case Send():
            chosen = own or stand_in
        case SendByMail():
            chosen = mail_of(keys, principal, factor=Factor.SMS)
        case Wait() | Refuse():
            chosen = None
    return Judged(decision=decision, chosen=chosen, number=number, changed_at=changed, known=known)


def known_as(keys: Keys, principal: Principal, number: E164, *, now: float) -> KnownNumber:
    """What to remember of a number that is certainly theirs: a passcode sent there was accepted, or somebody who knows
    the person has confirmed it."""
    sealed = seal_number(keys.derive(Purpose.SEALED_NUMBERS), guid=principal.guid, number=number)
    return KnownNumber(digest=number_of(keys, principal, number).digest, sealed=sealed, used_at=now)


def number_that_was_known(keys: Keys, guid: str, known: KnownNumber | None) -> E164 | None:
    """The number itself, if a key that is still accepted has sealed it."""
    if known is None:
        return None
    opened = (open_number(key, guid=guid, sealed=known.sealed) for key in keys.accepted(Purpose.SEALED_NUMBERS))
    return next((number for number in opened if number is not None), None)
