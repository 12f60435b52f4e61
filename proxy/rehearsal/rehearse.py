"""The rehearsal: each decision under the configuration before and under the new one, and what differs. Pure.

Where an app has rules, a decision about it is replayed for each part that a rule of either configuration is for: who
uses an app is told what becomes of their access to its parts, whether or not they ever went there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from config.factors import Factor
from config.settings import Settings
from directory.known_person import KnownPerson
from proxy.access.rules import PathRule
from proxy.factors.second_factor import Chosen
from proxy.rehearsal.changes import ChangesFound, Difference, Effect, Rehearsed, difference
from proxy.rehearsal.counterparts import counterparts
from proxy.rehearsal.parts import parts_for
from proxy.rehearsal.replay import Access, Asker, Replay
from proxy.rehearsal.review import rule_text
from proxy.sessions.decided import DecidedAccess
from proxy.sign_in.walk import ProofPlaces

_AWAY = "the account is not found there"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownStanding:
    """A person as a configuration finds them, and what they can prove by it."""

    person: KnownPerson
    places: ProofPlaces
    kind: int
    """The same for two people whom nothing that decides can tell apart."""


Rules = tuple[PathRule | None, PathRule | None]
"""Of an app before and after; None: none, so that the app's own groups decide."""
People = Mapping[tuple[str, str], KnownStanding]
"""By realm and GUID."""


def rehearse(
    old: Settings, new: Settings, decisions: Iterable[DecidedAccess], *, before: People, after: People
) -> Rehearsed:
    """`before` and `after`: everybody as the two configurations find them."""
    return _Rehearsal(old, new, before, after).of(decisions)


class _Rehearsal:
    def __init__(self, old: Settings, new: Settings, before: People, after: People) -> None:
        self._old, self._new = Replay(old), Replay(new)
        self._same = counterparts(old, new)
        self._before, self._after = before, after
        self._changes = ChangesFound()
        self._known: dict[tuple[object, ...], tuple[tuple[str, Difference], ...]] = {}
        self._parts: dict[str, list[tuple[str, Rules]]] = {}
        self._unknown_apps: set[str] = set()

    def of(self, decisions: Iterable[DecidedAccess]) -> Rehearsed:
        count, people, gone = 0, set(), set()
        for decided in decisions:
            person = self._before.get((decided.realm, decided.guid))
            if person is None:
                gone.add(f"{decided.realm}\\{decided.username}")
            elif decided.app and decided.app not in self._old.apps:
                self._unknown_apps.add(decided.app)
            else:
                count += 1
                people.add(decided.guid)
                self._replay(decided, person)
        unknown = (f'decisions about "{app}" are left out: there is no such app' for app in sorted(self._unknown_apps))
        return Rehearsed(
            changes=tuple(self._changes.together()),
            decisions=count,
            people=len(people),
            gone=tuple(sorted(gone)),
            notes=(*self._same.notes, *unknown),
        )

    def _replay(self, decided: DecidedAccess, before: KnownStanding) -> None:
        app, realm = decided.app, self._same.realms.get(decided.realm)
        after = None if realm is None else self._after.get((realm, decided.guid))
        places = self._old.place(decided.address), self._new.place(decided.address)
        proven = decided.factors[:1], Factor.PASS in decided.factors
        key = (app, decided.realm, before.kind, after and after.kind, decided.way, proven, places)
        known = self._known.get(key)
        if known is None:
            was, now = _asker(decided, before), None if after is None else _asker(decided, after)
            why = f'the realm "{decided.realm}" is not there any more' if realm is None else _AWAY
            known = self._known[key] = tuple(self._differences(was, now, app, why))
        for part, found in known:
            self._changes.add(before.person.principal, app, part, found)

    def _differences(self, was: Asker, now: Asker | None, app: str, why: str) -> Iterator[tuple[str, Difference]]:
        """With the part of the app that each is about."""
        whole = self._compare(was, now, app, (None, None), why)
        if whole is not None:
            yield "", whole
        if app not in self._same.apps or now is None:
            return  # which was told of the whole app
        for name, rules in self._parts_of(app):
            found = self._compare(was, now, app, rules, why)
            if found is not None and not _is_told(found, whole):
                yield name, found

    def _compare(self, was: Asker, now: Asker | None, app: str, rules: Rules, why: str) -> Difference | None:
        old = self._old.access(was, app, rules[0])
        if now is None:
            return difference(old, Access(is_open=False, why=why))
        if app and app not in self._same.apps:
            return difference(old, Access(is_open=False, why="the app is not there any more"))
        return difference(old, self._new.access(now, self._same.apps.get(app, ""), rules[1]))

    def _parts_of(self, app: str) -> list[tuple[str, Rules]]:
        """The name of each, and the two rules that it falls under; each two once."""
        known = self._parts.get(app)
        if known is not None:
            return known
        after, found, seen = self._same.apps[app], [], set()
        old, new = self._old.rules_of(app), self._new.rules_of(after)
        for rules, is_old in ((old, True), (new, False)):
            for rule, part in parts_for(rules, (*old, *new)):
                was, now = self._old.rule_for(app, part), self._new.rule_for(after, part)
                chosen = was if is_old else now
                pair = (was and was.key, now and now.key)
                # One that another rule comes before is named after that one.
                if chosen is not None and chosen.key == rule.key and pair not in seen:
                    seen.add(pair)
                    found.append((rule_text(rule), (was, now)))
        self._parts[app] = found
        return found


def _asker(decided: DecidedAccess, standing: KnownStanding) -> Asker:
    places = standing.places
    if Factor.PASS in decided.factors:
        # They had one then: whether they had one tomorrow, nobody knows.
        had = Chosen(factor=Factor.PASS, digests=())
        places = ProofPlaces(ways={**places.ways, Factor.PASS: had}, held={**places.held, Factor.PASS: had})
    first = decided.factors[0] if decided.factors else Factor.PASSWORD
    return Asker(person=standing.person, places=places, first=first, way=decided.way, address=decided.address)


def _is_told(found: Difference, whole: Difference | None) -> bool:
    """Whether what is told of the whole app covers it."""
    if whole is None or found.effect is not whole.effect:
        return False
    return found.effect in (Effect.LOSES, Effect.GAINS) or found.why == whole.why
