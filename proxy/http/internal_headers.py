"""The header fields that the forwarding plane and the portal speak to each other with.

The portal listens on a private Unix socket; the forwarding plane removes every client-sent copy of these
(any spelling, like all that Gatepost sets itself) before it adds its own.
"""

from __future__ import annotations

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
