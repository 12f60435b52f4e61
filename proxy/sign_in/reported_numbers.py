"""This isn't my number: somebody who has proven their password says so on the passcode page, and the AD admin sees it.

Nothing else comes of it: nobody gets a message, the page says no more of the account than before, and the sign-in stays
where it is. Whether a report still stands is decided when it is read, by the number that the directory has by then.
Instants are epoch seconds.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from config.factors import ChannelKind
from config.settings import Settings
from directory.mobile import E164, UsableNumber, first_usable
from directory.principal import Principal
from proxy.factors.challenge import Challenge
from proxy.factors.passcode.known_numbers import NumberStore, number_digest
from proxy.factors.passcode.passcodes import changed_at, number_of
from proxy.secrets.keys import Keys, Purpose
from proxy.sign_in.client import Client
from proxy.sign_in.sign_in_log import SignInLog
from proxy.throttle.counter_store import Counter, CounterStore

REPORTED_SECONDS = 30 * 86_400.0
"""After which a report is over, if nobody has done anything about it."""
_MOST_REPORTS = 5
"""Of one person, within `_WINDOW_SECONDS`."""
_WINDOW_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedNumber:
    """A person says that the directory's number for them is not theirs."""

    guid: str
    realm: str
    username: str
    number: bytes = field(repr=False)
    """Recognises it (`recognised_by`), and reveals it to nobody."""
    masked: str
    changed_at: float | None
    """When the directory's number was last changed before; None: it was not, or nobody knows."""
    at: float


class ReportedNumberStore(Protocol):
    """One report for each person: of the number that the directory has. Methods raise `StoreUnavailable`."""

    async def put_reported_number(self, reported: ReportedNumber) -> bool:
        """In place of a report of another number; False, and nothing written, where this number is reported already.
        Durable."""
        ...

    async def reported_numbers(self) -> tuple[ReportedNumber, ...]:
        """The latest first."""
        ...

    async def drop_reported_number(self, guid: str, number: bytes) -> bool:
        """Take it off the list, if it is still this number that is reported. Durable."""
        ...


def recognised_by(key: bytes, guid: str, number: str) -> bytes:
    """The `ReportedNumber.number` of a person's number. `key`: of `Purpose.THROTTLE`, which stays the same when the
    master key is replaced: else the report would end with it."""
    return hmac.digest(number_digest(key, guid=guid, number=E164(number)), b"reported", "sha256")


def still_stands(reported: ReportedNumber, number: bytes | None, *, now: float) -> bool:
    """Pure. `number`: what recognises the number that the directory has now; empty: it has none that can be used. None:
    it cannot say, which ends nothing."""
    if now - reported.at >= REPORTED_SECONDS:
        return False
    return number is None or hmac.compare_digest(reported.number, number)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberReports:
    """All reports, as a sweep of the directories looks them up."""

    reported: Mapping[str, ReportedNumber]
    """By GUID."""
    key: bytes = field(repr=False)
    now: float

    def reported_at(self, guid: str, number: str | None) -> float | None:
        """When this person reported this number, which the directory has now; None: they did not."""
        reported = self.reported.get(guid)
        if reported is None:
            return None
        known = b"" if number is None else recognised_by(self.key, guid, number)
        return reported.at if still_stands(reported, known, now=self.now) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMyNumber:
    """The button of the passcode page. Methods raise `StoreUnavailable`."""

    settings: Settings
    numbers: NumberStore
    reported: ReportedNumberStore
    counters: CounterStore
    keys: Keys
    log: SignInLog

    def is_offered(self, challenge: Challenge) -> bool:
        """Whether its passcode goes to a number that somebody could call not theirs."""
        return challenge.kind is ChannelKind.SMS

    async def report(self, client: Client, principal: Principal, challenge: Challenge, *, now: float) -> None:
        """Put the person on the list, with the number that this challenge's passcode went to. Where there is nothing to
        report, nothing is done, and the person is told the same."""
        usable = first_usable(principal.mobiles, self.settings.mobile)
        if not isinstance(usable, UsableNumber) or not number_of(self.keys, principal, usable.e164).is_of(challenge):
            return  # it went to a mail address, or the number has changed in the meantime
        key = self.keys.derive(Purpose.THROTTLE)
        name = hmac.digest(key, f"not my number\0{principal.guid}".encode(), "sha256")
        often = Counter(key=name, limit=_MOST_REPORTS, window_seconds=_WINDOW_SECONDS)
        if await self.counters.reserve([often], now=now) is not None:
            return
        reported = ReportedNumber(
            guid=principal.guid,
            realm=principal.realm,
            username=principal.username,
            number=recognised_by(key, principal.guid, usable.e164),
            masked=challenge.masked_destination,
            changed_at=await changed_at(self.numbers, key, principal, usable.e164, now=now, see=False),
            at=now,
        )
        if await self.reported.put_reported_number(reported):
            self.log.number_reported(client, principal, destination=reported.masked)
