"""Passcodes by SMS and by mail, as a second factor: who can use them, and how one is made, judged and remembered."""

from __future__ import annotations

import hmac
from collections.abc import Collection

from config.factors import ChannelKind, Factor
from config.settings import Settings
from directory.mobile import UnusableNumber, UsableNumber, first_usable
from directory.principal import Principal
from proxy.factors.challenge import Challenge
from proxy.factors.passcode.destination import (
    Judged,
    known_as,
    mail_of,
    number_destination,
    number_of,
    number_that_was_known,
    stand_in_of,
)
from proxy.factors.passcode.known_numbers import Send, SendByMail, Wait, number_digest
from proxy.factors.passcode.passcode import (
    LONGEST_PASTED,
    new_challenge_id,
    passcode_digest,
    passcode_of,
    typed_passcode,
)
from proxy.factors.passcode.passcode_store import NumberStore
from proxy.factors.passcode.tag import tag_of
from proxy.factors.second_factor import Chosen, Lack, NumberChange, Prompt, Unusable, Usability
from proxy.secrets.keys import Keys, Purpose

SMS_ONLY = {ChannelKind.SMS}


class Passcodes:
    """The `SecondFactor` of `Factor.SMS` and `Factor.EMAIL`."""

    def __init__(self, settings: Settings, store: NumberStore, keys: Keys) -> None:
        self._settings = settings
        self._store = store
        self._keys = keys

    def held_by(self, principal: Principal, factor: Factor) -> Chosen | Unusable:
        if factor is Factor.EMAIL:
            return mail_of(self._keys, principal, factor=factor) or _NO_MAIL
        number = first_usable(principal.mobiles, self._settings.mobile)
        if isinstance(number, UsableNumber):
            return number_of(self._keys, principal, number.e164)
        return stand_in_of(self._settings, self._keys, principal) or _no_number(number)

    async def usable_by(self, principal: Principal, factor: Factor, *, now: float, is_try: bool = False) -> Usability:
        if factor is Factor.EMAIL:
            return Usability(way=self.held_by(principal, factor))
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
        return Challenge(
            challenge_id=challenge_id,
            session_id=session_id,
            guid=principal.guid,
            digest=passcode_digest(key, challenge_id=challenge_id, guid=principal.guid, passcode=passcode),
            masked_destination=chosen.masked,
            created_at=now,
            expires_at=now + settings.lifetime,
            attempts_left=settings.attempts,
            last_sent_at=now,  # so that nobody who looks in the meantime has it sent a second time
            factor=chosen.factor,
            kind=chosen.kind,
            number_digest=chosen.digest,
        )

    def passcode(self, challenge: Challenge) -> str:
        key = self._keys.derive(Purpose.PASSCODE, at=challenge.created_at)
        return passcode_of(key, challenge.challenge_id, digits=self._settings.passcode.digits)

    def answer(self, challenge: Challenge, text: str) -> bytes | None:
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
        if challenge.factor is not Factor.SMS or set(went_by) != SMS_ONLY:
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


_NO_MAIL = Unusable(factor=Factor.EMAIL, lack=Lack.MAIL, reason="no_mail")


def _no_number(number: UnusableNumber) -> Unusable:
    return Unusable(factor=Factor.SMS, lack=Lack.NUMBER, reason="mobile_" + number.reason.value)
