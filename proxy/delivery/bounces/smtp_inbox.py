"""A small SMTP server (RFC 5321) that takes mail for our own senders from known machines, and forwards nothing.

Bounded in size, connections, time and mails a minute. A server that is turned away with a 4yz tries again later.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Callable, Sequence
from ipaddress import IPv6Address, ip_address
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session

from config.addresses import Network
from config.certificates import load_pair
from config.system_errors import listening_reason
from config.tables.bounces import BouncesSettings
from proxy.delivery.bounces.desk import BounceDesk
from proxy.delivery.bounces.report import MAX_REPORT_BYTES
from proxy.operations.store_errors import StoreError

MOST_CONNECTIONS = 8
MOST_A_MINUTE = 120
TIMEOUT_SECONDS = 30.0
_AGAIN_SECONDS = 2.0
_MAX_MAIL_BYTES = 4 * MAX_REPORT_BYTES
"""Larger mails are refused. Of smaller ones only the beginning is read."""


class SMTPInbox:
    """`trouble` says what is wrong, or is None; `address` is where it listens, while it listens."""

    def __init__(self, settings: BouncesSettings, desk: BounceDesk, *, most_a_minute: int = MOST_A_MINUTE) -> None:
        """Raises `OSError` where the certificate can't be read."""
        self._most_a_minute = most_a_minute
        self._settings = settings
        self._desk = desk
        self._tls = server_tls(settings)
        self._connections: set[_SMTPConnection] = set()
        self.trouble: str | None = None
        self.address: tuple[str, int] | None = None

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    await self._serve()
                except OSError as error:
                    self.trouble = f"bounces.listen: cannot listen: {listening_reason(error)}"
                await asyncio.sleep(_AGAIN_SECONDS)
        finally:
            self.trouble = None

    async def _serve(self) -> None:
        listen = self._settings.listen
        if listen is None:
            return
        handler = _Handler(self._desk, self._settings.networks, self._most_a_minute, asyncio.get_running_loop().time)
        server = await asyncio.get_running_loop().create_server(
            lambda: _SMTPConnection(handler, self._tls, self._connections), *listen
        )
        try:
            self.address = server.sockets[0].getsockname()[:2]
            self.trouble = None
            while True:
                await asyncio.sleep(_AGAIN_SECONDS)
                try:
                    await self._desk.try_again()
                    self.trouble = None
                except StoreError as error:
                    self.trouble = str(error)
        finally:
            self.address = None
            server.close()
            for each in list(self._connections):
                each.abort()


def server_tls(settings: BouncesSettings) -> ssl.SSLContext | None:
    """None without a certificate. Raises `UnusableFile` where it can't be read or used."""
    if settings.tls_certificate is None:
        return None
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    load_pair(tls, settings.tls_certificate, settings.tls_key or settings.tls_certificate)
    return tls


class _SMTPConnection(SMTP):
    """One client, unless there are too many or it comes from elsewhere."""

    def __init__(self, handler: _Handler, tls: ssl.SSLContext | None, connections: set[_SMTPConnection]) -> None:
        super().__init__(
            handler,
            data_size_limit=_MAX_MAIL_BYTES,
            hostname="gatepost",
            ident="Gatepost",
            tls_context=tls,
            require_starttls=tls is not None,
            timeout=TIMEOUT_SECONDS,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
            command_call_limit={"*": 50},
            loop=asyncio.get_running_loop(),
        )
        self._inbox = handler
        self._all = connections

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._all.add(self)
        if len(self._all) > MOST_CONNECTIONS or not self._inbox.lets_in(transport.get_extra_info("peername")):
            transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._all.discard(self)
        super().connection_lost(error)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()  # type: ignore[attr-defined]  # it is that of a socket


class _Handler:
    """The hooks of aiosmtpd, which fix their names and signatures."""

    def __init__(
        self, desk: BounceDesk, networks: Sequence[Network], most_a_minute: int, monotonic: Callable[[], float]
    ) -> None:
        self._desk = desk
        self._networks = networks
        self._monotonic = monotonic
        self._taken_at: deque[float] = deque(maxlen=most_a_minute)

    def lets_in(self, peer: object) -> bool:
        """By the address of the other side; False where it has none."""
        if not isinstance(peer, tuple):
            return False
        address = ip_address(peer[0].partition("%")[0])
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.lower() not in self._desk.senders:
            return "550 5.7.1 Nobody here has this address"
        if envelope.rcpt_tos:
            return "452 4.5.3 One recipient at a time"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        now = self._monotonic()
        if len(self._taken_at) == self._taken_at.maxlen and now - self._taken_at[0] < 60:
            return "451 4.3.2 Too many at once"
        self._taken_at.append(now)
        content = envelope.original_content or b""
        try:
            await self._desk.take(content[:MAX_REPORT_BYTES])
        except StoreError:
            return "451 4.3.0 Not now"
        return "250 2.0.0 OK"

    async def handle_exception(self, error: Exception) -> str:
        """The library would quote it, and its own log the whole mail."""
        return "451 4.3.0 Something went wrong"
