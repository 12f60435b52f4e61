"""How many wrong passwords one person may send, so that the directory's own lockout is never reached: pure.

Durations are seconds. The numbers hold for a count that starts anew only after a whole window without a wrong
password: that is how AD counts (MS-SAMR section 3.1.1.7.1), and a count that starts anew at fixed instants would
let slow guesses add up there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

SLACK_SECONDS = 60.0
"""What the window is longer than the directory's, for clocks that differ and answers on their way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockoutPolicy:
    """When a directory locks an account."""

    threshold: int
    """The wrong password with this number locks; 0: none does."""
    window_seconds: float
    """So long after a wrong password the directory's count starts anew."""
    margin: int = 2
    """How many wrong passwords are left to the person's other devices."""
    duration_seconds: float | None = None
    """How long an account stays locked; None: until an administrator unlocks it, or it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordLimits:
    """How many wrong passwords of one person are sent to the directory until a whole window has passed without one."""

    in_all: int
    from_unfamiliar: int
    """Of those, from addresses where the person never succeeded, all such addresses together. The rest is the
    person's own: whoever guesses from elsewhere cannot use it up."""
    window_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedPasswords:
    """What a directory itself counts of one person's wrong passwords, wherever they were typed."""

    count: int
    """Towards a lockout; of several servers that count, the most."""
    forgotten_at: float | None = None
    """When it is nothing again, if no further one comes; None where it is nothing now, or nobody knows."""


@runtime_checkable
class LockingDirectory(Protocol):
    """A directory that locks accounts after wrong passwords."""

    def lockout_policy(self) -> LockoutPolicy | None:
        """As read by the last `find`, minutes old at the most; None if it could not be read."""
        ...


@runtime_checkable
class CountingDirectory(LockingDirectory, Protocol):
    """One whose own count can be read. Raises what a method of `Directory` may raise."""

    async def counted_passwords(self, guid: str) -> CountedPasswords | None:
        """As all of its servers say it; None where it cannot be read, or not of each of them."""
        ...


def password_limits(policy: LockoutPolicy | None, *, configured: int, window_seconds: float) -> PasswordLimits:
    """The stricter of the configured number and the policy's less its margin; 1 at the least."""
    in_all = configured
    if policy is not None:
        window_seconds = max(window_seconds, policy.window_seconds + SLACK_SECONDS)
        if policy.threshold:
            in_all = max(1, min(configured, policy.threshold - policy.margin))
    reserve = max(1, in_all // 3) if in_all > 1 else 0
    return PasswordLimits(in_all=in_all, from_unfamiliar=in_all - reserve, window_seconds=window_seconds)


def limits_of(directory: object, *, configured: int, window_seconds: float) -> PasswordLimits:
    """What holds for the persons of this directory, which may be one that locks nobody."""
    policy = directory.lockout_policy() if isinstance(directory, LockingDirectory) else None
    return password_limits(policy, configured=configured, window_seconds=window_seconds)
