"""What a search of everybody (`directory/population.py`) tells of each, with the groups asked about. Values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from directory.directory import RefusalReason
from directory.principal import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownPerson:
    principal: Principal
    """`groups` are those that were asked about."""
    refusals: tuple[RefusalReason, ...] = ()
    """What is wrong with the account, as far as a search of many tells: `DISABLED`, `ACCOUNT_EXPIRED`."""
    groups_without: frozenset[str] = field(default=frozenset(), repr=False)
    """Their groups if the groups that were named for that were not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Of one realm."""

    persons: Mapping[str, KnownPerson]
    """By GUID; disabled ones too."""
    group_problems: Mapping[str, str]
    """Why a group that was asked about has no members here, by its name."""
