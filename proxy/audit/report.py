"""Evidence of how people signed in: who, by which factors, from where, by which way in, how often; and each exception.

For whoever asks for proof that a second factor is used (PCI DSS 8.4 and 8.5.1, the NHS DSPT, DORA article 9). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from proxy.audit.entry import OpenedEntry
from proxy.audit.event import AuditedPerson
from proxy.audit.finding import instant, name_of
from proxy.audit.repeated import times

_ERASED = "(erased)"
_REMEMBERED = "remembered"
_PASS = "pass"  # noqa: S105  # a kind of factor
EXCEPTIONS: Mapping[str, str] = {
    "admin.pass_given": "a pass was given",
    "admin.pass_confirmed": "a pass was confirmed",
    "admin.pass_ended": "a pass was ended",
    "vouch.answered": "a manager answered",
    "browser.remembered": "a browser was remembered",
    "credential.made": "a credential without a second factor was made",
}
"""Events that stand for less than the scheme asks for, or that end it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInsOfOneKind:
    """All sign-ins that are alike."""

    person: str = field(repr=False)
    scheme: str
    factors: str
    """Joined by spaces, as they were proven."""
    way: str
    """``browser``, or as the entries name it."""
    address: str = field(repr=False)
    count: int
    first: float
    last: float

    @property
    def exception(self) -> str:
        """Why it was no sign-in by two factors; empty: it was."""
        names = self.factors.split()
        if _PASS in names:
            return "by a pass"
        if _REMEMBERED in names:
            return "in a remembered browser"
        return "" if len(names) > 1 or names == ["passkey"] else "by one factor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExceptionSeen:
    time: float
    what: str
    by: str = field(repr=False)
    """Who did it."""
    person: str = field(repr=False)
    """Whose it is, if that is somebody else."""
    facts: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceReport:
    since: float
    until: float
    sign_ins: tuple[SignInsOfOneKind, ...]
    """By person; the most frequent first."""
    exceptions: tuple[ExceptionSeen, ...]
    refused: Mapping[str, int]
    """How many sign-ins were refused or stopped, by reason."""

    @property
    def total(self) -> int:
        return sum(each.count for each in self.sign_ins)

    @property
    def with_two(self) -> int:
        return sum(each.count for each in self.sign_ins if not each.exception)


class EvidenceGathering:
    """Takes one entry after the other. What it keeps grows with the kinds of sign-in, not with entries."""

    def __init__(self, *, since: float, until: float) -> None:
        self._since = since
        self._until = until
        self._kinds: dict[tuple[str, str, str, str, str], list[float]] = {}
        self._exceptions: list[ExceptionSeen] = []
        self._refused: dict[str, int] = {}
        self._names: dict[str, str] = {}

    def add(self, entry: OpenedEntry) -> None:
        event = entry.event
        for each in entry.persons:
            if each.name:
                self._names[each.guid] = name_of(each)
        if not self._since <= entry.time < self._until:
            return
        if event.event == "sign_in.succeeded":
            scheme, factors = str(event.facts.get("scheme", "")), str(event.facts.get("factors", ""))
            key = (_key_of(event.actor), scheme, factors, event.way or "browser", event.address)
            seen = self._kinds.setdefault(key, [0, entry.time, entry.time])
            seen[:] = [seen[0] + 1, min(seen[1], entry.time), max(seen[2], entry.time)]
        elif event.event in ("sign_in.refused", "sign_in.stopped"):
            reason = str(event.facts.get("reason", ""))
            self._refused[reason] = self._refused.get(reason, 0) + times(event)
        elif event.event in EXCEPTIONS:
            self._exceptions.append(_exception(entry))

    def report(self) -> EvidenceReport:
        return EvidenceReport(
            since=self._since,
            until=self._until,
            sign_ins=tuple(sorted(_kinds(self._kinds, self._names), key=lambda each: (each.person, -each.count))),
            exceptions=tuple(sorted(self._exceptions, key=lambda each: each.time)),
            refused=dict(sorted(self._refused.items(), key=lambda each: (-each[1], each[0]))),
        )


def _kinds(
    kinds: Mapping[tuple[str, str, str, str, str], list[float]], names: Mapping[str, str]
) -> Iterator[SignInsOfOneKind]:
    for (guid, scheme, factors, way, address), (count, first, last) in kinds.items():
        yield SignInsOfOneKind(
            person=names.get(guid, guid),
            scheme=scheme,
            factors=factors,
            way=way,
            address=address,
            count=int(count),
            first=first,
            last=last,
        )


def _key_of(person: AuditedPerson | None) -> str:
    return _ERASED if person is None else person.guid


def _exception(entry: OpenedEntry) -> ExceptionSeen:
    event = entry.event
    told = {**event.facts, **{name: value for name, value in event.personal.items() if name != "by"}}
    ends_at = told.get("ends_at")
    if isinstance(ends_at, int):
        told["ends_at"] = instant(ends_at)
    return ExceptionSeen(
        time=entry.time,
        what=EXCEPTIONS[event.event],
        by=name_of(event.actor) or event.personal.get("by", "") or _ERASED,
        person=name_of(event.person),
        facts="; ".join(f"{name}={value}" for name, value in told.items()),
    )


SIGN_INS_HEAD = ("person", "scheme", "factors", "way", "address", "count", "first", "last", "exception")
EXCEPTIONS_HEAD = ("time", "what", "by", "person", "facts")


def sign_in_rows(report: EvidenceReport) -> list[tuple[str, ...]]:
    return [
        (
            *(each.person, each.scheme, each.factors, each.way, each.address, str(each.count)),
            *(instant(each.first), instant(each.last), each.exception),
        )
        for each in report.sign_ins
    ]


def exception_rows(report: EvidenceReport) -> list[tuple[str, ...]]:
    return [(instant(each.time), each.what, each.by, each.person, each.facts) for each in report.exceptions]


def report_as_json(report: EvidenceReport) -> dict[str, Any]:
    return {
        "since": instant(report.since),
        "until": instant(report.until),
        "sign_ins": report.total,
        "with_two_factors": report.with_two,
        "refused": dict(report.refused),
        "by_kind": [dict(zip(SIGN_INS_HEAD, row, strict=True)) for row in sign_in_rows(report)],
        "exceptions": [dict(zip(EXCEPTIONS_HEAD, row, strict=True)) for row in exception_rows(report)],
    }
