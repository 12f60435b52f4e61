"""The limiter: how often a person, an address or a number may try or be sent something."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from config.settings import ThrottleSettings
from directory.lockout import PasswordLimits, limits_of
from proxy.access.networks import network_of, parse_address
from proxy.operations.at_once import at_once
from proxy.throttle.counter_store import Counter, ThrottledPerson, ThrottleStore
from proxy.throttle.counters import Counters, LimitCounter
from proxy.throttle.limits import (
    CLEARED,
    CLEARED_OF_ADDRESS,
    DAY_SECONDS,
    UNTIL_CLEARED_SECONDS,
    CounterState,
    Limit,
    Throttled,
)
from proxy.throttle.told_pauses import ToldPauses

FAMILIAR_SECONDS = 42 * DAY_SECONDS
"""How long an address stays familiar after a sign-in."""
MOST_FAMILIAR = 20
"""How many addresses of one person are kept: the latest ones."""
_NO_LIMIT = 1 << 31


_OF_PASSWORDS = (Limit.PASSWORDS_PER_PERSON, Limit.PASSWORDS_FROM_UNFAMILIAR)
_OF_A_PERSON = (*_OF_PASSWORDS, *CLEARED, Limit.SENDS_PER_NUMBER)
"""What an operator clears for one person."""


class NamedPerson(Protocol):
    """Somebody whom the directory knows."""

    @property
    def guid(self) -> str: ...

    @property
    def realm(self) -> str: ...

    @property
    def username(self) -> str: ...


@dataclass(frozen=True, slots=True)
class CountedAttempts:
    """A person's counted password attempts, including the one that is about to be sent, if the directory has answered
    all others."""

    in_all: int
    from_unfamiliar: int


class Throttle:
    """Reserves before the work is done, so that parallel tries cannot pass the same check.

    `person` is an objectGUID, or `typed_names.counted_as` while the person is unknown. Every method
    raises `StoreUnavailable`: then nothing may be tried or sent.
    """

    def __init__(self, store: ThrottleStore, settings: ThrottleSettings, *, key: bytes) -> None:
        self._store = store
        self._settings = settings
        self._counters = Counters(store, settings, key=key)
        self.told_pauses = ToldPauses(store, self._counters)

    def password_limits(self, directory: object) -> PasswordLimits:
        """How many wrong passwords of one person this directory is sent; it may be one that locks nobody."""
        settings = self._settings
        return limits_of(directory, configured=settings.passwords_per_person, window_seconds=settings.window)

    async def reserve_address(self, address: str, *, now: float) -> Throttled | None:
        """Count one password attempt of an address, for any person; `Throttled` (and not counted) at its limit."""
        return await self._counters.reserve(self._of_address(address), now=now)

    async def give_back_address(self, address: str, *, now: float) -> None:
        """Give back an attempt that was not a guess: it opened the account, or nobody judged it."""
        await self._counters.give_back(Limit.PASSWORDS_PER_ADDRESS, network_of(address), now=now)

    async def reserve_credential(self, address: str, *, now: float) -> Throttled | None:
        """Count one wrong app password or token of an address; `Throttled` (and not counted) at its limit."""
        return await self._counters.reserve(
            [self._counters.of(Limit.CREDENTIALS_PER_ADDRESS, network_of(address))], now=now
        )

    async def reserve_password(
        self, *, person: str, address: str, limits: PasswordLimits, now: float
    ) -> Throttled | None:
        """Count one password attempt of a person; `Throttled` (and nothing counted at all) if a limit is reached.

        All of a person's attempts count towards one limit. Those from addresses where they never signed in also count
        towards a smaller one. The difference is reserved for the person, so that guesses from elsewhere cannot lock
        them out.
        """
        return await self._counters.reserve(await self._of_password(person, address, limits, now), now=now)

    async def judged_so_far(self, *, person: str, now: float) -> CountedAttempts | None:
        """Call this between `reserve_password` and sending the password. None: nobody knows (yet) whether and when the
        directory judges some other attempt."""
        # The only counted attempt is this one: there is nothing else that the directory could still judge.
        if await self._counters.value(self._counters.key(Limit.PASSWORDS_PER_PERSON, person), now=now) == 1:
            return CountedAttempts(1, 1)
        # Three reads are not one instant. In this order, an attempt that begins in the meantime looks unjudged, which
        # is the safe side: then a right password clears nothing.
        from_unfamiliar = await self._counters.value(
            self._counters.key(Limit.PASSWORDS_FROM_UNFAMILIAR, person), now=now
        )
        judged = await self._counters.value(self._judged_key(person), now=now)
        in_all = await self._counters.value(self._counters.key(Limit.PASSWORDS_PER_PERSON, person), now=now)
        return CountedAttempts(in_all, from_unfamiliar) if judged == in_all - 1 else None

    async def password_refused(
        self, *, person: str, limits: PasswordLimits, reserved_at: float, server: str = ""
    ) -> None:
        """The directory judged an attempt, and `server` of it counts it."""
        # Kept no longer than the attempt itself is counted, or a later attempt would look judged.
        counters = [
            Counter(key=key, limit=_NO_LIMIT, window_seconds=limits.window_seconds, is_sliding=True)
            for key in (self._judged_key(person), self._judged_key(person, server))
        ]
        await self._store.reserve(counters, now=reserved_at)

    async def password_accepted(
        self, *, person: str, address: str, judged: CountedAttempts | None, now: float, server: str = ""
    ) -> None:
        """Forget what the directory forgets at a right password: what `server`, which accepted it, had judged before.

        Each server counts for itself, and a right password clears only its own count. If another attempt was in flight,
        it may be judged after this one, so everything stays counted. The same holds if another server judged one of the
        attempts, because that server keeps its own count.
        """
        if judged is None or not await self._has_judged_all(server, person, judged, now):
            # Some server may still count the others. Only this attempt is certainly not counted as wrong anywhere.
            await self.password_not_judged(person=person, address=address, now=now)
            return
        # Give back as many as were counted then, and do not clear: an attempt that begins now must stay counted.
        amounts = {
            self._counters.key(Limit.PASSWORDS_PER_PERSON, person): judged.in_all,
            self._counters.key(Limit.PASSWORDS_FROM_UNFAMILIAR, person): judged.from_unfamiliar,
        }
        if judged.in_all > 1:
            amounts |= dict.fromkeys((self._judged_key(person), self._judged_key(person, server)), judged.in_all - 1)
        await at_once(*(self._store.give_back(key, amount, now=now) for key, amount in amounts.items()))

    async def password_not_judged(self, *, person: str, address: str, now: float) -> None:
        """Give back one attempt that the directory cannot have counted."""
        await self._counters.give_back(Limit.PASSWORDS_PER_PERSON, person, now=now)
        if not await self.is_familiar(person=person, address=address, now=now):
            await self._counters.give_back(Limit.PASSWORDS_FROM_UNFAMILIAR, person, now=now)

    async def remember_wrong(self, digest: bytes, *, window_seconds: float, now: float) -> None:
        """A person's password that is wrong: `digest` is a keyed one of both."""
        await self._store.add(digest, now=now, window_seconds=window_seconds)

    async def is_known_wrong(self, digest: bytes, *, now: float) -> bool:
        """Whether it was wrong recently: asking again would cost an attempt and say nothing new."""
        return await self._counters.value(digest, now=now) > 0

    async def remember_address(self, *, person: str, address: str, now: float) -> None:
        """This person signed in from this address, with all factors.

        What is no IP address stands for many places (a VPN gateway's people, an unknown hop), where strangers are too:
        it never becomes familiar, or their guesses would use up what is reserved for the person.
        """
        if parse_address(address) is None:
            return
        await self._store.add_familiar(
            *self._familiar_keys(person, address), now=now, expires_at=now + FAMILIAR_SECONDS, most=MOST_FAMILIAR
        )

    async def is_familiar(self, *, person: str, address: str, now: float) -> bool:
        return await self._store.is_familiar(*self._familiar_keys(person, address), now=now)

    async def reserve_passcode(self, *, person: str, now: float) -> Throttled | None:
        """Count one passcode attempt across all challenges of a person."""
        return await self._counters.reserve(self._of_passcode(person), now=now)

    async def passcode_not_judged(self, *, person: str, now: float) -> None:
        """Give back what `reserve_passcode` counted: what was typed could not be an answer."""
        await self._counters.give_back(Limit.PASSCODES_PER_PERSON, person, now=now)
        await self._counters.give_back(Limit.PASSCODE_FAILURES_IN_A_ROW, person, now=now)

    async def passcode_accepted(self, *, person: str, now: float) -> None:
        """Clear the person's passcode counts, the failures in a row included."""
        await at_once(
            self._counters.reset(Limit.PASSCODES_PER_PERSON, person),
            self._counters.reset(Limit.PASSCODE_FAILURES_IN_A_ROW, person),
        )

    async def reserve_send(self, *, person: str, number: str, address: str, now: float) -> Throttled | None:
        """Count one passcode about to be sent. Nothing is counted if any of the four limits is reached.

        `number` is where it goes: for one that is mailed, the address.
        """
        return await self._counters.reserve(self._of_send(person, number, address), now=now)

    async def send_not_begun(self, *, person: str, number: str, address: str, now: float) -> None:
        """Give back what `reserve_send` counted: nothing was even tried."""
        for each in self._of_send(person, number, address):
            await self._store.give_back(each.counter.key, now=now)

    async def send_not_taken(self, *, now: float) -> None:
        """Give back one of the day's: a relay that is down all morning must not use up the afternoon's passcodes.

        The person's own count stays: it bounds how often somebody makes Gatepost try.
        """
        await self._counters.give_back(Limit.SENDS_PER_DAY, "", now=now)

    async def sends_of_day(self, *, now: float) -> CounterState:
        """How many passcodes were sent within the running 24 hours, and how many may be."""
        return await self._counters.standing(self._counters.of(Limit.SENDS_PER_DAY, ""), now=now)

    async def claim_day_alarm(self, standing: CounterState, *, now: float) -> bool:
        """Whether the caller is to raise the alarm of this day: one does, of all workers and nodes."""
        if not standing.is_near:
            return False
        left = max(1.0, standing.window_ends_at - now)
        alarm = Counter(key=self._counters.digest("alarm", Limit.SENDS_PER_DAY.value), limit=1, window_seconds=left)
        return await self._store.reserve([alarm], now=now) is None

    async def standings(
        self,
        *,
        person: str,
        limits: PasswordLimits,
        number: str | None,
        address: str | None,
        typed: str | None = None,
        now: float,
    ) -> list[CounterState]:
        """Every counter that a sign-in of this person would meet, as it is now; nothing is counted.

        `number`: a mail address, for a passcode that is mailed; None: none can be sent to. `address` None: it is not
        known, and counts as one where the person never signed in. `typed`: see `ToldPauses`.
        """
        counters = [
            *await self._of_password(person, address, limits, now),
            *self._of_address(address),
            *self._of_passcode(person),
            *self._of_send(person, number, address),
        ]
        standings = [await self._counters.standing(each, now=now) for each in counters]
        if typed is not None:
            start = await self.fresh_starts(person)
            standings.append(await self.told_pauses.standing(typed=typed, start=start, limits=limits, now=now))
        return standings

    async def sent_to(self, number: str, *, now: float) -> CounterState:
        """How many passcodes were sent to a number or mail address; nothing is counted."""
        return await self._counters.standing(self._counters.of(Limit.SENDS_PER_NUMBER, number), now=now)

    async def note_throttled(self, person: NamedPerson, throttled: Throttled, *, now: float) -> None:
        """This person was stopped. What is counted of addresses, or of everybody, is no limit of theirs."""
        if throttled.limit not in _OF_A_PERSON:
            return
        until = now + throttled.retry_after_seconds
        if throttled.limit is Limit.PASSCODE_FAILURES_IN_A_ROW:
            until = now + UNTIL_CLEARED_SECONDS
        await self._store.put_throttled(
            ThrottledPerson(
                guid=person.guid,
                realm=person.realm,
                username=person.username,
                limit=throttled.limit,
                at=now,
                until=until,
            )
        )

    async def throttled_now(
        self, limits: Callable[[str], PasswordLimits | None], *, now: float
    ) -> list[ThrottledPerson]:
        """Whom a limit stopped recently and would stop again, the latest first. `limits`: those of a realm.

        Whom nothing has stopped since a limit was reached is not among them: nobody can list the counters.
        """
        found = []
        for each in await self._store.throttled(now=now):
            passwords = limits(each.realm) if each.limit in _OF_PASSWORDS else None
            # How often something went to a number is counted by that number, which is not known here.
            if each.limit is Limit.SENDS_PER_NUMBER or (each.limit in _OF_PASSWORDS and passwords is None):
                found.append(each)
                continue
            counter = self._counters.of(each.limit, each.guid, passwords)
            if (await self._counters.standing(counter, now=now)).is_reached:
                found.append(each)
        return found

    async def clear(self, *, person: str, limits: Iterable[Limit]) -> None:
        """Clear these counts of a person: an operator says so. `CLEARED` names them."""
        for limit in limits:
            await self._counters.reset(limit, person)
            if limit is Limit.PASSWORDS_PER_PERSON:
                await self._store.reset_count(self._judged_key(person))
        await self._store.drop_throttled(person, Limit.SENDS_PER_NUMBER)

    async def clear_passwords(self, *, person: str, still_counted: int, now: float) -> None:
        """Clear a person's wrong passwords, except as many as the directory itself still counts.

        Attempts in flight stay counted.
        """
        key = self._counters.key(Limit.PASSWORDS_PER_PERSON, person)
        amount = max(0, await self._counters.value(key, now=now) - still_counted)
        if amount:
            await self._counters.give_back(Limit.PASSWORDS_PER_PERSON, person, amount, now=now)
            await self._store.give_back(self._judged_key(person), amount, now=now)
        await self._counters.reset(Limit.PASSWORDS_FROM_UNFAMILIAR, person)
        # Forget which passwords were wrong, and what was counted by typed names.
        await self._store.add(self._start_key(person), now=now, window_seconds=UNTIL_CLEARED_SECONDS)

    async def clear_number(self, number: str) -> None:
        """Clear what was sent to a number or mail address: an operator says so."""
        await self._counters.reset(Limit.SENDS_PER_NUMBER, number)

    async def clear_address(self, address: str) -> None:
        """Clear what was tried and asked for from an address, for every person."""
        for limit in CLEARED_OF_ADDRESS:
            await self._counters.reset(limit, network_of(address))

    async def fresh_starts(self, person: str) -> int:
        """How often an operator has cleared this person's passwords.

        This number is part of the names of records by typed text, which nobody can list. So one step forgets them all.
        """
        return await self._counters.value(self._start_key(person), now=0.0)

    # What each kind of try is counted by, in the order in which its limits are looked at: for who tries, and for who
    # asks how it stands. An address that is not known (None) is not counted by, and one where the person never signed
    # in.
    def _of_address(self, address: str | None) -> list[LimitCounter]:
        return [] if address is None else [self._counters.of(Limit.PASSWORDS_PER_ADDRESS, network_of(address))]

    async def _of_password(
        self, person: str, address: str | None, limits: PasswordLimits, now: float
    ) -> list[LimitCounter]:
        counters = [self._counters.of(Limit.PASSWORDS_PER_PERSON, person, limits)]
        if address is None or not await self.is_familiar(person=person, address=address, now=now):
            counters.append(self._counters.of(Limit.PASSWORDS_FROM_UNFAMILIAR, person, limits))
        return counters

    def _of_passcode(self, person: str) -> list[LimitCounter]:
        return [
            self._counters.of(limit, person) for limit in (Limit.PASSCODES_PER_PERSON, Limit.PASSCODE_FAILURES_IN_A_ROW)
        ]

    def _of_send(self, person: str, number: str | None, address: str | None) -> list[LimitCounter]:
        named = (
            (Limit.SENDS_PER_PERSON, person),
            (Limit.SENDS_PER_NUMBER, number),
            (Limit.SENDS_PER_ADDRESS, None if address is None else network_of(address)),
            (Limit.SENDS_PER_DAY, ""),
        )
        return [self._counters.of(limit, who) for limit, who in named if who is not None]

    async def _has_judged_all(self, server: str, person: str, judged: CountedAttempts, now: float) -> bool:
        """Whether all attempts before the one that it just took were judged by this server, and none since."""
        others = judged.in_all - 1
        if not others:
            return True
        # In this order, so that an attempt that is judged in the meantime makes the two differ.
        here = await self._store.read(self._judged_key(person, server), now=now)
        anywhere = await self._store.read(self._judged_key(person), now=now)
        # The ends of the windows must match too: if an operator cleared one count, the other may have the same value.
        return here is not None and here == anywhere and here.value == others

    def _judged_key(self, person: str, *server: str) -> bytes:
        """Of all that were judged, or of those that this server judged."""
        return self._counters.digest("passwords_judged", person, *server)

    def _start_key(self, person: str) -> bytes:
        return self._counters.digest("fresh start", person)

    def _familiar_keys(self, person: str, address: str) -> tuple[bytes, bytes]:
        # The person is part of both: the store does not show who shares an address with whom.
        return self._counters.digest("familiar", person), self._counters.digest("familiar", person, network_of(address))
