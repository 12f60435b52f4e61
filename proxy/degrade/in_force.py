"""What is in force now, and what follows from it for a sign-in: pure, on what is kept, on the settings and on `now`.

This is the one place that decides it. The sign-in, its dry run, the channels and the pages ask here. A rung never takes
a factor away: what it puts in the place of an SMS is a choice that stands in the scheme already
(`config.tables.degrade.with_mail_for_sms`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from config.factors import ChannelKind, Choice, Factor
from config.settings import DegradeSettings, RungKind
from config.tables.gateway_values import EMAIL
from proxy.degrade.rung import BegunRung
from proxy.factors.second_factor import Chosen, Lack, Unusable
from proxy.operations.steady_clock import SKEW_SECONDS

_IN_PLACE_OF_SMS = frozenset({Factor.EMAIL, Factor.EMAIL_FOR_SMS})


@dataclass(frozen=True, slots=True, kw_only=True)
class RungInForce:
    settings: DegradeSettings
    begun: BegunRung
    ends_at: float
    """The first instant at which it is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Degraded:
    """Everything that is in force at one instant."""

    rungs: tuple[RungInForce, ...] = ()
    """In the order in which they began."""

    def _last_to_end(self, what: RungKind) -> RungInForce | None:
        """The one of these that ends last: until then it holds."""
        return max((each for each in self.rungs if each.settings.what is what), key=_end, default=None)

    @property
    def closed(self) -> RungInForce | None:
        return self._last_to_end(RungKind.CLOSED)

    @property
    def without_sms(self) -> RungInForce | None:
        return self._last_to_end(RungKind.REMEMBERED)

    @property
    def mail_for_sms(self) -> RungInForce | None:
        """None also where a stricter rung says that there are no second factors by SMS at all."""
        return None if self.without_sms is not None else self._last_to_end(RungKind.MAIL)

    def mail_for(self, entry: Choice) -> RungInForce | None:
        """By which a mail is sent for this entry of a scheme, and no SMS; None: for this one an SMS goes as always."""
        return None if _IN_PLACE_OF_SMS.isdisjoint(entry) else self.mail_for_sms

    @property
    def other_channels(self) -> RungInForce | None:
        """The one that was begun last."""
        found = [each for each in self.rungs if each.settings.what is RungKind.CHANNELS]
        return found[-1] if found else None

    def order(self, configured: Sequence[str]) -> Sequence[str]:
        """The channels that passcodes go by now. Mails go as they always go."""
        rung = self.other_channels
        if rung is None:
            return configured
        return (*(rung.settings.channels or ()), *(each for each in configured if each == EMAIL))

    def judged(self, factor: Factor, entry: Choice, way: Chosen | Unusable) -> Chosen | Unusable:
        """The way to prove one factor of an `entry` of a scheme, as it counts now."""
        if factor is Factor.EMAIL_FOR_SMS and self.mail_for_sms is None:
            return Unusable(factor=factor, lack=Lack.RUNG, reason="no_rung")
        if isinstance(way, Unusable) or way.kind is not ChannelKind.SMS:
            return way
        rung = self.without_sms or self.mail_for(entry)
        return way if rung is None else Unusable(factor=factor, lack=Lack.SMS_OFF, reason="sms_off", until=rung.ends_at)

    def stops_sign_in(self, factor: Factor) -> Unusable | None:
        """Why nobody can begin or go on to sign in now, said of the factor that they would prove."""
        rung = self.closed
        return None if rung is None else Unusable(factor=factor, lack=Lack.CLOSED, reason="closed", until=rung.ends_at)

    def takes_answer(self, factor: Factor) -> bool:
        """Whether what was asked for while a rung was in force still counts: a passcode by SMS does, for it is what the
        scheme asks for, and a mail in its place does not outlast its rung."""
        return factor is not Factor.EMAIL_FOR_SMS or self.mail_for_sms is not None


NOTHING = Degraded()


def _end(rung: RungInForce) -> float:
    return rung.ends_at


def end_of(begun: BegunRung, settings: DegradeSettings) -> float:
    """When it is over by itself: never later than the configuration says now."""
    return min(begun.ends_at, begun.decided_at + settings.longest)


def settings_of(begun: BegunRung, configured: Iterable[DegradeSettings]) -> DegradeSettings | None:
    """None: the configuration has no such rung any more, or one that does something else."""
    return next((each for each in configured if (each.name, each.what.value) == (begun.name, begun.what)), None)


def degraded(kept: Iterable[BegunRung], configured: Sequence[DegradeSettings], now: float) -> Degraded:
    """What is in force at `now`. Exact: at its end a rung is over, whoever has heard of it."""
    found = []
    for begun in kept:
        settings = settings_of(begun, configured)
        if settings is None or begun.is_over or _begins_later(begun, settings, now):
            continue
        if now < (ends_at := end_of(begun, settings)):
            found.append(RungInForce(settings=settings, begun=begun, ends_at=ends_at))
    return Degraded(rungs=tuple(sorted(found, key=lambda each: each.begun.begun_at)))


def unconfigured(kept: Iterable[BegunRung], configured: Sequence[DegradeSettings], now: float) -> tuple[BegunRung, ...]:
    """Those that would be in force if the configuration had them."""
    return tuple(
        each for each in kept if not each.is_over and now < each.ends_at and settings_of(each, configured) is None
    )


def _begins_later(begun: BegunRung, settings: DegradeSettings, now: float) -> bool:
    """Whether a clock was ahead when it was decided: one that asks for less would outlast what was agreed on by as
    much. Those that ask for more stand from the first moment."""
    return settings.what is RungKind.MAIL and begun.decided_at > now + SKEW_SECONDS
