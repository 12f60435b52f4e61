"""One LDAP connection to one domain controller, always inside verified TLS: the only importer of ldap3.

ldap3 2.9.1 is used to connect, for StartTLS and for a change of password; all else is `messages`. Its defaults that
would betray a password are closed here: it verifies no certificate, follows referrals with the password, and opens a
lost connection again in clear. Deadlines are instants of `time.monotonic`. A connection is one thread's at a time.
"""

from __future__ import annotations

import math
import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPException
from pyasn1.error import PyAsn1Error  # type: ignore[import-untyped]

from config.system_errors import SILENCE, connection_reason, tls_reason
from directory.active_directory.deadline_socket import (
    ConnectionFailed,
    DeadlineTLSSocket,
    Patience,
    drop_frames,
    limited,
)
from directory.active_directory.host_addresses import HostAddresses, HostUnknown
from directory.active_directory.messages import (
    DONE,
    ENTRY,
    REFERENCE,
    LDAPResult,
    Search,
    SearchAnswer,
    bind_request,
    decode_bound,
    decode_done,
    decode_entry,
    message_end,
    message_id_of,
    search_request,
    unbind_request,
)
from directory.active_directory.server_address import ServerAddress
from directory.password import are_usable_octets

_CONNECT_SECONDS = 3.0
_KEEP_ALIVE_SECONDS = 60
_RECEIVE_BYTES = 64 * 1024
_RECEIVE_AT_ONCE = 4 * 1024 * 1024
_CONNECTION_ERRORS = (
    # What ldap3 raises for a broken connection, and what its decoder raises for bytes that are not LDAP.
    LDAPException,
    PyAsn1Error,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


class Connection:
    """Opened by `open`, ended by `close`. Any method may raise `ConnectionFailed`; then only `close` is left."""

    def __init__(self, server: ServerAddress, connection: Any) -> None:
        self.server = server
        self._ldap = connection
        self._tls: _VerifiedTLS = connection.server.tls
        self._patience = self._tls.patience
        self._unread = bytearray()

    @classmethod
    def open(
        cls,
        server: ServerAddress,
        context: ssl.SSLContext,
        *,
        deadline: float,
        addresses: HostAddresses | None = None,
    ) -> Connection:
        """Connect, and finish the TLS handshake with the name checked. `ldap://` always means StartTLS."""
        try:
            found = (addresses or HostAddresses()).of(server.host, deadline=deadline)
        except HostUnknown as exc:
            raise ConnectionFailed(server, str(exc)) from exc
        failure = ConnectionFailed(server, "has no address")
        for position, address in enumerate(found):
            seconds_left = deadline - time.monotonic()
            if seconds_left <= 0:
                raise ConnectionFailed(server, SILENCE)
            try:
                return cls._open_address(server, context, address, deadline, seconds_left / (len(found) - position))
            except ConnectionFailed as exc:
                failure = exc
        raise failure

    @classmethod
    def _open_address(
        cls, server: ServerAddress, context: ssl.SSLContext, address: str, deadline: float, connect_seconds: float
    ) -> Connection:
        tls = _VerifiedTLS(context, server.host, deadline)
        # One ldap3 server object for each: threads that shared one would change its `current_address`.
        ldap_server = ldap3.Server(
            address,
            port=server.port,
            use_ssl=server.scheme == "ldaps",
            get_info=ldap3.NONE,
            connect_timeout=max(0.1, min(_CONNECT_SECONDS, connect_seconds)),
            allowed_referral_hosts=[],
            tls=tls,
        )
        connection = ldap3.Connection(
            ldap_server,
            client_strategy=ldap3.SYNC,
            auto_referrals=False,
            auto_range=False,
            auto_escape=False,
            check_names=False,
            raise_exceptions=False,
            return_empty_attributes=False,
            receive_timeout=max(1, math.ceil(deadline - time.monotonic())),
        )
        opened = cls(server, connection)
        try:
            with opened._failures_translated(deadline):
                connection.open(read_server_info=False)
                if server.scheme == "ldap":
                    connection.socket = limited(connection.socket, tls.patience)
                    connection.start_tls(read_server_info=False)
                opened._require_tls()
        except ConnectionFailed:
            opened.close()
            raise
        return opened

    @property
    def peer(self) -> str:
        """The server behind it, by its IP address too: a name may be that of several."""
        return f"{self.server} at {self._ldap.server.host}"

    def bind(self, name: str, password: bytes, *, deadline: float) -> LDAPResult:
        """One simple bind, sent once. Compare `code` with `SUCCESS`, and nothing else.

        Raises `ValueError` for a name or password that LDAP would take for an anonymous or unauthenticated bind
        (RFC 4513 section 5.1), which AD answers with success.
        """
        if not name or not are_usable_octets(password):
            raise ValueError("not a name and a password to bind with")
        with self._failures_translated(deadline):
            self._require_tls()
            message_id = int(self._ldap.server.next_message_id())
            # Not by ldap3, which treats an answer without a result code as success.
            self._ldap.socket.sendall(bind_request(message_id, name, password))
            return decode_bound(self._next_message(message_id))

    def change_password(self, dn: str, old: bytes, new: bytes, *, deadline: float) -> LDAPResult:
        """One modify of `unicodePwd` that deletes `old` and adds `new` (MS-ADTS section 3.1.1.3.1.5), sent once."""
        if not dn or not old or not new:
            raise ValueError("without the old value it would be a reset")
        try:
            with self._failures_translated(deadline):
                self._require_tls()
                self._ldap.modify(dn, {"unicodePwd": [(ldap3.MODIFY_DELETE, [old]), (ldap3.MODIFY_ADD, [new])]})
                return self._outcome("modifyResponse")
        finally:
            self._ldap.request = None

    def search(self, search: Search, *, deadline: float) -> SearchAnswer:
        with self._failures_translated(deadline):
            message_id = self._send(search)
            entries = []
            while True:
                message = self._next_message(message_id)
                _, tag, _ = message_id_of(message)
                if tag == ENTRY:
                    entries.append(decode_entry(message))
                elif tag == DONE:
                    return SearchAnswer(outcome=decode_done(message)[0], entries=entries)
                elif tag != REFERENCE:
                    raise ValueError("not an answer to a search")

    def ask_for_page(self, search: Search, *, deadline: float) -> int:
        """Send a search for one page (RFC 2696); the message id of the answers, which `receive` brings."""
        with self._failures_translated(deadline):
            return self._send(search)

    def receive(self, *, wait: bool, deadline: float) -> bytes:
        """What has arrived, undecoded; without `wait` possibly nothing. For pages only."""
        with self._failures_translated(deadline):
            self._require_tls()
            tls_socket: ssl.SSLSocket = self._ldap.socket
            received = bytearray()
            while wait or tls_socket.pending() or select.select([tls_socket], [], [], 0)[0]:
                received += self._received()
                if len(received) >= _RECEIVE_AT_ONCE:
                    break
                wait = False
            return bytes(received)

    def _send(self, search: Search) -> int:
        self._require_tls()
        message_id = int(self._ldap.server.next_message_id())
        self._ldap.socket.sendall(search_request(message_id, search))
        return message_id

    def _next_message(self, message_id: int) -> bytes:
        """The next answer to this request. An unsolicited message means that the server ends the connection."""
        while (end := message_end(self._unread, 0)) is None or end > len(self._unread):
            self._unread += self._received()
        message = bytes(self._unread[:end])
        del self._unread[:end]
        if message_id_of(message)[0] != message_id:
            raise ValueError("not an answer to this request")
        return message

    def _received(self) -> bytes:
        data: bytes = self._ldap.socket.recv(_RECEIVE_BYTES)
        if not data:
            raise OSError("closed by the other side")
        return data

    def close(self) -> None:
        """Send an unbind if that is still possible, and close. Never raises."""
        try:
            self._patience.deadline = time.monotonic() + 0.5
            if not self._ldap.closed:
                self._ldap.socket.sendall(unbind_request(int(self._ldap.server.next_message_id())))
                self._ldap.strategy.close()
        except _CONNECTION_ERRORS as exc:
            drop_frames(exc)
        finally:
            if self._ldap.socket is not None:  # ldap3 forgets to close what it failed to open
                self._ldap.socket.close()

    def _require_tls(self) -> None:
        # ldap3 silently reopens a closed connection, and for StartTLS the new one would be in clear.
        if self._ldap.closed or not isinstance(self._ldap.socket, DeadlineTLSSocket):
            raise ConnectionFailed(self.server, "is not connected")

    def _outcome(self, kind: str) -> LDAPResult:
        result = self._ldap.result
        if not isinstance(result, dict) or result.get("type") != kind or type(result.get("result")) is not int:
            raise ConnectionFailed(self.server, "unreadable answer")
        return LDAPResult(code=result["result"], diagnostic=str(result.get("message") or ""))

    @contextmanager
    def _failures_translated(self, deadline: float) -> Iterator[None]:
        self._patience.begin(deadline)
        try:
            yield
        except _CONNECTION_ERRORS as exc:
            drop_frames(exc)
            reason = self._tls.failure or _reason(exc, deadline)
            raise ConnectionFailed(self.server, reason) from exc


class _VerifiedTLS(ldap3.Tls):  # type: ignore[misc]
    """ldap3's TLS settings replaced by one prepared context: OpenSSL checks the name, and SNI is sent."""

    def __init__(self, context: ssl.SSLContext, host: str, deadline: float) -> None:
        if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
            raise ValueError("a context that verifies certificates and names is needed")
        super().__init__(validate=ssl.CERT_REQUIRED, sni=host)
        self._context, self._host = context, host
        self.patience = Patience(deadline)
        self.failure: str | None = None

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        connection.socket.settimeout(self.patience.seconds_left())
        # Otherwise the bind request waits 40 ms for the server's delayed acknowledgement of the end of the handshake.
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Firewalls silently forget an idle connection, and we want to notice a host that is gone.
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE_SECONDS)
        try:
            wrapped = self._context.wrap_socket(
                connection.socket, server_hostname=self._host, do_handshake_on_connect=False
            )
            connection.socket = wrapped
            wrapped.patience = self.patience  # type: ignore[attr-defined]
            wrapped.do_handshake()
        except ssl.SSLError as exc:
            self.failure = tls_reason(exc)
            raise


def _reason(exc: BaseException, deadline: float) -> str:
    if isinstance(exc, TimeoutError) or time.monotonic() >= deadline or "timed out" in str(exc):
        return SILENCE
    if isinstance(exc, (LDAPException, OSError)):
        return connection_reason(exc)
    return "unreadable answer"
