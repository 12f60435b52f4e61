"""The limiter: how often a person, an address or a number may try or be sent something.

Counters are named by an HMAC, so that the store holds no names, numbers and addresses in the clear. IPv6
addresses are counted by their /64: one customer has at least that many of them (RFC 6177).
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv6Address, ip_address

from config.settings import ThrottleSettings
from directory.lockout import PasswordLimits
from directory.mobile import E164
from proxy.store.store import Counter, Store

DAY_SECONDS = 86_400.0
FAMILIAR_SECONDS = 42 * DAY_SECONDS
"""How long an address stays familiar after a sign-in."""
MOST_FAMILIAR = 20
"""So many addresses of one person, the latest."""
_NO_LIMIT = 1 << 31
ALARM_SHARE = 0.8
"""So much of a day's passcodes is told to the operator, before there are none left."""
UNTIL_CLEARED_SECONDS = 100 * 365 * DAY_SECONDS
"""The window of failures in a row: only a success or an operator ends it."""


class Limit(Enum):
    PASSWORDS_PER_PERSON = "passwords_per_person"  # a limit's name
    PASSWORDS_FROM_UNFAMILIAR = "passwords_from_unfamiliar_addresses"
    PASSWORDS_PER_ADDRESS = "passwords_per_address"
    PASSCODES_PER_PERSON = "passcodes_per_person"
    PASSCODE_FAILURES_IN_A_ROW = "passcode_failures_in_a_row"
    SENDS_PER_PERSON = "sends_per_person"
    SENDS_PER_NUMBER = "sends_per_number"
    SENDS_PER_ADDRESS = "sends_per_address"
    SENDS_PER_DAY = "sends_per_day"


CLEARED = (Limit.PASSCODES_PER_PERSON, Limit.PASSCODE_FAILURES_IN_A_ROW, Limit.SENDS_PER_PERSON)
"""A person's counts of what only Gatepost counts."""
CLEARED_PASSWORDS = (Limit.PASSWORDS_PER_PERSON, Limit.PASSWORDS_FROM_UNFAMILIAR)
"""Those that keep a directory from locking the account: it goes on with its own count whatever happens to these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    limit: Limit
    retry_after_seconds: int
    """At least 1, and at most a day: a factor that is locked until an operator clears it says a day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One counter as it is now."""

    limit: Limit
    count: int
    most: int
    window_ends_at: float

    @property
    def is_reached(self) -> bool:
        return self.count >= self.most

    @property
    def is_near(self) -> bool:
        """Whether so much is used up that the operator should know."""
        return self.count >= self.most * ALARM_SHARE


@dataclass(frozen=True, slots=True)
class Judged:
    """A person's counted password attempts up to the one that is about to be sent, which is included, where the
    directory has answered all others."""

    in_all: int
    from_unfamiliar: int


@dataclass(frozen=True, slots=True)
class _Limited:
    limit: Limit
    counter: Counter


class Throttle:
    """Reserves before the work is done, so that parallel tries cannot pass the same check.

    `person` is an objectGUID, or ``"name:" + LoginName.folded`` while the person is unknown. Every method
    raises `StoreUnavailable`: then nothing may be tried or sent.
    """

    def __init__(self, store: Store, settings: ThrottleSettings, *, key: bytes) -> None:
        self._store = store
        self._settings = settings
        self._secret = key

    async def reserve_password(
        self, *, person: str, address: str, limits: PasswordLimits, now: float
    ) -> Throttled | None:
        """Count one password attempt; `Throttled` (and nothing counted at all) if a limit is reached.

        All of a person's attempts count towards one number, those from addresses where they never signed in also
        towards a smaller one: what is left between the two is theirs, whoever guesses.
        """
        counters = [self._counter(Limit.PASSWORDS_PER_PERSON, person, limits)]
        if not await self.is_familiar(person=person, address=address, now=now):
            counters.append(self._counter(Limit.PASSWORDS_FROM_UNFAMILIAR, person, limits))
        counters.append(self._counter(Limit.PASSWORDS_PER_ADDRESS, network_of(address)))
        return await self._reserve_counters(now, counters)

    async def judged_so_far(self, *, person: str, now: float) -> Judged | None:
        """To be asked between `reserve_password` and sending the password. None: of another attempt nobody knows (yet)
        whether and when the directory judges it."""
        if await self._read(self._key(Limit.PASSWORDS_PER_PERSON, person), now) == 1:
            return Judged(1, 1)
        # In this order: whatever begins meanwhile then looks unjudged.
        from_unfamiliar = await self._read(self._key(Limit.PASSWORDS_FROM_UNFAMILIAR, person), now)
        judged = await self._read(self._judged_key(person), now)
        in_all = await self._read(self._key(Limit.PASSWORDS_PER_PERSON, person), now)
        return Judged(in_all, from_unfamiliar) if judged == in_all - 1 else None

    async def password_refused(
        self, *, person: str, limits: PasswordLimits, reserved_at: float, server: str = ""
    ) -> None:
        """The directory judged an attempt, and `server` of it counts it."""
        # No longer than the attempt itself is counted, or a later one would be taken for judged.
        counters = [
            Counter(key=key, limit=_NO_LIMIT, window_seconds=limits.window_seconds, is_sliding=True)
            for key in (self._judged_key(person), self._judged_key(person, server))
        ]
        await self._store.reserve(counters, now=reserved_at)

    async def password_accepted(
        self, *, person: str, address: str, judged: Judged | None, now: float, server: str = ""
    ) -> None:
        """Forget what the directory forgets at a right password: what `server`, which took it, had judged before.

        An attempt that was under way beside it may be judged after it, and counts on. So do all, if there was one;
        and if there was one that another server judged, for that one goes on with its own count.
        """
        if judged is None or not await self._has_judged_all(server, person, judged, now):
            await self.password_not_judged(person=person, address=address, now=now)
            return
        await self._give_back(now, Limit.PASSWORDS_PER_PERSON, person, judged.in_all)
        await self._give_back(now, Limit.PASSWORDS_FROM_UNFAMILIAR, person, judged.from_unfamiliar)
        if judged.in_all > 1:
            for key in (self._judged_key(person), self._judged_key(person, server)):
                await self._store.count(key, now=now, window_seconds=1.0, amount=1 - judged.in_all)
        await self._give_back(now, Limit.PASSWORDS_PER_ADDRESS, network_of(address))

    async def password_not_judged(self, *, person: str, address: str, now: float) -> None:
        """Give back one attempt that the directory cannot have counted."""
        await self._give_back(now, Limit.PASSWORDS_PER_PERSON, person)
        if not await self.is_familiar(person=person, address=address, now=now):
            await self._give_back(now, Limit.PASSWORDS_FROM_UNFAMILIAR, person)
        await self._give_back(now, Limit.PASSWORDS_PER_ADDRESS, network_of(address))

    async def remember_wrong(self, digest: bytes, *, window_seconds: float, now: float) -> None:
        """A person's password that is wrong: `digest` is a keyed one of both."""
        await self._store.count(digest, now=now, window_seconds=window_seconds)

    async def is_known_wrong(self, digest: bytes, *, now: float) -> bool:
        """Whether it was called wrong lately: asking again would cost an attempt and say nothing new."""
        return (await self._store.count(digest, now=now, window_seconds=1.0, amount=0)).value > 0

    async def remember_address(self, *, person: str, address: str, now: float) -> None:
        """This person signed in from this address, with all factors."""
        await self._store.add_familiar(
            *self._familiar_keys(person, address), now=now, expires_at=now + FAMILIAR_SECONDS, most=MOST_FAMILIAR
        )

    async def is_familiar(self, *, person: str, address: str, now: float) -> bool:
        return await self._store.is_familiar(*self._familiar_keys(person, address), now=now)

    async def reserve_passcode(self, *, person: str, now: float) -> Throttled | None:
        """Count one passcode attempt across all challenges of a person."""
        return await self._reserve(
            now, (Limit.PASSCODES_PER_PERSON, person), (Limit.PASSCODE_FAILURES_IN_A_ROW, person)
        )

    async def passcode_accepted(self, *, person: str, now: float) -> None:
        """Clear the person's passcode counts, the failures in a row included."""
        await self._store.reset_count(self._key(Limit.PASSCODES_PER_PERSON, person))
        await self._store.reset_count(self._key(Limit.PASSCODE_FAILURES_IN_A_ROW, person))

    async def reserve_send(self, *, person: str, number: str, address: str, now: float) -> Throttled | None:
        """Count one passcode about to be sent. Nothing is counted if any of the four limits is reached.

        `number` is where it goes: for one that is mailed, the address.
        """
        return await self._reserve(
            now,
            (Limit.SENDS_PER_PERSON, person),
            (Limit.SENDS_PER_NUMBER, number),
            (Limit.SENDS_PER_ADDRESS, network_of(address)),
            (Limit.SENDS_PER_DAY, ""),
        )

    async def sends_of_day(self, *, now: float) -> Standing:
        """How many passcodes were sent within the running 24 hours, and how many may be."""
        counter = self._counter(Limit.SENDS_PER_DAY, "").counter
        read = await self._store.count(counter.key, now=now, window_seconds=counter.window_seconds, amount=0)
        return Standing(
            limit=Limit.SENDS_PER_DAY, count=read.value, most=counter.limit, window_ends_at=read.window_ends_at
        )

    async def claim_day_alarm(self, standing: Standing, *, now: float) -> bool:
        """Whether the caller is to raise the alarm of this day: one does, of all workers and nodes."""
        if not standing.is_near:
            return False
        left = max(1.0, standing.window_ends_at - now)
        alarm = Counter(key=self._digest("alarm", Limit.SENDS_PER_DAY.value), limit=1, window_seconds=left)
        return await self._store.reserve([alarm], now=now) is None

    async def standings(
        self, *, person: str, limits: PasswordLimits, number: E164 | None, address: str | None, now: float
    ) -> list[Standing]:
        """Every counter that a sign-in of this person would meet, as it is now; nothing is counted.

        `number` None: none can be sent to. `address` None: it is not known, and counts as one where the person never
        signed in.
        """
        counters = [self._counter(Limit.PASSWORDS_PER_PERSON, person, limits)]
        if address is None or not await self.is_familiar(person=person, address=address, now=now):
            counters.append(self._counter(Limit.PASSWORDS_FROM_UNFAMILIAR, person, limits))
        named = [
            (Limit.PASSWORDS_PER_ADDRESS, None if address is None else network_of(address)),
            (Limit.PASSCODES_PER_PERSON, person),
            (Limit.PASSCODE_FAILURES_IN_A_ROW, person),
            (Limit.SENDS_PER_PERSON, person),
            (Limit.SENDS_PER_NUMBER, number),
            (Limit.SENDS_PER_ADDRESS, None if address is None else network_of(address)),
            (Limit.SENDS_PER_DAY, ""),
        ]
        counters += [self._counter(limit, who) for limit, who in named if who is not None]
        found = []
        for each in counters:
            counter = each.counter
            read = await self._store.count(counter.key, now=now, window_seconds=counter.window_seconds, amount=0)
            found.append(
                Standing(limit=each.limit, count=read.value, most=counter.limit, window_ends_at=read.window_ends_at)
            )
        return found

    async def clear(self, *, person: str, limits: Iterable[Limit]) -> None:
        """Begin these counts of a person anew: an operator says so. `CLEARED` and `CLEARED_PASSWORDS` name them."""
        for limit in limits:
            await self._store.reset_count(self._key(limit, person))
            if limit is Limit.PASSWORDS_PER_PERSON:
                await self._store.reset_count(self._judged_key(person))

    async def _reserve(self, now: float, *limited: tuple[Limit, str]) -> Throttled | None:
        return await self._reserve_counters(now, [self._counter(limit, who) for limit, who in limited])

    async def _reserve_counters(self, now: float, counters: Sequence[_Limited]) -> Throttled | None:
        reached = await self._store.reserve([each.counter for each in counters], now=now)
        if reached is None:
            return None
        wait = math.ceil(min(reached.window_ends_at - now, DAY_SECONDS))
        return Throttled(limit=counters[reached.index].limit, retry_after_seconds=max(1, wait))

    async def _give_back(self, now: float, limit: Limit, who: str, amount: int = 1) -> None:
        # Giving back opens no window, so its length does not matter.
        await self._store.count(self._key(limit, who), now=now, window_seconds=1.0, amount=-amount)

    async def _has_judged_all(self, server: str, person: str, judged: Judged, now: float) -> bool:
        """Whether all attempts before the one that it just took were judged by this server, and none since."""
        others = judged.in_all - 1
        if not others:
            return True
        # In this order: what is judged meanwhile then makes them differ.
        here = await self._store.count(self._judged_key(person, server), now=now, window_seconds=1.0, amount=0)
        anywhere = await self._store.count(self._judged_key(person), now=now, window_seconds=1.0, amount=0)
        # A count that outlived the other (an operator cleared that one) ends at another time.
        return here.value == anywhere.value == others and here.window_ends_at == anywhere.window_ends_at

    async def _read(self, key: bytes, now: float) -> int:
        return (await self._store.count(key, now=now, window_seconds=1.0, amount=0)).value

    def _counter(self, limit: Limit, who: str, passwords: PasswordLimits | None = None) -> _Limited:
        if passwords is not None:
            most = passwords.in_all if limit is Limit.PASSWORDS_PER_PERSON else passwords.from_unfamiliar
            return _Limited(
                limit,
                Counter(
                    key=self._key(limit, who), limit=most, window_seconds=passwords.window_seconds, is_sliding=True
                ),
            )
        window_seconds = self._settings.window
        if limit is Limit.SENDS_PER_DAY:
            window_seconds = DAY_SECONDS
        elif limit is Limit.PASSCODE_FAILURES_IN_A_ROW:
            window_seconds = UNTIL_CLEARED_SECONDS
        # A limit's value is the name of its setting.
        most = getattr(self._settings, limit.value)
        return _Limited(limit, Counter(key=self._key(limit, who), limit=most, window_seconds=window_seconds))

    def _key(self, limit: Limit, who: str) -> bytes:
        return self._digest(limit.value, who)

    def _judged_key(self, person: str, *server: str) -> bytes:
        """Of all that were judged, or of those that this server judged."""
        return self._digest("passwords_judged", person, *server)

    def _familiar_keys(self, person: str, address: str) -> tuple[bytes, bytes]:
        # The person is part of both: the store does not show who shares an address with whom.
        return self._digest("familiar", person), self._digest("familiar", person, network_of(address))

    def _digest(self, *parts: str) -> bytes:
        """NUL occurs in none of the parts."""
        return hmac.digest(self._secret, "\0".join(parts).encode("utf-8", "surrogatepass"), "sha256")


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
