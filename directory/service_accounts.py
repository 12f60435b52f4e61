"""Which accounts of a directory belong to nobody: services, and those that the system made for itself. Pure.

The report on mobile fields sets them apart: nobody signs in with them, so a missing number is no fault.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTraits:
    """What tells a person from a service."""

    username: str
    is_built_in: bool
    """Made by the system itself: Administrator, Guest, krbtgt (MS-ADTS section 6.1.1.6)."""
    has_service_names: bool
    """Whether other programs ask for Kerberos tickets to it (`servicePrincipalName`)."""
    has_display_name: bool
    has_human_traits: bool
    """Whether there is a given name, a family name, a mail address or a telephone number."""


def is_service_account(traits: AccountTraits, patterns: Collection[str]) -> bool:
    """Whether this is nobody's account. `patterns` are user names with ``*`` and ``?``, in any case."""
    name = traits.username.casefold()
    return (
        traits.is_built_in
        or any(fnmatchcase(name, pattern.casefold()) for pattern in patterns)
        or (not traits.has_human_traits and (traits.has_service_names or not traits.has_display_name))
    )
