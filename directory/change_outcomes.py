"""Changing one's own password: what a directory that can do it answers, and the rules it goes by. Values only.

A directory without this (`LocalDirectory`: its file is the operator's, and read-only here) is not a `PasswordChanger`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol, runtime_checkable

from directory.principal import Principal


class ChangeRefusal(Enum):
    """Why a password was not changed. Values are for the log."""

    WRONG_PASSWORD = "wrong_password"  # noqa: S105  # a reason, not a password
    """The old one. The only reason that counts as a failed attempt at the directory."""
    LOCKED = "locked_out"
    NOT_USABLE = "account_not_usable"
    """Gone, disabled or expired: nobody changes the password of such an account."""
    UNUSABLE_PASSWORD = "unusable_password"  # noqa: S105  # empty, NUL, over-long: never sent
    TOO_COMMON = "too_common"
    """On a list of passwords that too many people have. The directory was not asked."""
    TOO_SHORT = "too_short"
    USED_BEFORE = "used_before"
    TOO_SIMPLE = "too_simple"
    TOO_YOUNG = "changed_too_lately"
    AGAINST_POLICY = "against_policy"
    """One of the four above, or a filter's own rule: Microsoft's AD does not say which."""
    NOT_ALLOWED = "change_not_allowed"
    """"User cannot change password" is set, or the service account may not even ask."""


@dataclass(frozen=True, slots=True)
class PasswordChanged:
    """The password was changed. `principal` is the person as read after a bind with the new one. It is None if that
    bind failed: they then have to sign in again."""

    principal: Principal | None
    """Its `told_by` is the server that made the change, and took the new password."""


@dataclass(frozen=True, slots=True)
class PasswordChangeRefused:
    """The password was not changed."""

    reason: ChangeRefusal
    told_by: str = field(default="", repr=False, compare=False)
    """The server that judged the old password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordRules:
    """The domain's own. A fine-grained policy may set others for some persons; ordinary accounts cannot read it."""

    min_length: int
    history: int
    """How many earlier passwords cannot be used again."""
    needs_variety: bool
    """Three of four kinds of characters, and no part of the person's name (MS-SAMR section 3.1.1.7.2)."""
    min_age_seconds: float


@runtime_checkable
class PasswordChanger(Protocol):
    """A `Directory` in which persons change their own passwords. Raises what a method of `Directory` may raise."""

    async def change_password(self, guid: str, old: str, new: str) -> PasswordChanged | PasswordChangeRefused:
        """Change it by proving the old one, once, and never by a right to reset it.

        The directory judges `old`, and a wrong one counts towards its lockout. So throttle first, and try one at a
        time. Raises `OutcomeUnknown` where nobody knows whether it was judged, or changed.
        """
        ...

    async def password_rules(self) -> PasswordRules | None:
        """What to show before somebody types a new one; None if it cannot be read."""
        ...
