"""What everybody can prove: asked of the factors themselves, as a sign-in asks them, for all people at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import cast

from config.factors import Factor
from config.settings import Settings
from directory.known_person import KnownPerson
from proxy.factors.enrolment import Enrolment
from proxy.factors.enrolment_store import EnrolmentStore
from proxy.factors.passes.passes import Passes
from proxy.factors.passkey.passkeys import Passkeys
from proxy.factors.second_factor import Chosen, Lack, Unusable
from proxy.rehearsal.rehearse import KnownStanding
from proxy.secrets.keys import Keys
from proxy.sign_in.create import SignInStore, create_passes, second_factors
from proxy.sign_in.walk import ProofPlaces

_NO_PASS = Unusable(factor=Factor.PASS, lack=Lack.PASS, reason="no_pass")


class _KnownEnrolments:
    """What `held_by` asks of an `EnrolmentStore`; of most people nothing is there, and nobody asks for it."""

    def __init__(self, store: EnrolmentStore, there: Collection[str]) -> None:
        self._store = store
        self._there = frozenset(there)

    async def enrolments(self, guid: str) -> tuple[Enrolment, ...]:
        return await self._store.enrolments(guid) if guid in self._there else ()


async def standings(
    settings: Settings, people: Iterable[KnownPerson], store: SignInStore, keys: Keys
) -> dict[tuple[str, str], KnownStanding]:
    """By realm and GUID. Nobody has a pass, and no rule of the moment holds a number back.

    Raises `StoreUnavailable`.
    """
    there = await store.enrolments.guids_with_enrolments()
    enrolments = cast(EnrolmentStore, _KnownEnrolments(store.enrolments, there))
    passes: Passes = create_passes(settings, store.passes, keys)
    passkeys = Passkeys(settings, enrolments, keys)
    factors = second_factors(settings, store.numbers, enrolments, keys, passkeys, passes)
    del factors[Factor.PASS]
    found = {}
    for person in people:
        principal = person.principal
        held: dict[Factor, Chosen | Unusable] = {
            factor: await second.held_by(principal, factor) for factor, second in factors.items()
        }
        held[Factor.PASS] = _NO_PASS
        found[principal.realm, principal.guid] = KnownStanding(person=person, places=ProofPlaces(ways=held, held=held))
    return found
