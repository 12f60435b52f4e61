"""How many wrong passwords one person may send, so that the directory's own lockout is never reached: pure.

Durations are seconds. The numbers are right only for a count that starts from zero after a whole window without a
wrong password, because AD counts like that (MS-SAMR section 3.1.1.7.1). If our count started again at fixed times, slow
guesses would add up in AD although each of our windows stayed below its limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

SLACK_SECONDS = 60.0
"""How much longer our window is than the directory's: clocks differ, and an answer takes time to arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockoutPolicy:
    """When a directory locks an account."""

    threshold: int
    """How many wrong passwords lock the account; 0: any number is allowed."""
    window_seconds: float
    """This long after a wrong password the directory counts from zero again."""
    margin: int = 2
    """How many wrong passwords are left to the person's other devices."""
    duration_seconds: float | None = None
    """How long an account stays locked; None: until an administrator unlocks it, or it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordLimits:
    """How many wrong passwords of one person may reach the directory until a whole window has passed without one."""

    in_all: int
    from_unfamiliar: int
    """How many of those may come from addresses where the person never succeeded, all such addresses together. The rest
    is reserved for the person: somebody who guesses from elsewhere cannot use it up."""
    window_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedPasswords:
    """What the directory itself counts of one person's wrong passwords, in Gatepost or anywhere else."""

    count: int
    """Towards a lockout; if several servers count, the highest."""
    forgotten_at: float | None = None
    """When the count is zero again if no further one comes; None if it is zero now, or nobody knows."""


@runtime_checkable
class LockingDirectory(Protocol):
    """A directory that locks accounts after wrong passwords."""

    def lockout_policy(self) -> LockoutPolicy | None:
        """As read by the last `find`, minutes old at the most; None if it could not be read."""
        ...


@runtime_checkable
class CountingDirectory(LockingDirectory, Protocol):
    """A directory whose own count can be read. Raises what a method of `Directory` may raise."""

    async def counted_passwords(self, guid: str) -> CountedPasswords | None:
        """According to all of its servers; None if one of them cannot be read."""
        ...


def password_limits(policy: LockoutPolicy | None, *, configured: int, window_seconds: float) -> PasswordLimits:
    """The smaller of the configured number and the policy's threshold minus its margin; at least 1."""
    in_all = configured
    if policy is not None:
        window_seconds = max(window_seconds, policy.window_seconds + SLACK_SECONDS)
        if policy.threshold:
            in_all = max(1, min(configured, policy.threshold - policy.margin))
    reserve = max(1, in_all // 3) if in_all > 1 else 0
    return PasswordLimits(in_all=in_all, from_unfamiliar=in_all - reserve, window_seconds=window_seconds)


def limits_of(directory: object, *, configured: int, window_seconds: float) -> PasswordLimits:
    """The limits for the persons of this directory, which may never lock anybody."""
    policy = directory.lockout_policy() if isinstance(directory, LockingDirectory) else None
    return password_limits(policy, configured=configured, window_seconds=window_seconds)
