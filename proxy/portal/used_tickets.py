"""A Kerberos authenticator opens once, on whatever worker or node: what was used is remembered in the store."""

from __future__ import annotations

import hmac

from directory.kerberos.ticket import KerberosTicket
from proxy.portal.keys import Parts
from proxy.secrets.keys import Purpose
from proxy.throttle.counter_store import Counter

REMEMBERED_SECONDS = 3600.0
"""An authenticator is good for as long as its time and the server's clock differ by five minutes at the most (RFC 4120
section 3.2.3), so for ten in all; Kerberos's own configuration (``clockskew``) may allow more."""


async def is_first_use(parts: Parts, ticket: KerberosTicket) -> bool:
    """Whether nobody showed this one before; from now on somebody has. Raises `StoreUnavailable`."""
    key = hmac.digest(parts.keys.derive(Purpose.THROTTLE), b"ticket\0" + ticket.authenticator, "sha256")
    used = Counter(key=key, limit=1, window_seconds=REMEMBERED_SECONDS)
    return await parts.store.counters.reserve([used], now=parts.clock()) is None
