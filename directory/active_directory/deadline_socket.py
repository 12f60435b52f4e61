"""Sockets whose every wait ends at one deadline, and which take no endless answer; and how a connection fails.

No failure holds a password. Instants are of `time.monotonic`.
"""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path
from typing import Any

from config.certificates import client_context
from config.system_errors import SILENCE
from directory.active_directory.messages import MAX_ANSWER_BYTES
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


class Patience:
    """How long to wait and how much to take, shared by the sockets of one connection."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.received = 0
        """Bytes since the operation began."""

    def begin(self, deadline: float) -> None:
        """Another operation."""
        self.deadline = deadline
        self.received = 0

    def seconds_left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(SILENCE)
        return left


class _Deadline:
    """ldap3's socket, but each wait ends at the deadline: a plain time-out starts again with every byte."""

    patience: Patience

    def recv(self, size: int = 1024, flags: int = 0) -> bytes:
        self.settimeout(self.patience.seconds_left())  # type: ignore[attr-defined]
        data: bytes = super().recv(size, flags)  # type: ignore[misc]
        self.patience.received += len(data)
        if self.patience.received > MAX_ANSWER_BYTES:
            raise OSError("answer too large")
        return data

    def sendall(self, data: Any, flags: int = 0) -> None:
        self.settimeout(self.patience.seconds_left())  # type: ignore[attr-defined]
        super().sendall(data, flags)  # type: ignore[misc]


class DeadlineTLSSocket(_Deadline, ssl.SSLSocket):
    """Made by a context of `create_tls_context`; `patience` is set before it is used."""


class _DeadlinePlainSocket(_Deadline, socket.socket):
    """Before StartTLS."""


def limited(plain: socket.socket, patience: Patience) -> socket.socket:
    """`plain`, with every wait ended at the deadline."""
    made = _DeadlinePlainSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
    made.patience = patience
    return made


def create_tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """A context that demands a certificate of `ca_file` (None: the system's authorities) for the very name asked for.

    One per directory: making it reads the certificates, which takes longer than a sign-in. Raises
    `UnusableFile`.
    """
    context = client_context(ca_file)
    context.sslsocket_class = DeadlineTLSSocket
    return context
