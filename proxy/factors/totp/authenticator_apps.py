"""The authenticator apps that persons have enrolled: each step of a clock counts once."""

from __future__ import annotations

from config.factors import Factor
from proxy.factors.challenge import Challenge
from proxy.factors.enrolled import EnrolledCodes
from proxy.factors.enrolment import Enrolment
from proxy.factors.second_factor import Prompt
from proxy.factors.totp.totp import DIGITS, steps_of, typed_code


class AuthenticatorApps(EnrolledCodes):
    """The `SecondFactor` of `Factor.TOTP`."""

    factor = Factor.TOTP

    def read(self, text: str) -> str | None:
        return typed_code(text)

    async def use(self, enrolment: Enrolment, secret: bytes, code: str, *, now: float) -> bool:
        """A step before the last one that was used is no longer taken either (RFC 6238 section 5.2)."""
        for step in steps_of(secret, code, now=now):
            if await self._store.use_enrolment(enrolment.enrolment_id, counter=step, now=now):
                return True
        return False

    def prompt(self, challenge: Challenge) -> Prompt:
        return Prompt(digits=DIGITS)
