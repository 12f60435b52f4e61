"""How a connection fails, and that no failure carries a password along."""

from __future__ import annotations

from directory.active_directory.deadline_socket import SILENCE
from directory.active_directory.server_address import ServerAddress


class ConnectionFailed(Exception):
    """The connection is of no use any more. `reason` is for the log: it names the fact, and nobody."""

    def __init__(self, server: ServerAddress, reason: str) -> None:
        super().__init__(f"{server}: {reason}")
        self.server = server
        self.reason = reason

    @property
    def is_silence(self) -> bool:
        """Nothing came in time: the server may be gone, or only slow."""
        return self.reason == SILENCE


def drop_frames(exc: BaseException) -> None:
    """The frames of ldap3 hold the password; an error that is logged or kept must not carry them along."""
    each: BaseException | None = exc
    while each is not None:
        each.__traceback__ = None
        each = each.__cause__ or each.__context__
