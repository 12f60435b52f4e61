"""The SSH protocol of one connection: asyncssh's, with the algorithms that are offered, and with back-pressure.

The lists are those of ssh-audit's policy "Hardened Debian 12 (version 2)", as far as asyncssh has what they name,
without finite-field key exchanges: they cost so much that a stranger could keep a worker busy with them (DHEat,
CVE-2002-20001), and every client of the last ten years has Curve25519. The hybrid with ML-KEM comes first, as in
OpenSSH 10.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import asyncssh
from asyncssh.kex import get_kex_algs

_WANTED = ("mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org")
KEY_EXCHANGES = tuple(each for each in _WANTED if each.encode() in get_kex_algs())
"""The hybrid needs a `cryptography` with OpenSSL 3.5."""
CIPHERS = (
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-gcm@openssh.com",
    "aes128-ctr",
)
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com")


_LATE_SECONDS = 5.0
"""By so much later asyncssh ends a sign-in that takes too long: it would not say why."""


class SSHTransport(asyncssh.SSHServerConnection):
    """What asyncssh leaves out: it writes on while a client does not read, and has no place for whose connection it is.

    While too much waits to be sent, nothing more is read from the client either: each request of it has an answer.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: asyncssh.SSHServerConnectionOptions,
        *,
        address: str,
    ) -> None:
        super().__init__(loop, options)
        self.address = address
        """The client's, canonical text."""
        self.on_full: Callable[[bool], object] = lambda is_full: None
        """Told when too much waits to be sent, and when it does not any more."""
        self._own_transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._own_transport = cast(asyncio.Transport, transport)
        super().connection_made(transport)

    def pause_writing(self) -> None:
        self._let_read(False)
        self.on_full(True)

    def resume_writing(self) -> None:
        self._let_read(True)
        self.on_full(False)

    def _let_read(self, may: bool) -> None:
        transport = self._own_transport
        if transport is not None and not transport.is_closing():
            (transport.resume_reading if may else transport.pause_reading)()


async def create_options(
    host_key: bytes, server_factory: Callable[[], asyncssh.SSHServer], *, login_seconds: float
) -> asyncssh.SSHServerConnectionOptions:
    """Keyboard-interactive and nothing else, no compression, no configuration of this machine's own SSH."""
    options: asyncssh.SSHServerConnectionOptions = await asyncssh.SSHServerConnectionOptions.construct(
        None,
        config=None,
        server_factory=server_factory,
        server_host_keys=[asyncssh.import_private_key(host_key)],
        server_version="Gatepost",
        kex_algs=KEY_EXCHANGES,
        encryption_algs=CIPHERS,
        mac_algs=MACS,
        compression_algs=None,
        gss_host=None,
        kbdint_auth=True,
        password_auth=False,
        public_key_auth=False,
        host_based_auth=False,
        agent_forwarding=False,
        x11_forwarding=False,
        allow_pty=False,
        login_timeout=login_seconds + _LATE_SECONDS,
    )
    return options
