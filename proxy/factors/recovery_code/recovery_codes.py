"""The recovery codes that persons have made: each opens once."""

from __future__ import annotations

import hmac

from config.factors import Factor
from directory.principal import Principal
from proxy.factors.challenge import Challenge
from proxy.factors.enrolled import EnrolledCodes
from proxy.factors.enrolment import Enrolment, seal_enrolment
from proxy.factors.recovery_code.code import code_digest, typed_code
from proxy.factors.second_factor import Prompt
from proxy.secrets.keys import Keys

USED = 1
"""The counter of a code that has opened. It stays, so that its person sees when that was."""


class RecoveryCodes(EnrolledCodes):
    """The `SecondFactor` of `Factor.RECOVERY_CODE`."""

    factor = Factor.RECOVERY_CODE

    def read(self, text: str) -> str | None:
        return typed_code(text)

    async def use(self, enrolment: Enrolment, secret: bytes, code: str, *, now: float) -> bool:
        if not hmac.compare_digest(secret, code_digest(enrolment.guid, code)):
            return False
        return await self._store.use_enrolment(enrolment.enrolment_id, counter=USED, now=now)

    def is_left(self, enrolment: Enrolment) -> bool:
        return enrolment.counter < USED

    async def count_left(self, principal: Principal) -> int:
        """Raises `StoreUnavailable`."""
        return sum(map(self.is_left, await self._enrolled(principal)))

    def prompt(self, challenge: Challenge) -> Prompt:
        return Prompt()


def enrolment_of_code(keys: Keys, principal: Principal, code: str, *, name: str, now: float) -> Enrolment:
    """One code of a new set."""
    digest = code_digest(principal.guid, typed_code(code) or "")
    return seal_enrolment(keys, principal, Factor.RECOVERY_CODE, digest, name=name, now=now)
