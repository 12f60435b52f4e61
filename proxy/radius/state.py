"""The State of an Access-Challenge: where a sign-in stands, sealed, so that nobody else can read, make or use it.

It opens only beside the name that was typed and for the client that it was given to. It is used once. It is text,
because ocserv cuts one off at its first NUL.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field

from proxy.secrets.keys import Keys, Purpose
from proxy.secrets.sealing import seal_bytes, unseal_by_any

USED_SECONDS = 1800.0
"""How long a used State is remembered: longer than a challenge and its session live."""
_LETTERS = re.compile(rb"[\w=-]*")
"""Of base64 as URLs take it. Pythons differ in what they make of others: they read, drop or refuse them, or warn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfWay:
    """What is asked for next, and of whom."""

    session_id: str = field(repr=False)
    challenge_id: str = field(repr=False)


def sealed_state(half_way: HalfWay, keys: Keys, *, client: str, folded_name: str) -> bytes:
    """About 140 letters, no two alike. `folded_name`: one spelling of what was typed as the name."""
    plain = f"{half_way.session_id} {half_way.challenge_id}".encode()
    sealed = seal_bytes(keys.derive(Purpose.RADIUS_STATES), plain, bound_to=_bound_to(client, folded_name))
    return urlsafe_b64encode(sealed)


def opened_state(state: bytes, keys: Keys, *, client: str, folded_name: str) -> HalfWay | None:
    """None for any but ours, for this client and this name."""
    sealed = _sealed_in(state)
    accepted = keys.accepted(Purpose.RADIUS_STATES)
    plain = unseal_by_any(accepted, sealed, bound_to=_bound_to(client, folded_name))
    if plain is None:
        return None
    session_id, _, challenge_id = plain.decode().partition(" ")
    return HalfWay(session_id=session_id, challenge_id=challenge_id)


def name_of_use(state: bytes, keys: Keys) -> bytes:
    """What its one use is counted as."""
    return hmac.digest(keys.derive(Purpose.THROTTLE), b"radius state\0" + state, "sha256")


def _sealed_in(state: bytes) -> bytes:
    """Nothing for one that is written in another way: each has one spelling, so that it is used once."""
    if not _LETTERS.fullmatch(state):
        return b""
    try:
        sealed = urlsafe_b64decode(state)
    except ValueError:
        return b""
    return sealed if urlsafe_b64encode(sealed) == state else b""


def _bound_to(client: str, folded_name: str) -> bytes:
    return f"{client}\0{folded_name}".encode()
