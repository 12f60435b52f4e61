"""The header fields that the forwarding plane and the portal speak to each other with.

The portal listens on a private Unix socket; the forwarding plane removes every client-sent copy of these
(any spelling, like all that Gatepost sets itself) before it adds its own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

CLIENT_ADDRESS = "X-Gatepost-Client-Address"
"""The client's IP address after `trusted_proxies` was applied."""
CLIENT_SCHEME = "X-Gatepost-Client-Scheme"
"""``http`` or ``https``, as the browser sees it."""
CLIENT_HOST = "X-Gatepost-Client-Host"
"""The host that the browser asked for: lower case, no port, no trailing dot."""
KEPT_TARGET = "X-Gatepost-Kept-Target"
"""On a request that is to be kept: the target that it was sent to."""
KEPT_SCHEME = "X-Gatepost-Kept-Scheme"
"""On a request that is to be kept: the scheme whose factors its sender has yet to prove; none: who must sign in."""
INCIDENT = "X-Gatepost-Incident"
"""The incident id of this request: shown on every page of Gatepost's own and written to the log."""

_INCIDENT = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class NotFromThePlane(Exception):
    """A request without the plane's own fields: nothing in it can be trusted, so it gets no answer."""


class ReceivedFields(Protocol):
    """The header fields of a request: multidict's, whatever the case of a name."""

    def getall(self, key: str, default: list[str]) -> list[str]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenIn:
    """What the forwarding plane says of a request that it took in."""

    client_address: str
    host: str
    incident: str


def read_taken_in(headers: ReceivedFields) -> TakenIn:
    """Raises `NotFromThePlane`."""
    address, host, incident = (_single(headers, name) for name in (CLIENT_ADDRESS, CLIENT_HOST, INCIDENT))
    if not _INCIDENT.fullmatch(incident):
        raise NotFromThePlane
    return TakenIn(client_address=address, host=host, incident=incident)


def _single(headers: ReceivedFields, name: str) -> str:
    values = headers.getall(name, [])
    if len(values) != 1 or not values[0]:
        raise NotFromThePlane
    return values[0]
