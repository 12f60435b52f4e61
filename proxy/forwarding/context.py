"""What all client connections of a worker share: facts of the configuration, services, and the moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from config.addresses import PublicURL
from proxy.forwarding.admissions import Admissions
from proxy.forwarding.routes import Route
from proxy.languages.choice import Languages
from proxy.operations.metrics import Metrics
from proxy.operations.traffic_metrics import AppTraffic
from proxy.pages.look import HouseLook
from proxy.sessions.credential_use import CredentialUses
from proxy.sessions.kept_requests import KeptRequests
from proxy.sessions.live_sessions import LiveSessions
from proxy.tracing.spans import Traces
from proxy.upstreams.pool import UpstreamPool


class Moment:
    """What changes for all of them at once. The plane alone writes it."""

    __slots__ = ("is_closing", "keep_alive_timeout", "now")

    def __init__(self, *, keep_alive_timeout: float) -> None:
        self.now = 0.0
        """The event loop's time at the last tick; seconds."""
        self.is_closing = False
        """Whether each answer is the last on its connection."""
        self.keep_alive_timeout = keep_alive_timeout
        """How long a connection may wait for its next request, in seconds: shorter once the plane is closing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Of one worker."""

    moment: Moment
    public_url: PublicURL
    transport_security: bytes | None
    """The ``Strict-Transport-Security`` line of answers over https."""
    max_head_bytes: int
    head_timeout: float
    min_body_rate: int
    """Bytes a second."""
    reads_forwarded: bool
    """Whether trusted proxies say in ``Forwarded``, and not in ``X-Forwarded-*``, whom they speak for."""
    routes: Mapping[bytes, Route]
    """By host as it is compared."""
    app_hosts: frozenset[bytes]
    portal_route: Route
    pools: Mapping[str, UpstreamPool]
    """By the upstream's name, as is `traffic`."""
    traffic: Mapping[str, AppTraffic]
    sessions: LiveSessions
    credential_uses: CredentialUses
    admissions: Admissions
    kept_requests: KeptRequests
    look: HouseLook
    languages: Languages
    metrics: Metrics
    log: FilteringBoundLogger
    traces: Traces | None
    """None: nothing is traced."""
    clock: Callable[[], float]
    """Epoch seconds."""
