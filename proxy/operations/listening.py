"""Listening sockets, whether for this process or, opened by the supervisor, for the workers that inherit them.

They never block: another worker may already have taken the connection that woke this one. The supervisor imports this,
so nothing here reads settings.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

BACKLOG = 1024
RECEIVE_BYTES = 1 << 20
HEALTH_SUFFIX = ".health"


def bind(host: str, port: int) -> list[socket.socket]:
    """One for each address that `host` stands for. Raises `OSError`, and leaves nothing open then."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    listeners: list[socket.socket] = []
    try:
        for family, _, _, _, address in dict.fromkeys(found):
            listener = socket.create_server(
                (str(address[0]), int(address[1])),
                family=family,
                backlog=BACKLOG,
                # "[::]" is every address of the machine, not only those of IPv6.
                dualstack_ipv6=address[0] == "::" and socket.has_dualstack_ipv6(),
            )
            listener.setblocking(False)
            listeners.append(listener)
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def bind_udp(host: str, port: int) -> list[socket.socket]:
    """The same for datagrams; nobody shares them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
    with ExitStack() as stack:
        opened = []
        for family, kind, protocol, _, address in dict.fromkeys(found):
            each = stack.enter_context(socket.socket(family, kind, protocol))
            each.setblocking(False)
            if family == socket.AF_INET6:
                each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, address[0] != "::")
            # As much as the system lets us have: a burst must not be lost.
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            each.bind(address)
            opened.append(each)
        stack.pop_all()
    return opened


def name_of(listener: socket.socket) -> tuple[str, int]:
    """Its address as bound; of a Unix socket, its path and 0."""
    name = listener.getsockname()
    return (name, 0) if isinstance(name, str) else (name[0], name[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """What one process accepts on."""

    listen: tuple[socket.socket, ...]
    redirect: tuple[socket.socket, ...] = ()
    """Where plain http is redirected to https."""
    admin: tuple[socket.socket, ...] = ()
    ssh: tuple[socket.socket, ...] = ()
    """Of the jump host."""

    @property
    def ports(self) -> frozenset[int]:
        """Every one that is listened on."""
        return frozenset(name_of(each)[1] for each in (*self.listen, *self.redirect, *self.admin, *self.ssh))


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPlace:
    """What a supervisor tells its worker."""

    number: int
    """Of all workers since the start: in the log and in the metrics."""
    folder: Path
    """Where workers have their Unix sockets; only this user may enter it."""
    listening: Listening

    @property
    def health_socket(self) -> Path:
        """The socket on which it reports its health and metrics."""
        return self.folder / f"{self.number}{HEALTH_SUFFIX}"

    @property
    def portal_socket(self) -> Path:
        return self.folder / f"{self.number}.portal"
