"""The State of an Access-Challenge: where a sign-in stands, sealed, so that nobody else can read, make or use it.

It opens only beside the name that was typed and for the client that it was given to. It is used once.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from proxy.secrets.keys import Keys, Purpose
from proxy.secrets.sealing import seal_bytes, unseal_bytes

USED_SECONDS = 1800.0
"""How long a used State is remembered: longer than a challenge and its session live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfWay:
    """What is asked for next, and of whom."""

    session_id: str = field(repr=False)
    challenge_id: str = field(repr=False)


def sealed_state(half_way: HalfWay, keys: Keys, *, client: str, folded_name: str) -> bytes:
    """About 105 bytes, no two alike. `folded_name`: one spelling of what was typed as the name."""
    plain = f"{half_way.session_id} {half_way.challenge_id}".encode()
    return seal_bytes(keys.derive(Purpose.RADIUS_STATES), plain, bound_to=_bound_to(client, folded_name))


def opened_state(state: bytes, keys: Keys, *, client: str, folded_name: str) -> HalfWay | None:
    """None for any but ours, for this client and this name."""
    for key in keys.accepted(Purpose.RADIUS_STATES):
        plain = unseal_bytes(key, state, bound_to=_bound_to(client, folded_name))
        if plain is not None:
            session_id, _, challenge_id = plain.decode().partition(" ")
            return HalfWay(session_id=session_id, challenge_id=challenge_id)
    return None


def name_of_use(state: bytes, keys: Keys) -> bytes:
    """What its one use is counted as."""
    return hmac.digest(keys.derive(Purpose.THROTTLE), b"radius state\0" + state, "sha256")


def _bound_to(client: str, folded_name: str) -> bytes:
    return f"{client}\0{folded_name}".encode()
