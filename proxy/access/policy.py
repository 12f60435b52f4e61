"""Whether a person may reach an app: a pure decision on the groups that the directory vouched for."""

from __future__ import annotations

from dataclasses import dataclass

from config.settings import AppSettings
from directory.principal import Principal


@dataclass(frozen=True, slots=True)
class Allowed:
    """The app is open to this person."""


@dataclass(frozen=True, slots=True)
class NotInGroups:
    """Denied: membership of any one of `groups` (names as configured) would have admitted."""

    groups: tuple[str, ...]


def judge(principal: Principal, app: AppSettings) -> Allowed | NotInGroups:
    """Any one of the app's groups admits; an app without the key admits every signed-in person.

    An empty tuple admits nobody: the configuration refuses it, and here too the answer to doubt is no.
    """
    if app.groups is None or any(group in principal.groups for group in app.groups):
        return Allowed()
    return NotInGroups(app.groups)
