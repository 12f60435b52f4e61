"""What every second factor can be asked: one Protocol, and the values that it answers with.

A factor never sends anything itself: the sign-in passes its message on. Nor does it count attempts: the store compares,
counts and uses up answers in one transaction. One that judges an answer by itself uses up what proves it first, as
atomically, in the store of enrolments. All instants are epoch seconds.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from config.factors import ChannelKind, Factor
from config.settings import PasscodeSettings
from directory.mail_address import mask_mail
from directory.mobile import E164, mask
from directory.principal import Principal
from proxy.factors.challenge import Challenge


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The one thing that a right answer proves: a number, a mail address, or, with neither, something that a person
    has already and that nothing is sent to."""

    factor: Factor
    """What is proven. A mail may stand in for a number, if the operator says so."""
    number: E164 | None = field(default=None, repr=False)
    """At most one of `number` and `mail`: where there is no number, no SMS can go to it."""
    mail: str | None = field(default=None, repr=False)
    digests: tuple[bytes, ...] = field(repr=False)
    """By which it is recognised: one for each key that is accepted, the one in use first."""

    @property
    def kind(self) -> ChannelKind | None:
        """None: nothing is sent."""
        if self.number is not None:
            return ChannelKind.SMS
        return ChannelKind.EMAIL if self.mail is not None else None

    @property
    def address(self) -> str:
        """What sends are counted by."""
        return self.number if self.number is not None else (self.mail or "")

    @property
    def masked(self) -> str:
        if self.number is not None:
            return mask(self.number)
        return mask_mail(self.mail) if self.mail is not None else ""

    @property
    def digest(self) -> bytes:
        return self.digests[0]

    def challenge(
        self,
        settings: PasscodeSettings,
        principal: Principal,
        *,
        challenge_id: str,
        session_id: str,
        digest: bytes,
        now: float,
    ) -> Challenge:
        """A new one of it, whose right answer has this digest."""
        return Challenge(
            challenge_id=challenge_id,
            session_id=session_id,
            guid=principal.guid,
            digest=digest,
            masked_destination=self.masked,
            created_at=now,
            expires_at=now + settings.lifetime,
            attempts_left=settings.attempts,
            last_sent_at=now,  # so that nobody who looks in the meantime has it sent a second time
            factor=self.factor,
            kind=self.kind,
            number_digest=self.digest,
        )

    def is_of(self, challenge: Challenge) -> bool:
        """Whether this challenge was made for it, and for the same factor."""
        return challenge.factor is self.factor and any(
            hmac.compare_digest(digest, challenge.number_digest) for digest in self.digests
        )


class Lack(Enum):
    """Why somebody cannot use a factor, as far as an adapter has something of its own to say about it."""

    NUMBER = "number"
    """The directory has no number that an SMS can be sent to."""
    MAIL = "mail"
    TRUST = "trust"
    """The number changed recently: it may be a thief's."""
    ENROLMENT = "enrolment"
    """The person has not enrolled it."""
    PASSWORD = "password"  # noqa: S105  # what is lacking
    """The factor stands beside a password only, and this session has proven none."""
    PASS = "pass"  # noqa: S105  # what is lacking
    """Nobody gave the person a pass that counts now."""
    WAY = "way"
    """The way in cannot ask for it."""
    SMS_OFF = "sms_off"
    """The operator has degraded the sign-in: no SMS is sent now."""
    RUNG = "rung"
    """It stands in for another factor while a rung of `[[degrade]]` is in force, and none is."""
    CLOSED = "closed"
    """The operator has degraded the sign-in: nobody new signs in now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """This person cannot prove the factor, for the time being."""

    factor: Factor
    lack: Lack
    reason: str
    """For the log."""
    until: float | None = None
    """When it will be usable by itself; None: when somebody fixes it."""


def beside(proven: Collection[Factor], way: Chosen | Unusable) -> Chosen | Unusable:
    """The same way, in a session that has `proven` these. A recovery code is paper that lies somewhere: whatever lets
    its person in without a password (a ticket of an unlocked computer, a passkey) must not be all that is beside it."""
    if isinstance(way, Chosen) and way.factor is Factor.RECOVERY_CODE and Factor.PASSWORD not in proven:
        return Unusable(factor=way.factor, lack=Lack.PASSWORD, reason=f"{way.factor.value}_without_password")
    return way


def not_by_this_way(factor: Factor) -> Unusable:
    """Of a factor that the way in cannot ask for."""
    return Unusable(factor=factor, lack=Lack.WAY, reason=f"{factor.value}_not_by_this_way")


def first_usable_way(ways: Sequence[Chosen | Unusable]) -> Chosen | Unusable:
    """What is offered of a choice: the first factor that can be used, or why the first one cannot.

    What was never enrolled is told only where nothing else would help either, and first where a password would help.
    That nobody gave them a pass is told to those alone who asked for one: it stands in for everybody's last factor.
    """
    return min(ways, key=_rank)


def _rank(way: Chosen | Unusable) -> int:
    if isinstance(way, Chosen):
        return 0
    return {Lack.PASSWORD: 1, Lack.ENROLMENT: 3, Lack.WAY: 4, Lack.PASS: 5, Lack.RUNG: 6}.get(way.lack, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberChange:
    """A person's passcodes go, or would go, to a different number: the old one and their mail address have to be
    told."""

    number: E164 = field(repr=False)
    old_number: E164 | None = field(repr=False)
    is_held: bool
    """Whether nothing is sent to the new one, as long as its change is recent."""
    key: bytes = field(repr=False)
    """By which we know that they were told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usability:
    """Whether somebody can use a factor here and now."""

    way: Chosen | Unusable
    change: NumberChange | None = None
    """What a sign-in that asks this has to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What to show to a person who has to answer a challenge, besides where its passcode went."""

    digits: int | None = None
    """How many digits an answer has; None: it is not a number."""
    longest: int = 64
    """Characters that may be typed."""
    hint: str = ""
    """What distinguishes this challenge: words that its message shows too, or the number of a code on a card."""


class SecondFactor(Protocol):
    """One kind of second factor; `factor` names which, where an implementation serves several."""

    async def held_by(self, principal: Principal, factor: Factor) -> Chosen | Unusable:
        """Whether this person has what it takes, no matter what rules say now. A page may show it before anything is
        asked for. Raises `StoreUnavailable`."""
        ...

    async def usable_by(self, principal: Principal, factor: Factor, *, now: float, is_try: bool = False) -> Usability:
        """Whether this person can use it now. It changes nothing, unless this `is_try`: then what is seen of the
        person for the first time is remembered. Raises `StoreUnavailable`."""
        ...

    def begin(self, chosen: Chosen, principal: Principal, *, session_id: str, now: float) -> Challenge:
        """A new challenge, not yet stored. The caller adds where its sign-in leads to."""
        ...

    def passcode(self, challenge: Challenge) -> str:
        """What is delivered, the first time and again: the same while the challenge lives. Only where its `kind` says
        that something is sent."""
        ...

    async def answer(
        self, principal: Principal, challenge: Challenge, text: str, *, is_alone: bool = False, now: float
    ) -> bytes | None:
        """What the store compares with the challenge's digest; None: no answer at all, so that no attempt is counted
        and nothing moves. `is_alone`: nothing else was proven in its session but the same factor.

        One that judges by itself returns the challenge's own digest for a right answer, and random bytes for a wrong
        one. Raises `StoreUnavailable`.
        """
        ...

    async def accepted(
        self, principal: Principal, challenge: Challenge, went_by: Collection[ChannelKind], *, now: float
    ) -> None:
        """The answer was right. `went_by`: the channels of its messages. Raises `StoreUnavailable`."""
        ...

    def prompt(self, challenge: Challenge) -> Prompt: ...
