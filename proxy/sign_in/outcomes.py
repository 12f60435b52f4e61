"""What the steps of a sign-in return: values with everything that an adapter needs, and no words for people.

The outcomes of a typed password are in `password`, those of a changed one in `password_change`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from config.factors import Choice, Factor
from config.settings import SchemeSettings
from proxy.factors.challenge import Challenge
from proxy.factors.second_factor import Unusable
from proxy.sessions.session import Session
from proxy.sign_in.message_fate import Unsent
from proxy.throttle import limits

Throttled = limits.Throttled
"""A limit is reached: nothing is sent or judged before its time is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedClient:
    """What the client keeps, and brings next time, so that it is asked for no second factor."""

    value: str = field(repr=False)
    seconds: float
    """For how long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """All factors of the scheme are proven. `session.level` says whether the password must be changed before
    anything else."""

    session: Session
    token: str = field(repr=False)
    remembered: RememberedClient | None = None
    """In the place of what the client brought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofAsked:
    """A challenge waits for its answer."""

    session: Session
    """The one that can answer it."""
    challenge: Challenge | None
    """None: another request was faster, and its challenge is already used up."""
    unsent: Unsent | None = None
    """Why the message that was tried just now is not under way; None: it is, or nothing had to be sent."""
    token: str = field(default="", repr=False)
    """Where the session is new; empty: the client has it."""


@dataclass(frozen=True, slots=True)
class NoScheme:
    """No scheme is meant for this person, from here and for this app."""


@dataclass(frozen=True, slots=True)
class SessionGone:
    """It ended in the meantime: the sign-in begins again."""


Asking = ProofAsked | Unusable | Throttled | SessionGone
"""The result of asking for a second factor. `Throttled`: no more may be sent now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The answer was right."""

    session: Session
    """Has one more factor, and replaces the session that answered."""
    token: str = field(repr=False)
    then: Asking | None
    """What came of asking for the next one; None: there is none to ask for."""
    remembered: RememberedClient | None = None
    """Where that was asked for."""


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """What was typed cannot be one: no attempt was counted, and nothing moved."""


@dataclass(frozen=True, slots=True)
class Wrong:
    challenge: Challenge
    """With the attempts that are left."""


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Wrong, and that was the last attempt. A session that was not signed in has ended with it."""

    session: Session


@dataclass(frozen=True, slots=True)
class ChallengeOver:
    """Expired, used, or of an earlier sign-in: another one may be asked for."""

    session: Session


@dataclass(frozen=True, slots=True)
class FactorLocked:
    """After too many wrong answers in a row: an operator has to clear it (NIST SP 800-63B-4 section 3.2.2)."""


Answered = Accepted | NotAnswered | Wrong | Exhausted | ChallengeOver | Throttled | FactorLocked | SessionGone


@dataclass(frozen=True, slots=True, kw_only=True)
class SentAgain:
    unsent: Unsent | None
    may_arrive: bool
    """Whether this or an earlier message may still come."""


@dataclass(frozen=True, slots=True)
class TooEarly:
    wait_seconds: int
    """At least 1."""


Again = SentAgain | TooEarly | ChallengeOver | Unusable | Throttled
"""`ChallengeOver`: the directory holds another number or address by now, and a passcode goes to one only."""


@dataclass(frozen=True, slots=True)
class NoSuchScheme:
    """Nothing can be proven for a scheme that is not there."""


@dataclass(frozen=True, slots=True)
class NothingMissing:
    """The session has proven all that the scheme asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """What the session has yet to prove for a scheme, first of all."""

    scheme: SchemeSettings
    choice: Choice
    is_again: bool
    """Whether it was proven before, and that is too long ago."""
    first_factor: Factor | None = None
    """Where it is one that says who somebody is: that is proven by signing in, not by a challenge."""
