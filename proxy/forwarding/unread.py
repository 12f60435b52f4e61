"""Whether a connection holds bytes that were not read yet: closing it now would lose a request."""

from __future__ import annotations

import asyncio
import fcntl
import sys
import termios


def has_unread(transport: asyncio.Transport) -> bool:
    """Asks the system (ioctl_tty(2), FIONREAD): the event loop may not have had its turn since they came."""
    socket = transport.get_extra_info("socket")
    if socket is None or transport.is_closing():
        return False
    count = fcntl.ioctl(socket.fileno(), termios.FIONREAD, bytes(4))
    return int.from_bytes(count, sys.byteorder) > 0
