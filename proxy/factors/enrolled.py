"""What factors have in common that a person enrols: nothing is sent, and the answer is judged here."""

from __future__ import annotations

import hashlib
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence

from config.factors import ChannelKind, Factor
from config.settings import PasscodeSettings
from directory.principal import Principal
from proxy.factors.challenge import Challenge, new_challenge_id
from proxy.factors.enrolment import Enrolment, is_of, open_enrolment
from proxy.factors.enrolment_store import EnrolmentStore
from proxy.factors.second_factor import Chosen, Lack, Prompt, Unusable, Usability
from proxy.secrets.keys import Keys


class EnrolledFactor(ABC):
    """A `SecondFactor`. A kind of it says what a right answer is."""

    factor: Factor

    def __init__(self, settings: PasscodeSettings, store: EnrolmentStore, keys: Keys) -> None:
        self._settings = settings
        self._store = store
        self._keys = keys

    @abstractmethod
    async def answer(
        self, principal: Principal, challenge: Challenge, text: str, *, is_alone: bool = False, now: float
    ) -> bytes | None: ...

    @abstractmethod
    def prompt(self, challenge: Challenge) -> Prompt: ...

    def is_left(self, enrolment: Enrolment) -> bool:
        """Whether it may still prove something."""
        return True

    async def held_by(self, principal: Principal, factor: Factor) -> Chosen | Unusable:
        return self._held(await self._enrolled(principal), factor)

    def _held(self, found: Sequence[Enrolment], factor: Factor) -> Chosen | Unusable:
        if not any(map(self.is_left, found)):
            return Unusable(factor=factor, lack=Lack.ENROLMENT, reason=f"no_{factor.value}")
        return Chosen(factor=factor, digests=_digests([each.enrolment_id for each in found]))

    async def usable_by(self, principal: Principal, factor: Factor, *, now: float, is_try: bool = False) -> Usability:
        found = await self._enrolled(principal)
        held = self._held(found, factor)
        if isinstance(held, Chosen) and not self._opened_of(found):
            held = Unusable(factor=factor, lack=Lack.ENROLMENT, reason=f"unreadable_{factor.value}")
        return Usability(way=held)

    def begin(self, chosen: Chosen, principal: Principal, *, session_id: str, now: float) -> Challenge:
        challenge_id, digest = new_challenge_id(), secrets.token_bytes(32)
        return chosen.challenge(
            self._settings, principal, challenge_id=challenge_id, session_id=session_id, digest=digest, now=now
        )

    def passcode(self, challenge: Challenge) -> str:
        raise NotImplementedError("nothing is sent")

    async def accepted(
        self, principal: Principal, challenge: Challenge, went_by: Collection[ChannelKind], *, now: float
    ) -> None:
        return  # it was used up when it was judged

    async def _enrolled(self, principal: Principal) -> list[Enrolment]:
        """All of this person's, in their realm: the one place where that is decided for what proves something."""
        found = await self._store.enrolments(principal.guid)
        return [each for each in found if each.factor is self.factor and is_of(each, principal)]

    async def _opened(self, principal: Principal) -> list[tuple[Enrolment, bytes]]:
        """With their secrets. One whose key is gone proves nothing."""
        return self._opened_of(await self._enrolled(principal))

    def _opened_of(self, found: Sequence[Enrolment]) -> list[tuple[Enrolment, bytes]]:
        opened = [(each, open_enrolment(self._keys, each)) for each in filter(self.is_left, found)]
        return [(each, secret) for each, secret in opened if secret is not None]


class EnrolledCodes(EnrolledFactor):
    """Of which a code is typed. A kind of it says what a code looks like, and which enrolment it is of."""

    @abstractmethod
    def read(self, text: str) -> str | None:
        """The code that was typed; None if it cannot be one."""

    @abstractmethod
    async def use(self, enrolment: Enrolment, secret: bytes, code: str, *, now: float) -> bool:
        """Whether the code is of this enrolment, and was not used before: then it is now. Raises `StoreUnavailable`."""

    async def answer(
        self, principal: Principal, challenge: Challenge, text: str, *, is_alone: bool = False, now: float
    ) -> bytes | None:
        code = self.read(text)
        if code is None:
            return None
        for enrolment, secret in await self._opened(principal):
            if await self.use(enrolment, secret, code, now=now):
                return challenge.digest
        return secrets.token_bytes(len(challenge.digest))


def _digests(ids: Sequence[str]) -> tuple[bytes, ...]:
    """Of all that a person has, and of what they had before each addition: once one of these is removed, what was
    proven while it was there is not recognised any more."""
    return tuple(hashlib.sha256("\0".join(ids[:count]).encode()).digest() for count in range(len(ids), 0, -1))
