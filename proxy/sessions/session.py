"""The server-side record of a person's sign-in, and what may be concluded from it.

A session holds facts (which factor was proven when); its level is derived from them and never stored. All
instants are epoch seconds. A session's `session_id` is internal: browsers hold cookies, each a random
256-bit token of which only the SHA-256 is stored, one per host, all pointing to one session.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import lru_cache

from config.factors import Choice, Factor
from config.settings import SessionSettings
from directory.principal import Principal
from proxy.factors.confinement import Confinement
from proxy.factors.proof import Proof, missing_of_own
from proxy.operations.quick_values import quick_replacer
from proxy.operations.steady_clock import SKEW_SECONDS
from proxy.sessions.way import Way

FIRST_FACTOR_SECONDS = 900.0
"""How long a session that is not signed in may stay at one step: long enough for a late SMS and a second one."""


class Level(Enum):
    FIRST_FACTOR = "first_factor"
    MUST_CHANGE_PASSWORD = "must_change_password"  # noqa: S105  # a step's name
    """All factors are proven, but the directory asks for a new password before anything else."""
    SIGNED_IN = "signed_in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    session_id: str = field(repr=False)
    principal: Principal
    scheme: str
    """Name of the scheme this person is signing in by; its factors decide when they are signed in."""
    factors: tuple[Choice, ...]
    """What that scheme asks for, as configured when the sign-in began."""
    proven: tuple[Proof, ...]
    """In the order in which it was done, never empty, each factor once (`amr` is derived from them)."""
    created_at: float
    last_used_at: float
    password_must_change: bool = False
    """Whether the directory proved the password and said that it has to be changed."""
    confined: Confinement | None = None
    """What it is limited to, because a pass or a credential was proven in it, or it was asked for so; None: it is a
    person's own."""
    way: Way = Way.BROWSER
    client_address: str = field(repr=False)
    user_agent: str = field(default="", repr=False)
    idle_seconds: float | None = None
    """After how long without a use it is over, if sooner than others: it began on a network of shared computers."""

    @property
    def level(self) -> Level:
        if self.next_choice is not None:
            return Level.FIRST_FACTOR
        return Level.MUST_CHANGE_PASSWORD if self.password_must_change else Level.SIGNED_IN

    @property
    def proven_factors(self) -> frozenset[Factor]:
        """What was proven, whatever its scheme asked for."""
        return frozenset(proof.factor for proof in self.proven)

    @property
    def next_choice(self) -> Choice | None:
        """The first entry of its scheme of which nothing is proven; None: there is none left."""
        return _next_choice(self.factors, tuple([proof.factor for proof in self.proven]))

    @property
    def begun_with(self) -> Factor:
        """The first factor, which says who this is."""
        return self.proven[0].factor

    @property
    def begun_at(self) -> float:
        """When the first factor, without which there is no session, was proven."""
        return self.proven[0].at

    @property
    def authenticated_at(self) -> float:
        """When a factor was proven last (``auth_time``, OpenID Connect Core section 2)."""
        return max(proof.at for proof in self.proven)

    def ends_at(self, limits: SessionSettings) -> float:
        """The first instant at which this session is over if it is not used again; exact to the second."""
        latest = self.latest_end(limits)
        return min(latest, self.last_used_at + self.idle_by(limits)) if self.level is Level.SIGNED_IN else latest

    def idle_by(self, limits: SessionSettings) -> float:
        if self.way is Way.RADIUS:
            return limits.absolute  # nobody hears whether a VPN connection is used
        return limits.idle if self.idle_seconds is None else min(self.idle_seconds, limits.idle)

    def latest_end(self, limits: SessionSettings) -> float:
        """When it is over however it is used."""
        end = self.created_at + (limits.absolute if self.level is Level.SIGNED_IN else FIRST_FACTOR_SECONDS)
        return end if self.confined is None else min(end, self.confined.ends_at)

    def is_from_the_future(self, now: float) -> bool:
        """Whether it was begun or used by a clock further ahead than nodes' clocks may be."""
        return max(self.created_at, self.last_used_at) > now + SKEW_SECONDS

    def counted_from(self, now: float, known: Session | None = None) -> Session:
        """The same session, with `now` for every instant in the future, because the right ones are unknown.

        `known` is the result when it was first seen. So no session outlives a limit, however far ahead a clock was.
        """
        if not self.is_from_the_future(now):
            return self
        latest, before = now + SKEW_SECONDS, self if known is None else known
        proven_before = {proof.factor: proof.at for proof in before.proven}
        return replace(
            self,
            created_at=self.created_at if self.created_at <= latest else min(before.created_at, now),
            last_used_at=self.last_used_at if self.last_used_at <= latest else min(before.last_used_at, now),
            proven=tuple(
                proof if proof.at <= latest else Proof(proof.factor, min(proven_before.get(proof.factor, now), now))
                for proof in self.proven
            ),
        )

    def is_over(self, limits: SessionSettings, now: float) -> bool:
        return now >= self.ends_at(limits)


with_last_use: Callable[[Session, float], Session] = quick_replacer(Session, "last_used_at")
"""The same session, last used at this instant."""


@lru_cache(maxsize=1024)
def _next_choice(factors: tuple[Choice, ...], proven: tuple[Factor, ...]) -> Choice | None:
    """There are few schemes and few ways through each, and each session is asked again and again how far it is."""
    return next(iter(missing_of_own(factors, frozenset(proven))), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnds:
    """A session that is not over, and when it will be."""

    session: Session
    idle_at: float
    """If it is not used again; never, at a step before it is signed in."""
    ends_at: float
    """However it is used."""
