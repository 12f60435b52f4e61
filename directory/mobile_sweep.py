"""A whole sweep: every person in scope judged, counted, and kept in a file until all have been seen.

Whether a number is shared is known only at the end, so the findings wait in an unnamed temporary file that nobody
else can open and that is gone with the process; memory stays flat however many persons there are.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from config.settings import DirectorySettings, LocalDirectorySettings, MobileSettings
from directory.mobile_repairs import Repair
from directory.mobile_report import Field, Finding, Status, Summary, SweptPerson, Totals, classify
from directory.service_accounts import AccountTraits, is_service_account
from directory.users_file import read_users

_NAMES = ("realm", "guid", "username", "display_name", "container", "department")
_STATES = ("is_disabled", "is_service", "changed_at")
"""What is kept of a person, in the order of a kept line."""


ReportedAt = Callable[[str, str | None], float | None]
"""When somebody (their GUID) said that this number (E.164), which they have now, is not theirs; None: they did not."""


def nobody(guid: str, number: str | None) -> None:
    """Where it is not known who said so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the report goes by."""

    mobile: MobileSettings
    now: float
    changed_within_seconds: float
    include_disabled: bool = False
    reported_at: ReportedAt = nobody


def sweep(
    settings: DirectorySettings, *, service_accounts: Collection[str] = (), base_dn: str | None = None
) -> Iterator[SweptPerson]:
    """Every person of a directory, disabled ones too. `base_dn` is for Active Directory only.

    `service_accounts` are patterns of user names (`directory/service_accounts.py`).

    Raises `DirectoryUnavailable`, `DirectoryMisconfigured`, or `ConfigurationError` for a users file.
    """
    if not isinstance(settings, LocalDirectorySettings):
        from directory.active_directory import sweep as active_directory  # as in `directory/create_directories.py`

        yield from active_directory.sweep(settings, service_accounts=service_accounts, base_dn=base_dn)
        return
    for user in read_users(settings.file, settings.name).by_guid.values():
        traits = AccountTraits(
            username=user.username,
            is_built_in=False,
            has_service_names=False,
            has_display_name=bool(user.display_name),
            has_human_traits=bool(user.mail or user.mobiles),
        )
        yield SweptPerson(
            realm=settings.name,
            guid=user.guid,
            username=user.username,
            display_name=user.display_name,
            container="",
            department="",
            is_disabled=user.disabled,
            is_service=is_service_account(traits, service_accounts),
            fields=tuple(Field(attribute="mobile", text=text) for text in user.mobiles),
        )


class Findings:
    """Judged persons: add them all, then iterate, as often as need be. A context manager: its end is the file's."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.totals = Totals()
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", errors="surrogatepass", newline="\n")  # noqa: SIM115

    def __enter__(self) -> Findings:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, person: SweptPerson) -> None:
        if person.is_disabled and not self.rules.include_disabled:
            self.totals.disabled_left_out += 1
            return
        finding = classify(
            person, self.rules.mobile, now=self.rules.now, changed_within_seconds=self.rules.changed_within_seconds
        )
        if not person.is_service:
            finding = replace(finding, reported_at=self.rules.reported_at(person.guid, finding.number))
        self.totals.add(finding)
        self._file.write(line_of(finding) + "\n")

    @property
    def summary(self) -> Summary:
        return self.totals.summary(made_at=self.rules.now, changed_within_seconds=self.rules.changed_within_seconds)

    def __iter__(self) -> Iterator[Finding]:
        if self.totals.reported:
            yield from (each for each in self._all() if each.reported_at is not None)
        yield from (each for each in self._all() if each.reported_at is None)

    def _all(self) -> Iterator[Finding]:
        self._file.seek(0)
        for line in self._file:
            finding = finding_of(line)
            is_shared = not finding.person.is_service and self.totals.is_shared(finding.number)
            yield replace(finding, is_shared=is_shared)


def line_of(finding: Finding) -> str:
    """One line of JSON, without its end; `finding_of` reads it."""
    person, found = finding.person, finding.found
    of_person = [getattr(person, name) for name in _NAMES], *(getattr(person, name) for name in _STATES)
    status, repair = finding.status.value, finding.repair.value if finding.repair else None
    value = (found.attribute, found.text) if found else None
    numbers = finding.number, finding.proposed, repair
    marks = finding.is_changed_recently, finding.is_shared, finding.readings, finding.reported_at
    return json.dumps((*of_person, status, value, *numbers, *marks))


def finding_of(line: str) -> Finding:
    names, *states, status, value, number, proposed, repair, is_changed, is_shared, readings, at = json.loads(line)
    of_person = dict(zip((*_NAMES, *_STATES), (*names, *states), strict=True))
    return Finding(
        person=SweptPerson(**of_person),
        status=Status(status),
        found=Field(attribute=value[0], text=value[1]) if value else None,
        number=number,
        proposed=proposed,
        repair=Repair(repair) if repair else None,
        is_changed_recently=is_changed,
        is_shared=is_shared,
        readings=tuple(readings),
        reported_at=at,
    )
