"""The passkeys that persons have added: proven beside a password, proven alone, and new ones.

What a passkey signs is derived from what was asked and a key, so nothing is stored of it, and an assertion fits what it
was asked for and nothing else. Instants are epoch seconds.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from structlog.typing import FilteringBoundLogger

from config.factors import Factor
from config.settings import Settings
from config.tables.schemes import factors_of
from directory.principal import Principal
from proxy.factors.challenge import Challenge
from proxy.factors.enrolled import EnrolledFactor
from proxy.factors.enrolment import Enrolment, is_of, open_enrolment, seal_enrolment
from proxy.factors.enrolment_store import EnrolmentStore
from proxy.factors.passkey.passkey import Assertion, Passkey, PasskeyRefusal
from proxy.factors.second_factor import Prompt
from proxy.secrets.keys import Keys, Purpose

if TYPE_CHECKING:
    from proxy.factors.passkey.ceremonies import RelyingParty

ASKED_SECONDS = 300.0
"""How long somebody may take to touch their passkey, where no challenge is stored."""
_CLOCK_SECONDS = 60.0
"""How far ahead another node's clock may be."""
_STAMP = re.compile(r"([0-9]{1,12})\.[A-Za-z0-9_-]{22}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeyAsked:
    """What a page hands to the browser, and what has to come back with the answer."""

    options: str
    """JSON."""
    stamp: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasskeySeen:
    """A right assertion that may have been seen before: see `Passkeys.use`."""

    enrolment: Enrolment
    counter: int
    challenge: bytes = field(repr=False)


class Passkeys(EnrolledFactor):
    """The `SecondFactor` of `Factor.PASSKEY`, and a first one."""

    factor = Factor.PASSKEY

    def __init__(
        self, settings: Settings, store: EnrolmentStore, keys: Keys, log: FilteringBoundLogger | None = None
    ) -> None:
        """`log` says why an assertion was refused; None: nothing is proven here."""
        super().__init__(settings.passcode, store, keys)
        self._public = settings.server.public_url
        self._log = log
        if log is not None and Factor.PASSKEY in factors_of(settings.schemes):
            _ = self._party  # before anybody waits for it

    @cached_property
    def _party(self) -> RelyingParty:
        # Its library takes 7 MiB and half a second: only those who offer passkeys have it.
        from proxy.factors.passkey.ceremonies import RelyingParty

        return RelyingParty(rp_id=self._public.host, origin=self._public.origin)

    # As a second factor.

    def prompt(self, challenge: Challenge) -> Prompt:
        return Prompt()

    async def options(self, principal: Principal, challenge: Challenge, *, is_alone: bool = False) -> str:
        """What its page hands to the browser: JSON for ``navigator.credentials.get``. `is_alone` as in `answer`: then
        it checks whose hand it is in."""
        mine = await self._passkeys(principal)
        return self._party.options_to_prove(challenge=self._signed_for(challenge), of=mine, must_verify=is_alone)

    async def answer(
        self, principal: Principal, challenge: Challenge, text: str, *, is_alone: bool = False, now: float
    ) -> bytes | None:
        assertion = self._party.read(text)
        if assertion is None:
            return None
        seen = await self._judge(assertion, self._signed_for(challenge), must_verify=is_alone)
        if isinstance(seen, PasskeySeen) and not is_of(seen.enrolment, principal):
            seen = PasskeyRefusal.UNKNOWN
        used = await self.use(seen, now=now) if isinstance(seen, PasskeySeen) else seen
        if isinstance(used, Enrolment):
            return challenge.digest
        if self._log is not None:
            self._log.info("passkey.refused", guid=challenge.guid, reason=used.value)
        return secrets.token_bytes(len(challenge.digest))

    # Alone.

    def ask_anybody(self, browser: str, *, now: float) -> PasskeyAsked:
        """For any passkey of ours that this browser has, one that checks whose hand it is in."""
        stamp = _new_stamp(now)
        challenge = self._challenge("alone", browser, stamp, at=now)
        return PasskeyAsked(
            options=self._party.options_to_prove(challenge=challenge, of=(), must_verify=True), stamp=stamp
        )

    async def judge_alone(self, text: str, *, browser: str, stamp: str, now: float) -> PasskeySeen | PasskeyRefusal:
        """Whose passkey it is, for who was asked by `ask_anybody`."""
        assertion = self._party.read(text)
        if assertion is None or not assertion.user_handle:
            # Nobody has said who they are: the passkey alone does (WebAuthn section 7.2, step 6).
            return PasskeyRefusal.UNREADABLE
        made = _made_at(stamp, now=now)
        if made is None:
            return PasskeyRefusal.TOO_LATE
        return await self._judge(assertion, self._challenge("alone", browser, stamp, at=made), must_verify=True)

    async def use(self, seen: PasskeySeen, *, now: float) -> Enrolment | PasskeyRefusal:
        """Take it for proven: its counter is used up, on whatever worker or node. One that does not count (0) may come
        again, so what it was asked for must be used up elsewhere."""
        is_used = await self._store.use_enrolment(seen.enrolment.enrolment_id, counter=seen.counter, now=now)
        if is_used:
            return seen.enrolment
        if self._log is not None:
            of = seen.enrolment
            self._log.warning("passkey.counter_went_back", guid=of.guid, realm=of.realm, enrolment=of.enrolment_id)
        return PasskeyRefusal.COUNTER

    # New ones.

    async def ask_for_new(self, principal: Principal, *, session_id: str, now: float) -> PasskeyAsked:
        stamp = _new_stamp(now)
        options = self._party.options_to_make(
            challenge=self._challenge("new", session_id, stamp, at=now),
            user_handle=self._user_handle(principal.guid),
            username=principal.username,
            display_name=principal.display_name,
            existing=await self._passkeys(principal),
        )
        return PasskeyAsked(options=options, stamp=stamp)

    def made(
        self, principal: Principal, text: str, *, session_id: str, stamp: str, name: str, now: float
    ) -> Enrolment | None:
        """The new one, not yet stored; None if none was made, or too late."""
        made = _made_at(stamp, now=now)
        if made is None:
            return None
        found = self._party.made(text, challenge=self._challenge("new", session_id, stamp, at=made))
        if found is None:
            return None
        passkey, counter = found
        return seal_enrolment(
            self._keys,
            principal,
            Factor.PASSKEY,
            passkey.to_bytes(),
            name=name,
            counter=counter,
            lookup=passkey.lookup,
            now=now,
        )

    async def _judge(
        self, assertion: Assertion, challenge: bytes, *, must_verify: bool
    ) -> PasskeySeen | PasskeyRefusal:
        found = await self._store.enrolment_by(assertion.lookup)
        secret = open_enrolment(self._keys, found) if found is not None and found.factor is self.factor else None
        if found is None or secret is None:
            return PasskeyRefusal.UNKNOWN
        handle = assertion.user_handle
        if handle and not hmac.compare_digest(handle, self._user_handle(found.guid)):
            return PasskeyRefusal.UNKNOWN
        counter = self._party.proven(
            assertion, Passkey.from_bytes(secret), challenge=challenge, must_verify=must_verify
        )
        if isinstance(counter, PasskeyRefusal):
            return counter
        return PasskeySeen(enrolment=found, counter=counter, challenge=challenge)

    async def _passkeys(self, principal: Principal) -> list[Passkey]:
        return [Passkey.from_bytes(secret) for _, secret in await self._opened(principal)]

    def _signed_for(self, challenge: Challenge) -> bytes:
        """Of one challenge, which the store uses up."""
        return self._challenge("second factor", challenge.challenge_id, "", at=challenge.created_at)

    def _challenge(self, what_for: str, bound_to: str, stamp: str, *, at: float) -> bytes:
        """What a passkey signs."""
        parts = "\0".join((what_for, bound_to, stamp))
        return hmac.digest(self._keys.derive(Purpose.PASSKEYS, at=at), parts.encode(), "sha256")

    def _user_handle(self, guid: str) -> bytes:
        """By which passkeys of one person belong together. It names nobody (WebAuthn section 14.6.1), and stays the
        same for ever, as does the key of names."""
        return hmac.digest(self._keys.derive(Purpose.THROTTLE), b"user handle\0" + guid.encode(), "sha256")


def is_synced(keys: Keys, enrolment: Enrolment) -> bool | None:
    """Whether a passkey may be on several devices; None: it is not known."""
    secret = open_enrolment(keys, enrolment)
    return None if secret is None else Passkey.from_bytes(secret).is_synced


def _new_stamp(now: float) -> str:
    """When something was asked for, and 128 random bits that distinguish it from all else."""
    return f"{int(now)}.{secrets.token_urlsafe(16)}"


def _made_at(stamp: str, *, now: float) -> float | None:
    """None if it is no stamp, or too old."""
    match = _STAMP.fullmatch(stamp)
    if match is None or not -_CLOCK_SECONDS <= now - int(match[1]) <= ASKED_SECONDS:
        return None
    return float(match[1])
