"""What everybody can prove: asked of the factors themselves, as a sign-in asks them, for all people at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import cast

from config.factors import Factor
from config.settings import Settings
from directory.known_person import KnownPerson
from proxy.factors.enrolment import Enrolment
from proxy.factors.enrolment_store import EnrolmentStore
from proxy.factors.passkey.passkeys import Passkeys
from proxy.factors.second_factor import Chosen, Lack, SecondFactor, Unusable
from proxy.rehearsal.rehearse import KnownStanding, People
from proxy.secrets.keys import Keys
from proxy.sign_in.create import SignInStore, create_passes, second_factors
from proxy.sign_in.walk import ProofPlaces

_NO_PASS = Unusable(factor=Factor.PASS, lack=Lack.PASS, reason="no_pass")
_OTHER_HOST = Unusable(factor=Factor.PASSKEY, lack=Lack.ENROLMENT, reason="made_for_another_host")
_DECIDES_PLACES = ("mobile", "second_factor", "sms", "passcode", "help_desk")
"""The tables that say what somebody can prove; more than enough of them."""


class _KnownEnrolments:
    """What `held_by` asks of an `EnrolmentStore`; of most people nothing is there, and nobody asks for it."""

    def __init__(self, store: EnrolmentStore, there: Collection[str]) -> None:
        self._store = store
        self._there = frozenset(there)
        self._known: dict[str, tuple[Enrolment, ...]] = {}

    async def enrolments(self, guid: str) -> tuple[Enrolment, ...]:
        if guid not in self._there:
            return ()
        if guid not in self._known:
            self._known[guid] = await self._store.enrolments(guid)
        return self._known[guid]


class Standings:
    """Nobody has a pass, and no rule of the moment holds a number back."""

    def __init__(self, store: SignInStore, keys: Keys, *, passkeys_of: str) -> None:
        """`passkeys_of`: the host that they were made for. A browser offers them to no other."""
        self._store = store
        self._keys = keys
        self._passkeys_of = passkeys_of
        self._enrolments: EnrolmentStore | None = None
        self._places: dict[tuple[object, ...], ProofPlaces] = {}

    async def of(self, settings: Settings, people: Iterable[KnownPerson]) -> People:
        """Raises `StoreUnavailable`. What two configurations say alike is asked once."""
        factors = await self._factors(settings)
        has_passkeys = settings.server.public_url.host == self._passkeys_of
        tables = (has_passkeys, *(getattr(settings, name).model_dump_json() for name in _DECIDES_PLACES))
        kinds: dict[tuple[object, ...], int] = {}
        found = {}
        for person in people:
            principal = person.principal
            facts = (tables, principal.realm, principal.guid, principal.mobiles, principal.mail)
            places = self._places.get(facts)
            if places is None:
                places = self._places[facts] = await _places(factors, person, has_passkeys=has_passkeys)
            kind = (
                *(principal.realm, principal.groups, person.refusals),
                *((factor, _kind(way)) for factor, way in places.ways.items()),
            )
            number = kinds.setdefault(kind, len(kinds))
            found[principal.realm, principal.guid] = KnownStanding(person=person, places=places, kind=number)
        return found

    async def _factors(self, settings: Settings) -> dict[Factor, SecondFactor]:
        store, keys = self._store, self._keys
        if self._enrolments is None:
            there = await store.enrolments.guids_with_enrolments()
            self._enrolments = cast(EnrolmentStore, _KnownEnrolments(store.enrolments, there))
        passes, passkeys = create_passes(settings, store.passes, keys), Passkeys(settings, self._enrolments, keys)
        factors = second_factors(settings, store.numbers, self._enrolments, keys, passkeys, passes)
        del factors[Factor.PASS]
        return factors


async def _places(factors: Mapping[Factor, SecondFactor], person: KnownPerson, *, has_passkeys: bool) -> ProofPlaces:
    held: dict[Factor, Chosen | Unusable] = {
        factor: await second.held_by(person.principal, factor) for factor, second in factors.items()
    }
    held[Factor.PASS] = _NO_PASS
    if not has_passkeys and isinstance(held[Factor.PASSKEY], Chosen):
        held[Factor.PASSKEY] = _OTHER_HOST
    return ProofPlaces(ways=held, held=held)


def _kind(way: Chosen | Unusable) -> object:
    """All of it that decides: which one it is, or why there is none."""
    return (way.lack, way.reason) if isinstance(way, Unusable) else (way.factor, way.kind)
