"""Everybody of all realms, with the groups that are asked about."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from config.settings import Settings
from directory.known_person import KnownPerson, Population
from directory.population import population


@dataclass(frozen=True, slots=True, kw_only=True)
class Everybody:
    realms: Mapping[str, Population]

    @property
    def people(self) -> Iterator[KnownPerson]:
        for each in self.realms.values():
            yield from each.persons.values()

    def missing_groups(self, names: Iterable[str]) -> dict[str, str]:
        """Those of `names` that no realm has, and why not: what each realm that was asked says."""
        found = {}
        for name in sorted(names):
            whys = [each.group_problems.get(name) for each in self.realms.values()]
            if whys and None not in whys:
                found[name] = "; ".join(sorted({str(why) for why in whys}))
        return found


def read_everybody(
    settings: Settings, groups: Collection[str], *, without: Collection[str] = (), now: float
) -> Everybody:
    """Raises what `population` does."""
    return Everybody(
        realms={each.name: population(each, groups, without=without, now=now) for each in settings.directories}
    )
