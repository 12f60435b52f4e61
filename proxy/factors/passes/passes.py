"""The second factor of somebody who has a pass: its code, typed in place of another second factor."""

from __future__ import annotations

import hmac
from collections.abc import Collection

from config.factors import ChannelKind, Factor
from config.settings import HelpDeskSettings, PasscodeSettings
from directory.principal import Principal
from proxy.factors.challenge import Challenge, new_challenge_id
from proxy.factors.confinement import Confinement
from proxy.factors.passes.given_pass import CODE_DIGITS, GivenPass, code_digest
from proxy.factors.passes.pass_store import PassStore
from proxy.factors.second_factor import Chosen, Lack, Prompt, Unusable, Usability
from proxy.secrets.keys import Keys, Purpose

_SEPARATORS = str.maketrans("", "", " -\u00a0\t\r\n")


class Passes:
    """The `SecondFactor` of `Factor.PASS`. A person has at most one with a code, and may type it until it ends."""

    def __init__(self, settings: PasscodeSettings, help_desk: HelpDeskSettings, store: PassStore, keys: Keys) -> None:
        """Where a kind of pass is off, a session that was begun before may still ask; none of that kind counts."""
        self._settings = settings
        self._help_desk = help_desk
        self._store = store
        self._keys = keys

    async def held_by(self, principal: Principal, factor: Factor) -> Chosen | Unusable:
        """Also one that ended just now: when it ends is a rule of the moment."""
        return _way(await self.counting(principal, now=0.0))

    async def usable_by(self, principal: Principal, factor: Factor, *, now: float, is_try: bool = False) -> Usability:
        return Usability(way=_way(await self.counting(principal, now=now)))

    def begin(self, chosen: Chosen, principal: Principal, *, session_id: str, now: float) -> Challenge:
        return chosen.challenge(
            self._settings,
            principal,
            challenge_id=new_challenge_id(),
            session_id=session_id,
            digest=chosen.digest,
            now=now,
        )

    def passcode(self, challenge: Challenge) -> str:
        raise NotImplementedError("nothing is sent")

    async def answer(
        self, principal: Principal, challenge: Challenge, text: str, *, is_alone: bool = False, now: float
    ) -> bytes | None:
        code = text.translate(_SEPARATORS)
        if len(code) != CODE_DIGITS or not code.isdecimal():
            return None
        digests = [code_digest(key, guid=challenge.guid, code=code) for key in self._keys.accepted(Purpose.PASSES)]
        return next((each for each in digests if hmac.compare_digest(each, challenge.digest)), digests[0])

    async def accepted(
        self, principal: Principal, challenge: Challenge, went_by: Collection[ChannelKind], *, now: float
    ) -> None:
        return  # it may be typed again, in another browser, until it ends

    def prompt(self, challenge: Challenge) -> Prompt:
        return Prompt(digits=CODE_DIGITS)

    async def confinement(self, principal: Principal, challenge: Challenge, *, now: float) -> Confinement | None:
        """Of the pass that a challenge was made for; None if that does not count (any more)."""
        given = await self.counting(principal, now=now)
        if given is None or not hmac.compare_digest(given.digest, challenge.digest):
            return None
        return given.confinement

    async def counting(self, principal: Principal, *, now: float) -> GivenPass | None:
        """The pass that this person may type now. It changes nothing."""
        if not self._help_desk.passes:
            return None
        return next((each for each in await self._counting(principal, now=now) if not each.is_vouched), None)

    async def vouched(self, principal: Principal, session_id: str, *, now: float) -> Confinement | None:
        """Of the pass that this sign-in got because its person's manager vouched; None if there is none (any more)."""
        if not self._help_desk.vouching:
            return None
        found = await self._counting(principal, now=now)
        return next((each.confinement for each in found if each.is_vouched and each.session_id == session_id), None)

    async def _counting(self, principal: Principal, *, now: float) -> list[GivenPass]:
        found = await self._store.passes(principal.guid, now=now)
        return [each for each in found if each.counts and each.realm == principal.realm]


def _way(given: GivenPass | None) -> Chosen | Unusable:
    if given is None:
        return Unusable(factor=Factor.PASS, lack=Lack.PASS, reason="no_pass")
    return Chosen(factor=Factor.PASS, digests=(given.digest,))
