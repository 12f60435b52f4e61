"""Passcodes by SMS and by mail, as a second factor: where one goes, and how it is made, judged and remembered.

Where it goes is one decision (`number_destination`): a sign-in makes it, and an explanation of one asks for it.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass, field

from config.factors import ChannelKind, Factor
from config.settings import Settings
from directory.mail_address import is_plain_address
from directory.mobile import E164, UnusableNumber, UsableNumber, first_usable
from directory.principal import Principal
from proxy.factors.challenge import Challenge, new_challenge_id
from proxy.factors.passcode.known_numbers import (
    Decision,
    KnownNumber,
    NumberStore,
    Refuse,
    Send,
    SendByMail,
    Wait,
    decide,
    number_digest,
    open_number,
    seal_number,
)
from proxy.factors.passcode.passcode import (
    LONGEST_PASTED,
    passcode_digest,
    passcode_of,
    typed_passcode,
)
from proxy.factors.passcode.tag import tag_of
from proxy.factors.second_factor import Chosen, Lack, NumberChange, Prompt, Unusable, Usability
from proxy.secrets.keys import Keys, Purpose

_SMS_ONLY = {ChannelKind.SMS}


class Passcodes:
    """The `SecondFactor` of `Factor.SMS`, `Factor.EMAIL` and `Factor.EMAIL_FOR_SMS`."""

    def __init__(self, settings: Settings, store: NumberStore, keys: Keys) -> None:
        self._settings = settings
        self._store = store
        self._keys = keys

    async def held_by(self, principal: Principal, factor: Factor) -> Chosen | Unusable:
        if factor is not Factor.SMS:
            return mail_of(self._keys, principal, factor=factor) or _no_mail(factor)
        number = first_usable(principal.mobiles, self._settings.mobile)
        if isinstance(number, UsableNumber):
            return number_of(self._keys, principal, number.e164)
        return stand_in_of(self._settings, self._keys, principal) or _no_number(number)

    async def usable_by(self, principal: Principal, factor: Factor, *, now: float, is_try: bool = False) -> Usability:
        if factor is not Factor.SMS:
            return Usability(way=await self.held_by(principal, factor))
        found = await number_destination(self._settings, self._store, self._keys, principal, now=now, see=is_try)
        if isinstance(found, UnusableNumber):
            return Usability(way=_no_number(found))
        change = self._change(principal, found)
        if found.chosen is not None:
            return Usability(way=found.chosen, change=change)
        until = found.decision.until if isinstance(found.decision, Wait | SendByMail) else None
        held = Unusable(factor=factor, lack=Lack.TRUST, reason="mobile_changed_lately", until=until)
        return Usability(way=held, change=change)

    def begin(self, chosen: Chosen, principal: Principal, *, session_id: str, now: float) -> Challenge:
        settings, challenge_id = self._settings.passcode, new_challenge_id()
        passcode = passcode_of(self._keys.derive(Purpose.PASSCODE, at=now), challenge_id, digits=settings.digits)
        key = self._keys.derive(Purpose.CHALLENGE, at=now)
        digest = passcode_digest(key, challenge_id=challenge_id, guid=principal.guid, passcode=passcode)
        return chosen.challenge(
            settings, principal, challenge_id=challenge_id, session_id=session_id, digest=digest, now=now
        )

    def passcode(self, challenge: Challenge) -> str:
        key = self._keys.derive(Purpose.PASSCODE, at=challenge.created_at)
        return passcode_of(key, challenge.challenge_id, digits=self._settings.passcode.digits)

    async def answer(
        self, principal: Principal, challenge: Challenge, text: str, *, is_alone: bool = False, now: float
    ) -> bytes | None:
        typed = typed_passcode(text, digits=self._settings.passcode.digits)
        if typed is None:
            return None
        key = self._keys.derive(Purpose.CHALLENGE, at=challenge.created_at)
        return passcode_digest(key, challenge_id=challenge.challenge_id, guid=challenge.guid, passcode=typed)

    async def accepted(
        self, principal: Principal, challenge: Challenge, went_by: Collection[ChannelKind], *, now: float
    ) -> None:
        """The number that it went to is the known one from now on, if it went only by SMS: a mail with the same
        passcode does not show who holds the phone."""
        if challenge.factor is not Factor.SMS or set(went_by) != _SMS_ONLY:
            return
        usable = first_usable(principal.mobiles, self._settings.mobile)
        if isinstance(usable, UnusableNumber):
            return
        if not number_of(self._keys, principal, usable.e164).is_of(challenge):
            return  # it changed after the passcode was sent, so nothing is proven about the present number
        await self._store.put_known_number(principal.guid, known_as(self._keys, principal, usable.e164, now=now))

    def prompt(self, challenge: Challenge) -> Prompt:
        digits = self._settings.passcode.digits
        return Prompt(digits=digits, longest=LONGEST_PASTED, hint=tag_of(challenge.challenge_id))

    def _change(self, principal: Principal, found: Judged) -> NumberChange | None:
        number, decision = found.number, found.decision
        if number is None or (isinstance(decision, Send) and not decision.is_new):
            return None
        is_held = not isinstance(decision, Send)
        # By the key that names counters: a new master key must not cause a second notice.
        name = number_digest(self._keys.derive(Purpose.THROTTLE), guid=principal.guid, number=number.e164)
        return NumberChange(
            number=number.e164,
            old_number=number_that_was_known(self._keys, principal.guid, found.known),
            is_held=is_held,
            key=hmac.digest(name, b"held" if is_held else b"used", "sha256"),
        )


def _no_mail(factor: Factor) -> Unusable:
    return Unusable(factor=factor, lack=Lack.MAIL, reason="no_mail")


def _no_number(number: UnusableNumber) -> Unusable:
    return Unusable(factor=Factor.SMS, lack=Lack.NUMBER, reason="mobile_" + number.reason.value)


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


async def changed_at(
    store: NumberStore, key: bytes, principal: Principal, number: E164 | None, *, now: float, see: bool
) -> float | None:
    """When the directory's number was last changed, as far as anybody can tell; None if it was not. If that cannot be
    read, the time when it was first seen with the person stands for it.

    `number` None: that there is none any more. `see`: whether this is the first time, if there was none; else that
    would be now, and is not kept.
    """
    if not principal.is_mobile_change_unread:
        return principal.mobile_changed_at
    digest = number_digest(key, guid=principal.guid, number=number or E164(""))
    name = hmac.digest(digest, b"first seen", "sha256")
    seen_at = await store.first_seen(name, now=now, see=see)
    return now if seen_at is None else seen_at
