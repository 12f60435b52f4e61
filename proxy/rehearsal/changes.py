"""What differs between two configurations for one person and app, and all of that, put together. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from directory.principal import Principal
from proxy.rehearsal.replay import Access


class Effect(Enum):
    """What a change does to somebody. Values are for people and programs."""

    LOSES = "loses access"
    MORE = "is asked for more"
    OTHER = "is asked for something else"
    LESS = "is asked for less"
    GAINS = "gains access"


_HARMS = frozenset({Effect.LOSES, Effect.MORE, Effect.OTHER})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """For one person."""

    effect: Effect
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessChange:
    """For everybody whom the same happens to for the same reason."""

    effect: Effect
    app: str
    """By its name before; empty: the sign-in."""
    part: str
    """Of the app, as `review.rule_text` writes it; empty: what no rule is for."""
    why: str
    people: tuple[Principal, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What a rehearsal found."""

    changes: tuple[AccessChange, ...]
    """Losses first."""
    decisions: int
    """How many were replayed."""
    people: int
    """Whose they were."""
    gone: tuple[str, ...]
    """People who are in no directory any more, by realm and name. Their decisions are not replayed."""
    notes: tuple[str, ...]

    @property
    def harms(self) -> bool:
        """Whether somebody loses access, or is asked for more or for something else."""
        return any(change.effect in _HARMS for change in self.changes)

    def count(self, effect: Effect) -> int:
        """How many people it happens to."""
        return len({person.guid for change in self.changes if change.effect is effect for person in change.people})


def difference(old: Access, new: Access) -> Difference | None:
    """None: nothing that this person would notice."""
    if old.is_open != new.is_open:
        if new.is_open:
            return Difference(effect=Effect.GAINS, why=f"{new.why} (before: {old.why})")
        return Difference(effect=Effect.LOSES, why=new.why)
    if not new.is_open:
        return None
    effect = _effect(old, new)
    return None if effect is None else Difference(effect=effect, why=f"{new.why} (before: {old.why})")


def _effect(old: Access, new: Access) -> Effect | None:
    if old.factors != new.factors:
        if old.factors < new.factors:
            return Effect.MORE
        return Effect.LESS if new.factors < old.factors else Effect.OTHER
    fresh_before, fresh = (math.inf if each.fresh_seconds is None else each.fresh_seconds for each in (old, new))
    if fresh == fresh_before:
        return None
    return Effect.MORE if fresh < fresh_before else Effect.LESS


class ChangesFound:
    """Collects them."""

    def __init__(self) -> None:
        self._found: dict[tuple[Effect, str, str, str], dict[str, Principal]] = {}

    def add(self, person: Principal, app: str, part: str, found: Difference) -> None:
        """The same one again counts once."""
        self._found.setdefault((found.effect, app, part, found.why), {})[person.guid] = person

    def together(self) -> Iterator[AccessChange]:
        effects = list(Effect)
        for effect, app, part, why in sorted(self._found, key=lambda each: (effects.index(each[0]), *each[1:])):
            people = self._found[effect, app, part, why].values()
            in_order = sorted(people, key=lambda each: (each.realm, each.username.casefold()))
            yield AccessChange(effect=effect, app=app, part=part, why=why, people=tuple(in_order))
