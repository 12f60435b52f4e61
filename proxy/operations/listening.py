"""Listening sockets, whether for this process or, opened by the supervisor, for the workers that inherit them.

They never block: another worker may already have taken the connection that woke this one.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from config.addresses import ListenAddress
from config.problems import ConfigurationError, ConfigurationProblem, Place
from config.settings import ServerSettings
from config.system_errors import listening_reason

BACKLOG = 1024
HEALTH_SUFFIX = ".health"


class CannotListen(ConfigurationError):
    """An address of `server` cannot be listened on."""

    def __init__(self, key: str, error: OSError) -> None:
        place = Place("server", None, key)
        super().__init__([ConfigurationProblem.at(place, f"cannot listen: {listening_reason(error)}")])


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


def open_listening(server: ServerSettings) -> Listening:
    """Raises `CannotListen`, and leaves nothing open then."""
    with ExitStack() as stack:

        def opened(key: str, addresses: Iterable[ListenAddress]) -> tuple[socket.socket, ...]:
            try:
                return tuple(stack.enter_context(each) for address in addresses for each in bind(*address))
            except OSError as error:
                raise CannotListen(key, error) from error

        listening = Listening(
            listen=opened("listen", server.listen),
            redirect=opened("redirect_listen", server.redirect_listen),
            admin=opened("admin_listen", [server.admin_listen] if server.admin_listen is not None else []),
        )
        stack.pop_all()
        return listening


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
