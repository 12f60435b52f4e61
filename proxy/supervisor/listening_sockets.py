"""The listening sockets of all workers: opened once, inherited by each, and kept over every rolling restart.

All workers share one queue for each address. Any worker can serve a waiting connection, so none is lost when a worker
goes. With a socket for each worker (SO_REUSEPORT) those in its queue would be reset.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping

from config.system_errors import listening_reason
from proxy.operations.listening import Listening, bind
from proxy.supervisor.orders import Address, Outline

_Place = tuple[str, Address, int]
"""A key of the configuration, an address, and how often it stood there before (only port 0 may, several times)."""
_KEYS = {
    "listen": "server.listen",
    "redirect": "server.redirect_listen",
    "admin": "server.admin_listen",
    "ssh": "ssh.listen",
}


class CannotOpen(Exception):
    """`problems` names each address that cannot be listened on."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class ListeningSockets:
    """Those in force. `open` what a configuration asks for, then `keep` it or `drop` it."""

    def __init__(self, activated: Mapping[str, list[socket.socket]] | None = None) -> None:
        """`activated` were opened by systemd and stand for good: ``redirect``, ``admin`` and ``ssh`` by
        name, others listen."""
        self._given: dict[str, list[socket.socket]] = {}
        for name, sockets in (activated or {}).items():
            self._given.setdefault(name if name in _KEYS else "listen", []).extend(sockets)
        self._open: dict[_Place, list[socket.socket]] = {}

    def open(self, outline: Outline) -> Listening:
        """Sockets that are already open stay as they are. Raises `CannotOpen` and changes nothing then."""
        wanted = _places(outline, without=self._given)
        opened: dict[_Place, list[socket.socket]] = {}
        problems = []
        for place in wanted:
            if place not in self._open:
                key, (host, port), _ = place
                try:
                    opened[place] = bind(host, port)
                except OSError as exc:
                    problems.append(f"{_KEYS[key]}: cannot listen on {host}:{port}: {listening_reason(exc)}")
        if problems:
            _close(opened.values())
            raise CannotOpen(problems)
        self._open |= opened
        return Listening(
            listen=self._of("listen", wanted),
            redirect=self._of("redirect", wanted),
            admin=self._of("admin", wanted),
            ssh=self._of("ssh", wanted),
        )

    def keep(self, outline: Outline) -> None:
        """Close what this configuration does not ask for."""
        wanted = set(_places(outline, without=self._given))
        _close(self._open.pop(place) for place in list(self._open) if place not in wanted)

    def close(self) -> None:
        """All that were opened here; systemd's stay its own."""
        _close(self._open.values())
        self._open.clear()

    def _of(self, key: str, wanted: Iterable[_Place]) -> tuple[socket.socket, ...]:
        given = self._given.get(key, [])
        return (*given, *(each for place in wanted if place[0] == key for each in self._open[place]))


def _places(outline: Outline, *, without: Iterable[str]) -> list[_Place]:
    addresses = {"listen": outline.listen, "redirect": outline.redirect, "admin": outline.admin, "ssh": outline.ssh}
    return [
        (key, address, found[:position].count(address))
        for key, found in addresses.items()
        if key not in without
        for position, address in enumerate(found)
    ]


def _close(groups: Iterable[list[socket.socket]]) -> None:
    for group in groups:
        for each in group:
            each.close()
