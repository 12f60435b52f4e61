"""Listening sockets as the settings name them, for a Gatepost of one process."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import ExitStack

from config.addresses import ListenAddress
from config.problems import ConfigurationError, ConfigurationProblem, Place
from config.settings import Settings
from config.system_errors import listening_reason
from proxy.operations.listening import Listening, bind


class CannotListen(ConfigurationError):
    """An address of `table` cannot be listened on."""

    def __init__(self, table: str, key: str, error: OSError) -> None:
        place = Place(table, None, key)
        super().__init__([ConfigurationProblem.at(place, f"cannot listen: {listening_reason(error)}")])


def open_listening(settings: Settings) -> Listening:
    """Raises `CannotListen`, and leaves nothing open then."""
    server = settings.server
    with ExitStack() as stack:

        def opened(key: str, addresses: Iterable[ListenAddress], table: str = "server") -> tuple[socket.socket, ...]:
            try:
                return tuple(stack.enter_context(each) for address in addresses for each in bind(*address))
            except OSError as error:
                raise CannotListen(table, key, error) from error

        listening = Listening(
            listen=opened("listen", server.listen),
            redirect=opened("redirect_listen", server.redirect_listen),
            admin=opened("admin_listen", [server.admin_listen] if server.admin_listen is not None else []),
            ssh=opened("listen", settings.ssh.listen, "ssh"),
        )
        stack.pop_all()
        return listening
