"""The account that reads: its sign-in, and that it is left alone for a while where it was refused."""

from __future__ import annotations

import time

from directory.active_directory.bind_result import refusal_reason
from directory.active_directory.connection import SUCCESS, Connection, ConnectionFailed, Outcome
from directory.errors import DirectoryMisconfigured

REFUSED_SECONDS = 60.0
"""So long it is not tried again after a refusal, or every sign-in of a person would help to lock it."""


class ServiceAccount:
    """The name and password that reads are made with. For all threads."""

    def __init__(self, name: str, password: str) -> None:
        self.name = name
        self._password = password
        self._refused: tuple[float, str] | None = None
        """When, of `time.monotonic`, and what is said about it."""

    def bind(self, connection: Connection, *, deadline: float) -> Outcome:
        return connection.bind(self.name, self._password.encode("utf-8"), deadline=deadline)

    def sign_in(self, connection: Connection, realm: str, *, deadline: float) -> None:
        """Raises `DirectoryMisconfigured` where the account is refused, `ConnectionFailed` else."""
        outcome = self.bind(connection, deadline=deadline)
        reason = refusal_reason(outcome)
        if reason is not None:
            refusal = f"the service account was refused ({reason.value})"
            self._refused = (time.monotonic(), refusal)
            raise DirectoryMisconfigured(realm, refusal)
        if outcome.code != SUCCESS:
            raise ConnectionFailed(connection.server, f"the service account's bind was answered {outcome.code}")
        self._refused = None

    def require_not_refused(self, realm: str) -> None:
        """Raises `DirectoryMisconfigured` where it was refused lately."""
        refused = self._refused
        if refused is not None and time.monotonic() - refused[0] < REFUSED_SECONDS:
            raise DirectoryMisconfigured(realm, refused[1])
