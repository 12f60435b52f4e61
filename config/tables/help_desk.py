"""`[help_desk]`: passes, which stand in for a second factor for some hours, who gives them, and what has to agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from config.factors import FIRST_FACTORS, Choice, Factor
from config.frozen_table import FrozenTable
from config.tables.admin import AdminSettings
from config.tables.schemes import SchemeSettings
from config.values import Seconds

LONGEST_PASS_SECONDS = 7 * 86_400.0
_HOUR = 3600.0


class HelpDeskSettings(FrozenTable):
    """Passes, for people who are without their phone today. A pass stands in for the last factor of every scheme that
    has a second one."""

    passes: bool = False
    """Whether the help desk may give passes on the admin pages. Needs `[admin] groups`."""
    two_persons: bool = False
    """Whether a second member of the help desk has to confirm a pass before it counts. Needs `passes`."""
    vouching: bool = False
    """Whether the manager whom the directory names may vouch for somebody, who then gets a pass for that sign-in. Needs
    `[admin] groups`."""
    longest_pass: Annotated[Seconds, Field(ge=_HOUR, le=LONGEST_PASS_SECONDS)] = 8 * _HOUR
    """The longest that a pass may last."""

    @property
    def lets_passes_stand_in(self) -> bool:
        return self.passes or self.vouching


def with_passes(schemes: Sequence[SchemeSettings]) -> tuple[SchemeSettings, ...]:
    """The same schemes, each with a pass as one more choice for its last factor, if that is a second one. Pure.

    For that one alone: one proof never counts for two entries. And never for the only factor.
    """
    return tuple(
        scheme.model_copy(update={"factors": (*scheme.factors[:-1], _or_pass(scheme.factors[-1]))})
        if len(scheme.factors) > 1
        else scheme
        for scheme in schemes
    )


def _or_pass(choice: Choice) -> Choice:
    is_second = FIRST_FACTORS.isdisjoint(choice)
    return (*choice, Factor.PASS) if is_second and Factor.PASS not in choice else choice


def help_desk_problems(
    help_desk: HelpDeskSettings, admin: AdminSettings, schemes: Sequence[SchemeSettings]
) -> Iterator[tuple[str, str]]:
    """Key and sentence."""
    if help_desk.two_persons and not help_desk.passes:
        yield "two_persons", "needs passes = true: there is nothing to confirm"
    where = {"passes": "given", "vouching": "listed and ended"}
    for key in (key for key in where if getattr(help_desk, key)):
        if not admin.is_on:
            yield key, f"needs groups in [admin]: passes are {where[key]} on the admin pages"
        if all(len(scheme.factors) < 2 for scheme in schemes):
            yield key, "no scheme asks for a second factor, so there is nothing that a pass stands in for"
