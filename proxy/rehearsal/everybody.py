"""Everybody of all realms, with the groups that are asked about."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from config.settings import DirectorySettings, Settings
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


def everybody_after(
    old: Settings, new: Settings, before: Everybody, realms: Mapping[str, str], groups: Collection[str], *, now: float
) -> Everybody:
    """As the new configuration finds them: a directory that is asked in the same way is not read a second time.

    `realms`: by the names before, those that are the same in it (`counterparts`). Raises what `population` does.
    """
    known = {realms[each.name]: each for each in old.directories if each.name in realms}
    found = {}
    for each in new.directories:
        same = known.get(each.name)
        if same is not None and finds_alike(same, each):
            found[each.name] = _renamed(before.realms[same.name], each.name)
        else:
            found[each.name] = population(each, groups, now=now)
    return Everybody(realms=found)


def finds_alike(one: DirectorySettings, other: DirectorySettings) -> bool:
    """Whether they find the same people with the same numbers and groups, whatever they call the realm: nothing else in
    them differs, such as attributes, or the account that has to see it all."""
    return one == other.model_copy(update={"name": one.name})


def everybody_without(before: Everybody) -> Everybody:
    """As if the groups were not there that it was read `without`."""

    def changed(person: KnownPerson) -> KnownPerson:
        return replace(person, principal=replace(person.principal, groups=person.groups_without))

    return Everybody(
        realms={
            realm: replace(each, persons={guid: changed(person) for guid, person in each.persons.items()})
            for realm, each in before.realms.items()
        }
    )


def _renamed(found: Population, realm: str) -> Population:
    def changed(person: KnownPerson) -> KnownPerson:
        is_same = person.principal.realm == realm
        return person if is_same else replace(person, principal=replace(person.principal, realm=realm))

    return replace(found, persons={guid: changed(person) for guid, person in found.persons.items()})
