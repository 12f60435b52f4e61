"""Whether a person may reach an app: a pure decision on the groups that the directory vouched for."""

from __future__ import annotations

from dataclasses import dataclass

from config.settings import AppSettings
from directory.principal import Principal
from proxy.access.rules import PathRule


@dataclass(frozen=True, slots=True)
class Allowed:
    """The app is open to this person."""


@dataclass(frozen=True, slots=True)
class TooFewFactors:
    """Denied: the session has not proven every factor of `scheme`."""

    scheme: str


@dataclass(frozen=True, slots=True)
class NotInGroups:
    """Denied: membership of any one of `groups` (names as configured) would have admitted."""

    groups: tuple[str, ...]


def judge(principal: Principal, app: AppSettings) -> Allowed | NotInGroups:
    """Any one of the app's groups admits; an app without the key admits every signed-in person.

    An empty tuple admits nobody: the configuration refuses it, and here too the answer to doubt is no.
    """
    return _judge_groups(principal, app.groups)


def judge_rule(
    principal: Principal, proven_factors: frozenset[str], rule: PathRule
) -> Allowed | NotInGroups | TooFewFactors:
    """Both is asked for: one of the rule's groups, and every factor of its scheme."""
    verdict = _judge_groups(principal, rule.groups)
    if isinstance(verdict, Allowed) and not rule.factors <= proven_factors:
        return TooFewFactors(rule.scheme)
    return verdict


def _judge_groups(principal: Principal, groups: tuple[str, ...] | None) -> Allowed | NotInGroups:
    if groups is None or any(group in principal.groups for group in groups):
        return Allowed()
    return NotInGroups(groups)
