"""When a number was first seen with a person. It stands for the time of its change, if that cannot be read.

Instants are epoch seconds.
"""

from __future__ import annotations

import hmac

from directory.mobile import E164
from directory.principal import Principal
from proxy.factors.passcode.known_numbers import number_digest
from proxy.factors.passcode.passcode_store import NumberStore


async def changed_at(
    store: NumberStore, key: bytes, principal: Principal, number: E164 | None, *, now: float, see: bool
) -> float | None:
    """When the directory's number was last changed, as far as anybody can tell; None if it was not.

    `number` None: that there is none any more. `see`: whether this is the first time, if there was none; else that
    would be now, and is not kept.
    """
    if not principal.is_mobile_change_unread:
        return principal.mobile_changed_at
    digest = number_digest(key, guid=principal.guid, number=number or E164(""))
    name = hmac.digest(digest, b"first seen", "sha256")
    seen_at = await store.first_seen(name, now=now, see=see)
    return now if seen_at is None else seen_at
