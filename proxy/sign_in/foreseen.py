"""What a dry run of a sign-in finds: the ways to begin, what stops each of them, the state of the limits. Values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from config.factors import Factor
from config.settings import AppSettings, SchemeSettings
from directory.directory import AccountState, RefusalReason
from directory.lockout import PasswordLimits
from directory.principal import Principal
from proxy.degrade.in_force import NOTHING, Degraded
from proxy.factors.passes.vouch import NoVouch
from proxy.factors.second_factor import Lack, Unusable
from proxy.sign_in.changed_numbers import NumberFound
from proxy.sign_in.schemes_found import SchemeFound
from proxy.throttle.limits import CounterState, Limit


class Obstacle(Enum):
    """What stops a sign-in besides account, second factors and limits. Values are the log's words for it."""

    NO_SCHEME = "no_scheme"
    NEEDS_TICKET = "step_up_needs_kerberos"
    """The app asks for a Kerberos ticket, and the sign-in began with a password."""
    NOT_IN_GROUPS = "not_in_groups"
    """Signed in, they are not let into the app."""
    NOT_FROM_HERE = "networks"
    """Of the part of the app that they want to reach."""
    ONE_FACTOR = "one_factor"
    """They come with a credential, and that part asks for what only a sign-in proves."""
    NOT_IN_PASS = "not_in_pass"  # noqa: S105  # a reason
    """They would sign in with a pass, and the app is none of those that it opens."""


Stop = RefusalReason | Unusable | Limit | Obstacle


def log_word(stop: Stop) -> str:
    """How the log of a sign-in names what stopped it."""
    return stop.reason if isinstance(stop, Unusable) else stop.value


@dataclass(frozen=True, slots=True, kw_only=True)
class AppFound:
    """An app, and whether the person's groups let them in."""

    app: AppSettings
    is_open: bool
    fresh: float | None = None
    """Within how many seconds the last factor of its scheme has to have been proven; None: at any time."""
    has_fresh_rules: bool = False
    """Whether some of its path rules ask for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeseenWay:
    """A sign-in that begins with one factor."""

    first_factor: Factor
    scheme: SchemeSettings | None
    """None: no scheme that begins like this is meant for them, so there is no such sign-in."""
    factors: tuple[Factor, ...]
    """All that is proven, in its order; what the app asks for besides comes last."""
    stops: tuple[Stop, ...]
    """In the order in which a sign-in meets them: a person would see only the first. Empty: this sign-in gets
    through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitFound:
    """How a limit stands that some sign-in of this person meets."""

    standing: CounterState
    takes: int
    """So much of it a sign-in uses; 0: none goes by it."""

    @property
    def is_too_little(self) -> bool:
        """Whether a sign-in needs more than is left."""
        return self.takes > 0 and self.standing.count + self.takes > self.standing.most


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """All that a sign-in of this person would meet."""

    state: AccountState
    ways: tuple[ForeseenWay, ...]
    """The one by password first."""
    schemes: tuple[SchemeFound, ...]
    """In their order, as far as they were looked at."""
    mail: str
    """Where passcodes by mail go, masked, whether or not a sign-in asks for one; empty: nowhere."""
    stand_in: str
    """The mail address, masked, that would stand in for a number; empty: none would, or there is a number."""
    number: NumberFound | None
    """None: there is no number to speak of, or what is remembered of numbers cannot be known."""
    limits: tuple[LimitFound, ...] | None
    """None: what is counted cannot be known."""
    password_limits: PasswordLimits
    apps: tuple[AppFound, ...]
    degraded: Degraded = NOTHING
    """What the operator has put in force for a while."""
    voucher: Principal | NoVouch | None = None
    """Who may vouch for them on the way, or why nobody can; None: where they sign in, nobody is asked."""

    @property
    def counting_ways(self) -> tuple[ForeseenWay, ...]:
        """Those that there are; where there is none, the one by password, which says so."""
        return tuple(way for way in self.ways if way.scheme is not None) or self.ways[:1]

    @property
    def gets_through(self) -> bool:
        return any(not way.stops for way in self.counting_ways)

    @property
    def stops(self) -> frozenset[Stop]:
        """All that stops some sign-in of theirs."""
        return frozenset(stop for way in self.counting_ways for stop in way.stops)

    @property
    def lacks_number(self) -> bool:
        """Whether that, as what follows, stops some sign-in of theirs."""
        return bool(self._lacking(Lack.NUMBER))

    @property
    def lacks_mail(self) -> bool:
        return bool(self._lacking(Lack.MAIL))

    @property
    def lacks_trust(self) -> bool:
        """Their number changed recently."""
        return bool(self._lacking(Lack.TRUST))

    @property
    def not_enrolled(self) -> list[Factor]:
        """What they would have to add to themselves first."""
        return self._lacking(Lack.ENROLMENT)

    @property
    def is_closed(self) -> bool:
        """Whether nobody new signs in."""
        return bool(self._lacking(Lack.CLOSED))

    @property
    def lacks_sms(self) -> bool:
        """Whether it stops some sign-in of theirs that no SMS is sent."""
        return bool(self._lacking(Lack.SMS_OFF))

    def _lacking(self, lack: Lack) -> list[Factor]:
        return [stop.factor for stop in self.stops if isinstance(stop, Unusable) and stop.lack is lack]

    def asks_for(self, factor: Factor) -> bool:
        """Whether they prove this factor whichever way they begin."""
        return all(factor in way.factors for way in self.counting_ways)
