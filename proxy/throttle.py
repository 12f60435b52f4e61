"""The limiter: how often a person, an address or a number may try or be sent something.

Counters are named by an HMAC, so that the store holds no names, numbers and addresses in the clear. IPv6
addresses are counted by their /64: one customer has at least that many of them (RFC 6177).
"""

from __future__ import annotations

import hmac
import math
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv6Address, ip_address

from config.settings import ThrottleSettings
from directory.mobile import E164
from proxy.store.store import Counter, Store

DAY_SECONDS = 86_400.0
UNTIL_CLEARED_SECONDS = 100 * 365 * DAY_SECONDS
"""The window of failures in a row: only a success or an operator ends it."""


class Limit(Enum):
    PASSWORDS_PER_PERSON = "passwords_per_person"  # a limit's name
    PASSWORDS_PER_ADDRESS = "passwords_per_address"
    PASSCODES_PER_PERSON = "passcodes_per_person"
    PASSCODE_FAILURES_IN_A_ROW = "passcode_failures_in_a_row"
    SENDS_PER_PERSON = "sends_per_person"
    SENDS_PER_NUMBER = "sends_per_number"
    SENDS_PER_ADDRESS = "sends_per_address"
    SENDS_PER_DAY = "sends_per_day"


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    limit: Limit
    retry_after_seconds: int
    """At least 1, and at most a day: a factor that is locked until an operator clears it says a day."""


class Throttle:
    """Reserves before the work is done, so that parallel tries cannot pass the same check.

    `person` is an objectGUID, or ``"name:" + LoginName.folded`` while the person is unknown. Every method
    raises `StoreUnavailable`: then nothing may be tried or sent.
    """

    def __init__(self, store: Store, settings: ThrottleSettings, *, key: bytes) -> None:
        self._store = store
        self._settings = settings
        self._key = key

    async def reserve_password(self, *, person: str, address: str, now: float) -> Throttled | None:
        """Count one password attempt; `Throttled` (and nothing counted at all) if a limit is reached."""
        return await self._reserve(
            now, (Limit.PASSWORDS_PER_PERSON, person), (Limit.PASSWORDS_PER_ADDRESS, network_of(address))
        )

    async def password_accepted(self, *, person: str, address: str, now: float) -> None:
        """Give back what a right password had reserved, and clear the person's count."""
        await self._store.reset_count(self._counter(Limit.PASSWORDS_PER_PERSON, person).key)
        await self._give_back(now, Limit.PASSWORDS_PER_ADDRESS, network_of(address))

    async def password_not_judged(self, *, person: str, address: str, now: float) -> None:
        """Give back one attempt that never reached the directory."""
        await self._give_back(now, Limit.PASSWORDS_PER_PERSON, person)
        await self._give_back(now, Limit.PASSWORDS_PER_ADDRESS, network_of(address))

    async def reserve_passcode(self, *, person: str, now: float) -> Throttled | None:
        """Count one passcode attempt across all challenges of a person."""
        return await self._reserve(
            now, (Limit.PASSCODES_PER_PERSON, person), (Limit.PASSCODE_FAILURES_IN_A_ROW, person)
        )

    async def passcode_accepted(self, *, person: str, now: float) -> None:
        """Clear the person's passcode counts, the failures in a row included."""
        await self._store.reset_count(self._counter(Limit.PASSCODES_PER_PERSON, person).key)
        await self._store.reset_count(self._counter(Limit.PASSCODE_FAILURES_IN_A_ROW, person).key)

    async def reserve_send(self, *, person: str, number: E164, address: str, now: float) -> Throttled | None:
        """Count one passcode about to be sent. Nothing is counted if any of the four limits is reached."""
        return await self._reserve(
            now,
            (Limit.SENDS_PER_PERSON, person),
            (Limit.SENDS_PER_NUMBER, number),
            (Limit.SENDS_PER_ADDRESS, network_of(address)),
            (Limit.SENDS_PER_DAY, ""),
        )

    async def _reserve(self, now: float, *limited: tuple[Limit, str]) -> Throttled | None:
        reached = await self._store.reserve([self._counter(limit, who) for limit, who in limited], now=now)
        if reached is None:
            return None
        wait = math.ceil(min(reached.window_ends_at - now, DAY_SECONDS))
        return Throttled(limit=limited[reached.index][0], retry_after_seconds=max(1, wait))

    async def _give_back(self, now: float, limit: Limit, who: str) -> None:
        counter = self._counter(limit, who)
        await self._store.count(counter.key, now=now, window_seconds=counter.window_seconds, amount=-1)

    def _counter(self, limit: Limit, who: str) -> Counter:
        window_seconds = self._settings.window
        if limit is Limit.SENDS_PER_DAY:
            window_seconds = DAY_SECONDS
        elif limit is Limit.PASSCODE_FAILURES_IN_A_ROW:
            window_seconds = UNTIL_CLEARED_SECONDS
        # A limit's value is the name of its setting, and NUL occurs in none of them.
        name = f"{limit.value}\0{who}".encode("utf-8", "surrogatepass")
        most: int = getattr(self._settings, limit.value)
        return Counter(key=hmac.digest(self._key, name, "sha256"), limit=most, window_seconds=window_seconds)


def network_of(address: str) -> str:
    """What an address is counted as: an IPv4 address itself, an IPv6 address its /64; other text as it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return f"{IPv6Address(int(parsed) >> 64 << 64)}/64"
    return str(parsed)
