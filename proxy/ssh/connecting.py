"""From a permitted target to a connection: names are resolved here, and what is connected to is what was judged."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from proxy.ssh import words
from proxy.ssh.targets import Address, Destination, OwnPlaces, SSHTarget, TargetRefusal, reachable

LOOK_UP_SECONDS = 5.0
CONNECT_SECONDS = 10.0
"""For each address of a target."""
_THREADS = 4
"""Look-ups at once. They are of their own: a slow name here holds up nobody's request."""

LookUp = Callable[[str, int], tuple[Sequence[Address], Collection[Address]]]
"""The addresses of a host, and those of them that are this machine's. Blocks; raises `OSError`."""


class Unreachable(Exception):
    """It cannot be connected to, or may not."""

    def __init__(self, told: str, reason: str) -> None:
        """`told` is for the client, `reason` for the log."""
        super().__init__(reason)
        self.told = told
        self.reason = reason


class Connector:
    """One of a worker. `close` it in the end."""

    def __init__(self, own_ports: Collection[int], *, look_up: LookUp | None = None) -> None:
        """`own_ports`: those that Gatepost listens on."""
        self._own_ports = frozenset(own_ports)
        self._look_up = look_up or look_up_host
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="ssh-names")

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def connect(
        self,
        permitted: Sequence[SSHTarget],
        destination: Destination,
        protocol: Callable[[], asyncio.Protocol],
        *,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> str:
        """The address that is connected to. Raises `Unreachable`.

        `is_wanted` is asked before each address. A name may have hundreds, and nobody counts what goes on after its
        channel is over.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(LOOK_UP_SECONDS):
                addresses, own = await loop.run_in_executor(
                    self._threads, self._look_up, destination.host, destination.port
                )
        except (OSError, UnicodeError) as error:  # a TimeoutError is one, too
            raise Unreachable(words.CANNOT_RESOLVE, f"cannot be resolved: {error or 'no answer'}") from None
        found = reachable(permitted, destination, addresses, OwnPlaces(addresses=own, ports=self._own_ports))
        if isinstance(found, TargetRefusal):
            raise Unreachable(words.NOT_PERMITTED, found.value)
        reason = ""
        for address in found:
            if not is_wanted():
                raise Unreachable(words.SESSION_ENDED, "ended while it was connected to")
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await loop.create_connection(protocol, str(address), destination.port)
            except OSError as error:
                reason = str(error) or "no answer"
            else:
                return str(address)
        raise Unreachable(words.CANNOT_CONNECT, f"cannot be connected to: {reason}")


def look_up_host(host: str, port: int) -> tuple[Sequence[Address], Collection[Address]]:
    """As the system resolves it, in its order."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(ip_address(str(each[4][0])) for each in found))
    return addresses, frozenset(_own(addresses))


def _own(addresses: Iterable[Address]) -> Iterable[Address]:
    """To an address of its own a machine speaks from that same address. Nothing is sent: UDP only notes where to."""
    for address in addresses:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((str(address), 9))
                if ip_address(probe.getsockname()[0]) == address:
                    yield address
        except OSError:
            continue  # there is no way to it
