"""One LDAP connection to one domain controller, always inside verified TLS: the only importer of ldap3.

ldap3 2.9.1 is used for its encoding and decoding. Its defaults that would betray a password are closed here: it
verifies no certificate, follows referrals with the password, binds anonymously for an empty name, re-opens a lost
connection in clear, and answers `bind()` with values that are always true. Deadlines are instants of
`time.monotonic`. A connection belongs to one thread at a time.
"""

from __future__ import annotations

import math
import select
import socket
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.operation.search import search_operation
from ldap3.protocol.rfc2696 import paged_search_control
from ldap3.utils.asn1 import decode_message_fast
from pyasn1.error import PyAsn1Error  # type: ignore[import-untyped]

from directory.active_directory.host_addresses import HostAddresses, HostUnknown
from directory.active_directory.server_address import ServerAddress
from directory.password import are_usable_octets

SUCCESS, REFERRAL, NO_SUCH_OBJECT, INVALID_CREDENTIALS, BUSY, UNAVAILABLE = 0, 10, 32, 49, 51, 52
CONSTRAINT_VIOLATION, UNWILLING = 19, 53
"""LDAP result codes (RFC 4511 appendix A)."""

MAX_ANSWER_BYTES = 16 * 1024 * 1024
_CONNECT_SECONDS = 3.0
_KEEP_ALIVE_SECONDS = 60
_SILENCE = "no answer in time"
_RECEIVE_BYTES = 64 * 1024
_RECEIVE_AT_ONCE = 4 * 1024 * 1024
_PAGED_RESULTS = "1.2.840.113556.1.4.319"
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


class ConnectionFailed(Exception):
    """The connection is of no use any more. `reason` is for the log: it names the fact, and nobody."""

    def __init__(self, server: ServerAddress, reason: str) -> None:
        super().__init__(f"{server}: {reason}")
        self.server = server
        self.reason = reason

    @property
    def is_silence(self) -> bool:
        """Nothing came in time: the server may be gone, or only slow."""
        return self.reason == _SILENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An LDAP result. `diagnostic` is the server's text: AD puts the sub-code of a refused bind there."""

    code: int
    diagnostic: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry found. Attribute names are in lower case, values are the bytes on the wire."""

    dn: str = field(repr=False)
    attributes: Mapping[str, Sequence[bytes]] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The answer to a search: entries only. Search references, which name other servers, are left out."""

    outcome: Outcome
    entries: Sequence[Entry]


def create_tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """A context that demands a certificate of `ca_file` (None: the system's authorities) for the very name asked for.

    One per directory: making it reads the certificates, which takes longer than a sign-in. Raises `OSError`.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _DeadlineTLSSocket
    return context


class Connection:
    """Opened by `open`, ended by `close`. Any method may raise `ConnectionFailed`; then only `close` is left."""

    def __init__(self, server: ServerAddress, connection: Any, deadline: float) -> None:
        self.server = server
        self._ldap = connection
        self._tls: _VerifiedTLS = connection.server.tls
        self._tls.deadline = deadline

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
                raise ConnectionFailed(server, _SILENCE)
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
        # One ldap3 server object each: threads that share one change it under each other (`current_address`).
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
        opened = cls(server, connection, deadline)
        try:
            with opened._failures_translated(deadline):
                connection.open(read_server_info=False)
                if server.scheme == "ldap":
                    connection.socket = tls.limited(connection.socket)
                    connection.start_tls(read_server_info=False)
                opened._require_tls()
        except ConnectionFailed:
            opened.close()
            raise
        return opened

    def bind(self, name: str, password: bytes, *, deadline: float) -> Outcome:
        """One simple bind, sent once. Compare `code` with `SUCCESS`, and nothing else.

        Raises `ValueError` for a name or password that LDAP would take for an anonymous or unauthenticated bind
        (RFC 4513 section 5.1), which AD answers with success.
        """
        if not name or not are_usable_octets(password):
            raise ValueError("not a name and a password to bind with")
        try:
            with self._failures_translated(deadline):
                self._require_tls()
                self._ldap.user, self._ldap.password, self._ldap.authentication = name, password, ldap3.SIMPLE
                self._ldap.bind(read_server_info=False)
                return self._outcome("bindResponse")
        finally:
            self._ldap.password = None
            self._ldap.request = None

    def change_password(self, dn: str, old: bytes, new: bytes, *, deadline: float) -> Outcome:
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

    def search(
        self,
        base_dn: str,
        filter_text: str,
        attributes: Sequence[str],
        *,
        deadline: float,
        scope: Literal["base", "subtree", "one"] = "subtree",
        size_limit: int = 0,
        page: int | None = None,
    ) -> Found:
        """Search; `page` asks for that many entries only (Samba does not keep to a size limit)."""
        with self._failures_translated(deadline):
            self._require_tls()
            self._ldap.search(
                base_dn,
                filter_text,
                search_scope={"base": ldap3.BASE, "subtree": ldap3.SUBTREE, "one": ldap3.LEVEL}[scope],
                dereference_aliases=ldap3.DEREF_NEVER,
                attributes=list(attributes) or [ldap3.NO_ATTRIBUTES],
                size_limit=size_limit,
                paged_size=page,
            )
            outcome = self._outcome("searchResDone")
            return Found(outcome=outcome, entries=[_entry(each) for each in _entries(self._ldap.response)])

    def ask_for_page(
        self, base_dn: str, filter_text: str, attributes: Sequence[str], *, size: int, cookie: bytes, deadline: float
    ) -> int:
        """Send a subtree search for one page (RFC 2696), and the answer's message id. `receive` brings the answer."""
        with self._failures_translated(deadline):
            self._require_tls()
            request = search_operation(
                base_dn, filter_text, ldap3.SUBTREE, ldap3.DEREF_NEVER, list(attributes), 0, 0, False, False, False
            )
            control = paged_search_control(criticality=True, size=size, cookie=cookie)
            message_id = int(self._ldap.strategy.send("searchRequest", request, [control]))
            self._ldap.strategy._outstanding.pop(message_id, None)
            return message_id

    def receive(self, *, wait: bool, deadline: float) -> bytes:
        """What has come in, undecoded; without `wait` maybe nothing. For pages only: ldap3 reads all else itself."""
        with self._failures_translated(deadline):
            self._require_tls()
            tls_socket: ssl.SSLSocket = self._ldap.socket
            received = bytearray()
            while wait or tls_socket.pending() or select.select([tls_socket], [], [], 0)[0]:
                data = tls_socket.recv(_RECEIVE_BYTES)
                if not data:
                    raise OSError("closed by the other side")
                received += data
                if len(received) >= _RECEIVE_AT_ONCE:
                    break
                wait = False
            return bytes(received)

    def end_of_page(self, message: bytes, *, deadline: float) -> tuple[Outcome, bytes]:
        """The result of a page, and the cookie that asks for the next one: empty after the last."""
        with self._failures_translated(deadline):
            self._ldap.result = self._ldap.strategy.decode_response_fast(decode_message_fast(message))
            control = (self._ldap.result.get("controls") or {}).get(_PAGED_RESULTS)
            return self._outcome("searchResDone"), bytes(control["value"]["cookie"]) if control else b""

    def close(self) -> None:
        """Say goodbye if that is still possible. Never raises."""
        try:
            self._tls.deadline = time.monotonic() + 0.5
            self._ldap.unbind()
        except _CONNECTION_ERRORS as exc:
            _drop_frames(exc)
        finally:
            if self._ldap.socket is not None:  # ldap3 forgets to close what it failed to open
                self._ldap.socket.close()

    def _require_tls(self) -> None:
        # ldap3 silently opens a closed connection again, and for StartTLS that one would be in clear.
        if self._ldap.closed or not isinstance(self._ldap.socket, _DeadlineTLSSocket):
            raise ConnectionFailed(self.server, "is not connected")

    def _outcome(self, kind: str) -> Outcome:
        result = self._ldap.result
        if not isinstance(result, dict) or result.get("type") != kind or type(result.get("result")) is not int:
            raise ConnectionFailed(self.server, "unreadable answer")
        return Outcome(code=result["result"], diagnostic=str(result.get("message") or ""))

    @contextmanager
    def _failures_translated(self, deadline: float) -> Iterator[None]:
        self._tls.deadline = deadline
        self._tls.received = 0
        try:
            yield
        except _CONNECTION_ERRORS as exc:
            _drop_frames(exc)
            reason = self._tls.failure or _reason(exc, deadline)
            raise ConnectionFailed(self.server, reason) from exc


class _Deadline:
    """A socket of ldap3's that ends each wait at the deadline: its own time-out starts anew with every byte."""

    tls: _VerifiedTLS

    def recv(self, size: int = 1024, flags: int = 0) -> bytes:
        self.settimeout(self.tls.seconds_left())  # type: ignore[attr-defined]
        data: bytes = super().recv(size, flags)  # type: ignore[misc]
        self.tls.received += len(data)
        if self.tls.received > MAX_ANSWER_BYTES:
            raise OSError("answer too large")
        return data

    def sendall(self, data: Any, flags: int = 0) -> None:
        self.settimeout(self.tls.seconds_left())  # type: ignore[attr-defined]
        super().sendall(data, flags)  # type: ignore[misc]


class _DeadlineTLSSocket(_Deadline, ssl.SSLSocket):
    pass


class _DeadlinePlainSocket(_Deadline, socket.socket):
    """Before StartTLS."""


class _VerifiedTLS(ldap3.Tls):  # type: ignore[misc]
    """ldap3's TLS settings replaced by one prepared context: OpenSSL checks the name, and SNI is sent."""

    def __init__(self, context: ssl.SSLContext, host: str, deadline: float) -> None:
        if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
            raise ValueError("a context that verifies certificates and names is needed")
        super().__init__(validate=ssl.CERT_REQUIRED, sni=host)
        self._context, self._host = context, host
        self.deadline = deadline
        self.received = 0
        self.failure: str | None = None

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        connection.socket.settimeout(self.seconds_left())
        # Or the bind request waits 40 ms for the server's delayed acknowledgement of the handshake's end.
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Firewalls forget a silent connection without a word; and a host that is gone should not go unnoticed.
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEP_ALIVE_SECONDS)
        try:
            wrapped = self._context.wrap_socket(
                connection.socket, server_hostname=self._host, do_handshake_on_connect=False
            )
            connection.socket = wrapped
            wrapped.tls = self  # type: ignore[attr-defined]
            wrapped.do_handshake()
        except ssl.SSLCertVerificationError as exc:
            self.failure = f"certificate not accepted: {exc.verify_message}"
            raise
        except ssl.SSLError as exc:
            self.failure = f"TLS failed: {exc.reason or 'closed by the other side'}"
            raise

    def limited(self, plain: socket.socket) -> socket.socket:
        """`plain`, with every wait ended at the deadline."""
        limited = _DeadlinePlainSocket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        limited.tls = self
        return limited

    def seconds_left(self) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(_SILENCE)
        return left


def _entries(response: Any) -> list[dict[str, Any]]:
    return [each for each in response or () if each.get("type") == "searchResEntry"]


def _entry(response: dict[str, Any]) -> Entry:
    attributes = {str(name).lower(): tuple(values) for name, values in response["raw_attributes"].items()}
    return Entry(dn=bytes(response["raw_dn"]).decode("utf-8"), attributes=attributes)


def _reason(exc: BaseException, deadline: float) -> str:
    if isinstance(exc, TimeoutError) or time.monotonic() >= deadline or "timed out" in str(exc):
        return _SILENCE
    if "refused" in str(exc):
        return "connection refused"
    if isinstance(exc, (LDAPException, OSError)):
        return "connection lost"
    return "unreadable answer"


def _drop_frames(exc: BaseException) -> None:
    """The frames of ldap3 hold the password; an error that is logged or kept must not carry them along."""
    each: BaseException | None = exc
    while each is not None:
        each.__traceback__ = None
        each = each.__cause__ or each.__context__
