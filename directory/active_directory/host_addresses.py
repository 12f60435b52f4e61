"""The IP addresses of hosts, looked up within a deadline, the last good ones kept.

`getaddrinfo` knows no deadline and may take half a minute where DNS is silent, so each lookup runs in a thread that
nobody has to wait for; there is never more than one for a host. Instants are of `time.monotonic`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future

from config.addresses import is_ip

FRESH_SECONDS = 30.0
_WAIT_WITH_OLD_ONES_SECONDS = 0.2

LookUp = Callable[[str], Sequence[str]]
"""The addresses of a host, in the order in which to try them; `OSError` or `UnicodeError` where there are none."""


class HostUnknown(Exception):
    """No address is known. The text is for the log."""


def system_addresses(host: str) -> Sequence[str]:
    """As the operating system resolves the name."""
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[4][0]) for address in found))


class HostAddresses:
    """For all threads."""

    def __init__(self, look_up: LookUp = system_addresses, *, fresh_seconds: float = FRESH_SECONDS) -> None:
        self._fresh_seconds = fresh_seconds
        self._look_up = look_up
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Sequence[str]]] = {}
        self._running: dict[str, Future[Sequence[str]]] = {}

    def of(self, host: str, *, deadline: float) -> Sequence[str]:
        """Raises `HostUnknown`. If a lookup fails or takes long, the old addresses are used, if there are any."""
        if is_ip(host):
            return (host,)
        with self._lock:
            known = self._known.get(host)
            if known is not None and time.monotonic() - known[0] < self._fresh_seconds:
                return known[1]
            running = self._running.get(host) or self._start(host)
        wait = deadline - time.monotonic()
        if known is not None:
            wait = min(wait, _WAIT_WITH_OLD_ONES_SECONDS)
        try:
            return running.result(max(0.0, wait))
        except TimeoutError as exc:
            reason, cause = "DNS does not answer in time", exc
        except (OSError, UnicodeError) as exc:
            reason, cause = "name not found in DNS", exc  # type: ignore[assignment]
        if known is not None:
            return known[1]
        raise HostUnknown(reason) from cause

    def _start(self, host: str) -> Future[Sequence[str]]:
        future: Future[Sequence[str]] = Future()
        try:
            threading.Thread(target=self._run, args=(host, future), name="host-addresses", daemon=True).start()
        except RuntimeError as exc:
            future.set_exception(OSError(str(exc)))
        else:
            self._running[host] = future
        return future

    def _run(self, host: str, future: Future[Sequence[str]]) -> None:
        failure: OSError | UnicodeError | None = None
        addresses: Sequence[str] = ()
        try:
            addresses = self._look_up(host)
        except (OSError, UnicodeError) as exc:
            failure = exc
        finally:  # after any error: a lookup that never seemed to end would be the last one
            with self._lock:
                del self._running[host]
                if addresses:
                    self._known[host] = (time.monotonic(), addresses)
            if addresses:
                future.set_result(addresses)
            else:
                future.set_exception(failure or OSError("no address"))
