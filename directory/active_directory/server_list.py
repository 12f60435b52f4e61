"""Which servers a domain has: found when first needed, refreshed when the records expire, the last good list kept.

For all threads; instants are of `time.monotonic`.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable

from directory.active_directory.discovery import DiscoveryFailed, Located, Locator
from directory.active_directory.domain_controller import DomainController
from directory.active_directory.host_addresses import HostAddresses
from directory.active_directory.remembered import Remembered
from directory.errors import DirectoryUnavailable

LOCATE_AGAIN_SECONDS = 30.0
"""How long the last good list is used before DNS is asked again, after DNS gave no servers."""
NOT_FOUND_SECONDS = 1.0
"""How long "no servers found" is answered at once, before a caller waits for DNS again."""


class ServerList:
    def __init__(
        self,
        realm: str,
        locator: Locator,
        context: ssl.SSLContext,
        addresses: HostAddresses,
        *,
        on_change: Callable[[], None],
    ) -> None:
        self.servers: tuple[DomainController, ...] = ()
        """Those known to be gone included; empty before the first were found."""
        self.refresh_at = float("inf")
        self._realm = realm
        self._locator = locator
        self._context = context
        self._addresses = addresses
        self._on_change = on_change
        self._located: Remembered[Located] = Remembered(float("inf"))
        self._not_found: tuple[float, str] | None = None

    def locate(self, deadline: float) -> Located:
        """Where the servers are from. Raises `DirectoryUnavailable` where none was ever found."""
        located = self._located.get(self._find, deadline=deadline)
        if not self.servers:
            self._use(located)
        return located

    def claim_refresh(self, now: float) -> bool:
        """True for the one caller that is to `refresh` now."""
        if not self.servers or now < self.refresh_at:
            return False
        self.refresh_at = now + LOCATE_AGAIN_SECONDS
        return True

    def refresh(self) -> None:
        """Look again; without an answer the last good list stays."""
        try:
            located = self._locator.locate()
        except DiscoveryFailed:
            return
        self._use(located)
        self._located.put(located)

    def _find(self) -> Located:
        if self._not_found is not None and time.monotonic() - self._not_found[0] < NOT_FOUND_SECONDS:
            raise DirectoryUnavailable(self._realm, self._not_found[1])
        try:
            located = self._locator.locate()
        except DiscoveryFailed as exc:
            self._not_found = (time.monotonic(), str(exc))
            raise DirectoryUnavailable(self._realm, str(exc)) from exc
        self._use(located)
        return located

    def _use(self, located: Located) -> None:
        """Servers that were in the list before keep their health and their connections."""
        known = {each.address: each for each in self.servers}
        servers = []
        for candidate in located.candidates:
            server = known.pop(candidate.address, None) or DomainController(candidate, self._context, self._addresses)
            server.rank = candidate.rank
            servers.append(server)
        self.servers = tuple(servers)
        self.refresh_at = time.monotonic() + located.lifetime_seconds
        self._on_change()
        for gone in known.values():
            gone.close()
