"""Adding and removing second factors: who may, what it needs, and who is told. The same for pages and commands.

A person needs a second factor that was proven within ten minutes. Instants are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from hmac import digest

from config.factors import ENROLLED, FIRST_FACTORS, NEVER_NAMED, Factor
from config.settings import SchemeSettings, Settings
from directory.principal import Account, Principal
from proxy.access.schemes import counting_factors, freshness_of
from proxy.factors.enrolment import UNUSED, Enrolment, is_of
from proxy.factors.enrolment_store import EnrolmentStore
from proxy.factors.passcode.known_numbers import NumberStore
from proxy.factors.passkey.passkeys import is_synced
from proxy.factors.proof import missing_choices
from proxy.secrets.keys import Keys, Purpose
from proxy.sessions.session import Level, Session
from proxy.sign_in.changed_numbers import Notice, Notices, number_on_file
from proxy.throttle.counter_store import Counter, CounterStore

FRESH_SECONDS = 600.0
MOST_PER_PERSON = 10
"""Of each factor; recovery codes come and go as one set."""
_ADDED_PER_DAY = 20
"""Each is told by mail and SMS."""
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFactor:
    """What a person has, as it is listed: an enrolment, or a whole set of recovery codes."""

    name_in_forms: str
    """What the page and the command call it by."""
    factor: Factor
    name: str
    """As its person called it; of a set, empty."""
    made_at: float
    used_at: float | None
    ids: tuple[str, ...]
    left: int | None = None
    """Of a set: how many may still be used."""
    is_synced: bool | None = None
    """Of a passkey: whether it may be on several devices; None: it is not known."""


class Added(Enum):
    """What came of a factor that somebody wanted to add."""

    ADDED = auto()
    TAKEN = auto()
    """It is there already, perhaps as another person's: nothing was done."""
    FULL = auto()
    """The person has as many of them as they may have: nothing was done."""


def own_factors(enrolments: Iterable[Enrolment], keys: Keys | None = None) -> list[OwnFactor]:
    """In the order in which they were made. Pure. `keys` None: what is sealed stays unknown."""
    found: list[OwnFactor] = []
    codes: list[Enrolment] = []
    for each in enrolments:
        if each.factor is Factor.RECOVERY_CODE:
            codes.append(each)
            continue
        found.append(
            OwnFactor(
                name_in_forms=each.enrolment_id,
                factor=each.factor,
                name=each.name,
                made_at=each.made_at,
                used_at=each.used_at,
                ids=(each.enrolment_id,),
                is_synced=is_synced(keys, each) if keys is not None and each.factor is Factor.PASSKEY else None,
            )
        )
    if codes:
        found.append(
            OwnFactor(
                name_in_forms=Factor.RECOVERY_CODE.value,
                factor=Factor.RECOVERY_CODE,
                name="",
                made_at=codes[0].made_at,
                used_at=max((each.used_at for each in codes if each.used_at is not None), default=None),
                ids=tuple(each.enrolment_id for each in codes),
                left=sum(each.counter == UNUSED for each in codes),
            )
        )
    return found


def factors_to_add(schemes: Sequence[SchemeSettings]) -> tuple[Factor, ...]:
    """Those that some scheme asks for: another one would be of no use. Pure."""
    asked = [factor for scheme in schemes for choice in scheme.factors for factor in choice]
    return tuple(dict.fromkeys(factor for factor in asked if factor in ENROLLED))


def proof_for_adding(schemes: Sequence[SchemeSettings]) -> SchemeSettings | None:
    """What has to be proven, and how recently, before a factor is added or removed; None: nothing can be. Pure.

    Any second factor that some scheme asks for, for somebody may have lost the others. But a new factor must open no
    more than what proved it: a mail counts only where it also opens whatever the others open.
    """
    choices = [
        [factor for factor in choice if factor not in FIRST_FACTORS | NEVER_NAMED]
        for scheme in schemes
        for choice in scheme.factors
    ]
    asked = dict.fromkeys(factor for choice in choices for factor in choice)
    if any(choice and Factor.EMAIL not in choice for choice in choices):
        asked.pop(Factor.EMAIL, None)
    if not asked:
        return None
    # Not by a name that a scheme in the configuration can have: those are printable.
    return SchemeSettings.model_construct(name="\tfactors", factors=(tuple(asked),), fresh=FRESH_SECONDS)


def may_change_factors(schemes: Sequence[SchemeSettings], session: Session, *, now: float) -> bool:
    """Whether this session has proven enough, and recently enough, to add and remove factors. One that was begun with a
    pass never has. Pure."""
    proof = proof_for_adding(schemes)
    if proof is None or session.level is not Level.SIGNED_IN or session.confined is not None:
        return False
    return not missing_choices(proof.factors, counting_factors(session.proven, freshness_of(proof), now=now))


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolling:
    """Methods raise `StoreUnavailable`."""

    store: EnrolmentStore
    numbers: NumberStore
    counters: CounterStore
    settings: Settings
    keys: Keys
    notices: Notices
    notice_of: Callable[[Factor, bool], Notice]
    """What is told of a factor that was added (True) or removed: put into words by the adapter."""

    async def of(self, person: Account | Principal) -> list[OwnFactor]:
        found = await self.store.enrolments(person.guid)
        return own_factors([each for each in found if is_of(each, person)], self.keys)

    async def has_room(self, principal: Principal, factor: Factor) -> bool:
        """Whether one more may be added. It changes nothing."""
        if factor is Factor.RECOVERY_CODE:
            return True
        return sum(each.factor is factor for each in await self.of(principal)) < MOST_PER_PERSON

    async def reserve(self, principal: Principal, *, now: float) -> bool:
        """Count one that is about to be added; False: no more today."""
        key = digest(self.keys.derive(Purpose.THROTTLE), f"factors added\0{principal.guid}".encode(), "sha256")
        counter = Counter(key=key, limit=_ADDED_PER_DAY, window_seconds=_DAY_SECONDS)
        return await self.counters.reserve([counter], now=now) is None

    async def add(self, principal: Principal, enrolment: Enrolment, *, incident: str) -> Added:
        """Keep one more, and tell the person."""
        for _ in range(2 * MOST_PER_PERSON):  # others may add and remove some in between, but not for ever
            seen = [each.name_in_forms for each in await self.of(principal) if each.factor is enrolment.factor]
            if len(seen) >= MOST_PER_PERSON:
                break
            if await self.store.put_enrolments([enrolment], seen=seen):
                await self._tell(principal, enrolment.factor, is_added=True, incident=incident)
                return Added.ADDED
            if await self.store.enrolment_by(enrolment.lookup) is not None:
                return Added.TAKEN
        return Added.FULL

    async def add_codes(
        self, principal: Principal, codes: Sequence[Enrolment], *, in_place_of: OwnFactor | None, incident: str
    ) -> bool:
        """Keep a set in the place of the one before, and tell the person. False if that is not the one that they have
        (any more): nothing was done."""
        seen, factor = in_place_of.ids if in_place_of is not None else (), Factor.RECOVERY_CODE
        if not await self.store.put_enrolments(codes, in_place_of=factor, seen=seen):
            return False
        await self._tell(principal, factor, is_added=True, incident=incident)
        return True

    async def remove(self, principal: Principal, name_in_forms: str, *, incident: str) -> OwnFactor | None:
        """Remove one, and tell the person; what it was, or None if it was not there (any more)."""
        found = next((each for each in await self.of(principal) if each.name_in_forms == name_in_forms), None)
        if found is None or not await self.store.remove_enrolments(principal.guid, found.ids):
            return None
        await self._tell(principal, found.factor, is_added=False, incident=incident)
        return found

    async def rename(self, principal: Principal, name_in_forms: str, name: str) -> bool:
        """False if it was not there (any more)."""
        found = next((each for each in await self.of(principal) if each.name_in_forms == name_in_forms), None)
        return found is not None and await self.store.rename_enrolment(principal.guid, found.name_in_forms, name)

    async def _tell(self, principal: Principal, factor: Factor, *, is_added: bool, incident: str) -> None:
        """By mail, and on the number that they used last, or else the directory's: it may be a thief who adds one."""
        number = await number_on_file(self.settings.mobile, self.numbers, self.keys, principal)
        worded = partial(self.notice_of, factor, is_added)
        self.notices.send(principal, number, worded, phone="phone", incident=incident)
