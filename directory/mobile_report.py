"""The state of the `mobile` field, person by person: what is wrong with it, and how many can receive a passcode.

Pure: values in, values out; instants are epoch seconds. The texts and numbers are personal data: the report is made
to show them, but no `repr` does, and nothing here is logged.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import pairwise
from typing import Protocol

from config.settings import MobileSettings
from directory.mobile import UnusableNumber, UnusableReason, UsableNumber, normalise
from directory.mobile_repairs import Repair, has_digits, holds_several, numbers_in, propose


class Status(Enum):
    """The one state of each person; all but the first cannot receive a passcode. In the order of the report."""

    GOOD = "good"
    REPAIRABLE = "repairable"
    ELSEWHERE = "elsewhere"
    SEVERAL = "several"
    AMBIGUOUS = "ambiguous"
    LANDLINE = "landline"
    COUNTRY = "country"
    IMPOSSIBLE = "impossible"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One value of one attribute, as the directory has it."""

    attribute: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SweptPerson:
    """What a sweep reads of one person."""

    realm: str
    guid: str
    username: str
    display_name: str
    container: str
    """The OU as a path from the domain down, ``London/Sales``; empty for local users."""
    department: str
    is_disabled: bool
    is_service: bool = False
    """Whether it is nobody's account (`directory/service_accounts.py`)."""
    fields: tuple[Field, ...] = ()
    """Of the configured mobile attributes, in their order, blank ones left out."""
    other_fields: tuple[Field, ...] = ()
    """Of `otherMobile` and `telephoneNumber`, where they are not configured ones."""
    changed_at: float | None = None
    """When `mobile` was last written; None where the directory does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What the report says of one person."""

    person: SweptPerson
    status: Status
    found: Field | None = None
    """The field that the status is about; None if there is nothing in any."""
    number: str | None = field(default=None, repr=False)
    """E.164: where a passcode goes now. Only with `Status.GOOD`."""
    proposed: str | None = field(default=None, repr=False)
    """E.164: what an AD admin may want to write. Never used for a passcode."""
    repair: Repair | None = None
    readings: tuple[str, ...] = field(default=(), repr=False)
    """E.164: the numbers that the field may mean. Only with `Status.AMBIGUOUS`."""
    is_changed_recently: bool = False
    is_shared: bool = False
    """Whether another person of the report has the same good number; known when all have been seen."""
    reported_at: float | None = None
    """When the person said that this number is not theirs; None: they did not."""


def classify(person: SweptPerson, settings: MobileSettings, *, now: float, changed_within_seconds: float) -> Finding:
    """What the report says of this person, `is_shared` apart."""
    # A time in the future counts as now: clocks differ.
    changed = person.changed_at is not None and now - person.changed_at < changed_within_seconds
    missing = Finding(person=person, status=Status.MISSING, is_changed_recently=changed)
    for each in person.fields:
        outcome = normalise(each.text, settings)
        if isinstance(outcome, UsableNumber):
            return replace(missing, status=Status.GOOD, found=each, number=outcome.e164)
    for each in person.fields:
        proposal = propose(each.text, settings)
        if proposal is not None:
            proposed, repair = proposal.number, proposal.repair
            return replace(missing, status=Status.REPAIRABLE, found=each, proposed=proposed, repair=repair)
    if not any(has_digits(each.text) for each in person.fields):
        for each in person.other_fields:
            if isinstance(normalise(each.text, settings), UsableNumber):
                return replace(missing, status=Status.ELSEWHERE, found=each)
    if not person.fields:
        return missing
    first = person.fields[0]
    status, readings = _status(first.text, settings)
    return replace(missing, status=status, found=first, readings=readings)


_BY_REASON = {
    UnusableReason.EMPTY: Status.MISSING,
    UnusableReason.SEVERAL: Status.SEVERAL,
    UnusableReason.AMBIGUOUS: Status.AMBIGUOUS,
    UnusableReason.NOT_MOBILE: Status.LANDLINE,
    UnusableReason.COUNTRY: Status.COUNTRY,
}


def _status(text: str, settings: MobileSettings) -> tuple[Status, tuple[str, ...]]:
    """Of a text that is neither usable nor repairable; and the numbers that it may mean, where there are two."""
    if holds_several(text, settings):
        return Status.SEVERAL, ()
    reasons = [normalise(each, settings) for each in (text, *numbers_in(text))]
    # The number inside says more than the note around it: "020 7946 0018 (desk)" is a landline.
    for outcome in reversed(reasons):
        if isinstance(outcome, UnusableNumber) and outcome.reason in _BY_REASON:
            return _BY_REASON[outcome.reason], outcome.readings
    return Status.IMPOSSIBLE, ()


@dataclass(slots=True)
class Tally:
    """How many persons have each status."""

    counts: Counter[Status] = field(default_factory=Counter)

    @property
    def persons(self) -> int:
        return self.counts.total()

    @property
    def good(self) -> int:
        return self.counts[Status.GOOD]

    @property
    def percent(self) -> float | None:
        """Who can receive a passcode, in tenths of a percent rounded down: 100 means everybody. None of nobody."""
        return self.good * 1000 // self.persons / 10 if self.persons else None

    def reaches(self, percent: float) -> bool:
        """Whether at least so many can receive a passcode. Where nobody was found, nothing is reached."""
        return self.persons > 0 and self.good * 100 >= percent * self.persons


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The counts of a whole report. Nobody's accounts, and disabled ones that were left out, are in no tally."""

    made_at: float
    changed_within_seconds: float
    """What counted as changed recently."""
    all: Tally
    by_container: Mapping[tuple[str, str], Tally]
    """By realm and container."""
    by_department: Mapping[str, Tally]
    shared: int
    """How many persons have a good number that somebody else has too."""
    changed_recently: int
    service_accounts: int
    disabled_left_out: int
    reported: int = 0
    """How many said that their number is not theirs."""


class Listing(Protocol):
    """A report, as its forms read it. It can be iterated as often as need be: first those who said that their number
    is not theirs."""

    @property
    def summary(self) -> Summary: ...

    def __iter__(self) -> Iterator[Finding]: ...


class Totals:
    """Counts findings as they come; memory grows with OUs and departments, and by 8 bytes a good number."""

    def __init__(self) -> None:
        self.all = Tally()
        self.by_container: dict[tuple[str, str], Tally] = {}
        """By realm and container."""
        self.by_department: dict[str, Tally] = {}
        self.changed_recently = 0
        self.service_accounts = 0
        self.disabled_left_out = 0
        self.reported = 0
        self._numbers = array("Q")
        self._shared: frozenset[int] | None = None

    def add(self, finding: Finding) -> None:
        person = finding.person
        if person.is_service:
            self.service_accounts += 1
            return
        for tally in (
            self.all,
            self.by_container.setdefault((person.realm, person.container), Tally()),
            self.by_department.setdefault(person.department, Tally()),
        ):
            tally.counts[finding.status] += 1
        self.changed_recently += finding.is_changed_recently
        self.reported += finding.reported_at is not None
        if finding.number is not None:
            self._numbers.append(int(finding.number[1:]))  # at most 15 digits
            self._shared = None

    def summary(self, *, made_at: float, changed_within_seconds: float) -> Summary:
        return Summary(
            made_at=made_at,
            changed_within_seconds=changed_within_seconds,
            all=self.all,
            by_container=self.by_container,
            by_department=self.by_department,
            shared=self.shared,
            changed_recently=self.changed_recently,
            service_accounts=self.service_accounts,
            disabled_left_out=self.disabled_left_out,
            reported=self.reported,
        )

    @property
    def shared(self) -> int:
        shared = self._shared_numbers()
        return sum(number in shared for number in self._numbers)

    def is_shared(self, number: str | None) -> bool:
        return number is not None and int(number[1:]) in self._shared_numbers()

    def _shared_numbers(self) -> frozenset[int]:
        if self._shared is None:
            self._shared = frozenset(one for one, following in pairwise(sorted(self._numbers)) if one == following)
        return self._shared
