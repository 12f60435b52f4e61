"""How a connection fails, without a password in any failure."""

from __future__ import annotations

from directory.active_directory.deadline_socket import SILENCE
from directory.active_directory.server_address import ServerAddress


class ConnectionFailed(Exception):
    """The connection is unusable. `reason` is for the log: it names the fact, and no person."""

    def __init__(self, server: ServerAddress, reason: str) -> None:
        super().__init__(f"{server}: {reason}")
        self.server = server
        self.reason = reason

    @property
    def is_silence(self) -> bool:
        """Nothing arrived in time: the server may be down, or only slow."""
        return self.reason == SILENCE


def drop_frames(exc: BaseException) -> None:
    """The frames of ldap3 hold the password; an error that is logged or kept must not carry them along."""
    each: BaseException | None = exc
    while each is not None:
        each.__traceback__ = None
        each = each.__cause__ or each.__context__
