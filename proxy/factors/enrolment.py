"""What a person has added to themselves to prove a factor with: an authenticator app, a passkey, a recovery code.

Its secret is sealed under the server's key, bound to the person and to the enrolment. Instants are epoch seconds.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field, replace

from config.factors import Factor
from directory.principal import Account, Principal
from proxy.secrets.keys import Keys, Purpose
from proxy.secrets.sealing import seal_again, seal_bytes, unseal_by_any

UNUSED = -1
"""The counter of one that was never used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    enrolment_id: str
    """128 random bits in hexadecimal. Names it in forms and commands; knowing it opens nothing."""
    guid: str
    realm: str
    factor: Factor
    name: str
    """As its person called it."""
    made_at: float
    used_at: float | None = None
    sealed: bytes = field(repr=False)
    """AES-256-GCM under the server's key: nonce and ciphertext."""
    counter: int = UNUSED
    """The last step of a clock, or the last signature counter, that was used."""
    lookup: bytes = field(default=b"", repr=False)
    """By what it is found while its person is not known: no two have the same one. Empty: it is not found so."""


def is_of(enrolment: Enrolment, person: Account | Principal) -> bool:
    """Whether it is this person's. The GUID alone does not say so: another realm may have it, too."""
    return (enrolment.realm, enrolment.guid) == (person.realm, person.guid)


def seal_enrolment(
    keys: Keys,
    principal: Principal,
    factor: Factor,
    secret: bytes,
    *,
    name: str,
    counter: int = UNUSED,
    lookup: bytes = b"",
    now: float,
) -> Enrolment:
    """A new enrolment of this person, not yet stored."""
    enrolment_id = secrets.token_hex(16)  # it is typed after a command, so it must not begin with a dash
    bound_to = _bound_to(principal.realm, principal.guid, enrolment_id)
    return Enrolment(
        enrolment_id=enrolment_id,
        guid=principal.guid,
        realm=principal.realm,
        factor=factor,
        name=name,
        made_at=now,
        sealed=seal_bytes(keys.derive(Purpose.ENROLMENTS), secret, bound_to=bound_to),
        counter=counter,
        lookup=lookup,
    )


def open_enrolment(keys: Keys, enrolment: Enrolment) -> bytes | None:
    """Its secret; None if no key that is still accepted has sealed it, or not for this person."""
    bound_to = _bound_to(enrolment.realm, enrolment.guid, enrolment.enrolment_id)
    return unseal_by_any(keys.accepted(Purpose.ENROLMENTS), enrolment.sealed, bound_to=bound_to)


def resealed(keys: Keys, enrolment: Enrolment) -> Enrolment | None:
    """The same under the key in use; None if it is sealed with that one, or can no longer be opened."""
    key, accepted = keys.derive(Purpose.ENROLMENTS), keys.accepted(Purpose.ENROLMENTS)
    bound_to = _bound_to(enrolment.realm, enrolment.guid, enrolment.enrolment_id)
    sealed = seal_again(key, enrolment.sealed, keys=accepted, bound_to=bound_to)
    return None if sealed is None else replace(enrolment, sealed=sealed)


def _bound_to(realm: str, guid: str, enrolment_id: str) -> bytes:
    return f"{realm}\0{guid}\0{enrolment_id}".encode()
