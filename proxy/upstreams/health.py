"""Whether one of several servers is sound, judged by what requests met there: pure. Instants are the event loop's.

A server that failed several times in a row is left out. From `probe_at` on, one request may try it; the back-off until
the next such probe doubles and is jittered, so that many workers do not come back at the same moment.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

FAILURES_BEFORE_EJECTION = 3
FIRST_BACK_OFF_SECONDS = 1.0
LONGEST_BACK_OFF_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What is known of one server."""

    failures: int = 0
    """In a row: connections that could not be made, and answers that were broken."""
    probes: int = 0
    """Begun since it was left out."""
    probe_at: float | None = None
    """From when one request may try it; None while it is in use like any other."""

    @property
    def is_sound(self) -> bool:
        return self.probe_at is None

    def is_probe_due(self, now: float) -> bool:
        return self.probe_at is not None and now >= self.probe_at


SOUND = Health()


def back_off(probes: int, jitter: float) -> float:
    """Seconds until the next probe, after so many; `jitter` is random in [0, 1) and moves it by up to a quarter."""
    seconds: float = min(FIRST_BACK_OFF_SECONDS * 2 ** min(probes, 16), LONGEST_BACK_OFF_SECONDS)
    return seconds * (0.75 + jitter / 2)


def after_failure(health: Health, *, now: float, is_last: bool, jitter: float) -> Health:
    """One more failure. The last sound server (`is_last`) stays: with none left, nobody could be served at all.

    A failure while it is left out changes nothing: the probe's beginning has set the next one already.
    """
    if not health.is_sound:
        return health
    failures = min(health.failures + 1, FAILURES_BEFORE_EJECTION)
    if failures < FAILURES_BEFORE_EJECTION or is_last:
        return replace(health, failures=failures)
    return Health(failures=failures, probe_at=now + back_off(0, jitter))


def begin_probe(health: Health, *, now: float, jitter: float) -> Health:
    """One request goes there. Whatever its result, the next probe waits for twice as long."""
    probes = health.probes + 1
    return replace(health, probes=probes, probe_at=now + back_off(probes, jitter))


def hasten(health: Health, *, now: float, jitter: float) -> Health:
    """The last sound server fails, too: probe this one soon, not after the long wait that it may have reached."""
    if health.probe_at is None:
        return health
    return replace(health, probes=0, probe_at=min(health.probe_at, now + back_off(0, jitter)))
