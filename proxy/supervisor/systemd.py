"""What systemd passes to a service and expects from it: sd_notify(3), sd_watchdog_enabled(3), sd_listen_fds(3).

Without systemd the variables are missing, and all of this does nothing.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

_FIRST_DESCRIPTOR = 3
VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")
"""Meant for this process alone: children do not get them."""


class SystemdNotifier:
    """Tells the service manager the state of the service. If that fails the notice is lost, but serving continues."""

    def __init__(self, path: str | None) -> None:
        """`path` is ``NOTIFY_SOCKET``; one that begins with ``@`` is abstract."""
        self._address = "\0" + path[1:] if path is not None and path.startswith("@") else path

    def ready(self, status: str) -> None:
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        self._send(
            "RELOADING=1",
            f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}",
            "STATUS=Reading the configuration",
        )

    def stopping(self) -> None:
        self._send("STOPPING=1", "STATUS=Finishing what is in flight")

    def is_alive(self) -> None:
        self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                sender.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            pass


def watchdog_seconds(environ: Mapping[str, str], process_id: int) -> float | None:
    """How often systemd wants to hear that the service is alive; None if it does not ask."""
    wanted = environ.get("WATCHDOG_USEC", "")
    if not wanted.isascii() or not wanted.isdigit() or int(wanted) == 0:
        return None
    if environ.get("WATCHDOG_PID", str(process_id)) != str(process_id):
        return None
    return int(wanted) / 1e6


def activated_sockets(environ: Mapping[str, str], process_id: int) -> dict[str, list[socket.socket]]:
    """The listening sockets that systemd opened, by name (``FileDescriptorName=``)."""
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(process_id) or not count.isascii() or not count.isdigit():
        return {}
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, list[socket.socket]] = {}
    for position in range(int(count)):
        descriptor = _FIRST_DESCRIPTOR + position
        os.set_inheritable(descriptor, False)
        listener = socket.socket(fileno=descriptor)
        listener.setblocking(False)
        found.setdefault(names[position] if position < len(names) else "", []).append(listener)
    return found
