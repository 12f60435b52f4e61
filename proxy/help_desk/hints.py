"""How the help desk can say more, or act: a command has options, a page has fields and buttons."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Messages: `gettext` says them. Those of the command line are in no catalogue, for it speaks English."""

    app: str
    address: str
    unlock: str
    """With ``login``."""
    confirm: str
    """With ``login`` and ``ending``, the last digits of the number."""
    country: str
    """With ``region``, as the configuration names it, and ``country``, as a person reads it."""


ON_THE_COMMAND_LINE = Hints(
    app="say which with --app",
    address="say where with --from",
    unlock="gatepost unlock %(login)s",
    confirm="gatepost unlock %(login)s --confirm-number %(ending)s",
    country="add %(region)s to [mobile] allowed_countries, if passcodes may be sent there",
)
