"""The access review: who can open an app, group by group, and each part of it that has a rule. Pure.

What lets somebody in is `access.policy.judge`, as at each request. How they sign in is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from config.settings import AppSettings, SchemeSettings
from directory.known_person import KnownPerson
from proxy.access.policy import Allowed, judge
from proxy.access.rules import PathRule, rules_of

EVERYBODY = "everybody"
"""In the place of a group, where everybody who signs in is let in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Somebody whom a group lets into an app, or into a part of it."""

    part: str
    """As `rule_text` writes it; empty: all that no rule is for."""
    group: str
    person: KnownPerson


def rule_text(rule: PathRule | None) -> str:
    """Such as ``/admin/``, or ``POST /api/**``; empty: no rule."""
    if rule is None:
        return ""
    methods = ",".join(sorted(method.decode("ascii") for method in rule.methods or ()))
    return f"{methods} {rule.written}" if methods else rule.written


def who_can(app: AppSettings, schemes: Sequence[SchemeSettings], people: Iterable[KnownPerson]) -> Iterator[Opening]:
    """By part, then by group, in the order of the configuration; disabled people too.

    Somebody in two of the groups is told twice. Public parts are left out: they are open to more than people.
    """
    found = sorted(people, key=lambda each: (each.principal.realm, each.principal.username.casefold()))
    for rule in (None, *rules_of(app, schemes)):
        if rule is not None and rule.is_public:
            continue
        groups = app.groups if rule is None else rule.groups
        for group in (EVERYBODY,) if groups is None else groups:
            for person in found:
                if groups is not None and group not in person.principal.groups:
                    continue
                if isinstance(judge(person.principal, app, rule), Allowed):
                    yield Opening(part=rule_text(rule), group=group, person=person)
