"""An LDAP server (RFC 4511) that does as it is told: for what Samba cannot do, such as hang, drip, refer and lie.

One thread a connection. It speaks TLS from the start, or after StartTLS.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from config.settings import ActiveDirectorySettings
from tests.support.samba_certificate import write_certificate

BIND, UNBIND, SEARCH, EXTENDED = 0x60, 0x42, 0x63, 0x77
BASE_DN = "DC=corp,DC=example"
ALICE_DN = f"CN=alice,CN=Users,{BASE_DN}"
ALICE_GUID = bytes(range(16))
ALICE_SID = bytes.fromhex("010500000000000515000000010000000200000003000000e8030000")
SERVICE_USER = "svc@corp.example"


def settings_for(*servers: str, ca_file: Path, **changes: object) -> ActiveDirectorySettings:
    """The `[[directories]]` table of the scripted domain."""
    known = {
        "type": "active_directory",
        "name": "corp",
        "domain": "corp.example",
        "servers": servers,
        "ca_file": ca_file,
        "bind_user": SERVICE_USER,
        "bind_password": SecretStr("service"),
        "connections": 2,
        "timeout": "5s",
        **changes,
    }
    return ActiveDirectorySettings.model_validate(known)


def tlv(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def integer(value: int, tag: int = 0x02) -> bytes:
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def result(tag: int, code: int, diagnostic: str = "", referral: str | None = None) -> bytes:
    content = integer(code, 0x0A) + tlv(4, b"") + tlv(4, diagnostic.encode())
    return tlv(tag, content + (tlv(0xA3, tlv(4, referral.encode())) if referral else b""))


def bind_answer(code: int, diagnostic: str = "", referral: str | None = None) -> bytes:
    return result(0x61, code, diagnostic, referral)


def search_done(code: int = 0, referral: str | None = None) -> bytes:
    return result(0x65, code, "", referral)


def entry(dn: str, **attributes: bytes | str | Sequence[bytes]) -> bytes:
    """Names are written with ``_`` for ``-``."""
    parts = b""
    for name, given in attributes.items():
        values = [given] if isinstance(given, bytes) else [given.encode()] if isinstance(given, str) else list(given)
        parts += tlv(0x30, tlv(4, name.replace("_", "-").encode()) + tlv(0x31, b"".join(tlv(4, v) for v in values)))
    return tlv(0x64, tlv(4, dn.encode()) + tlv(0x30, parts))


def reference(url: str) -> bytes:
    return tlv(0x73, tlv(4, url.encode()))


ALICE = entry(
    ALICE_DN,
    objectGUID=ALICE_GUID,
    objectSid=ALICE_SID,
    sAMAccountName="alice",
    displayName="Alice",
    mobile="07400 123456",
    userAccountControl="512",
    msDS_User_Account_Control_Computed="0",
    accountExpires="0",
    pwdLastSet="130000000000000000",
    tokenGroups=[ALICE_SID],
    replPropertyMetaData=bytes(16),
)


class Hang(Exception):
    """Raised by a script: say nothing more until the client goes away."""


class HangUp(Exception):
    """Raised by a script: close the connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    kind: int
    name: str
    """The bind's name, or the search's base DN."""
    password: bytes = b""
    body: bytes = b""
    in_tls: bool = True


Script = Callable[[Request], list[bytes] | None]
"""The protocol operations to answer with, ``None`` for the usual; raw bytes go out through `drip`."""


@dataclass(slots=True)
class ScriptedLDAP:
    folder: Path
    script: Script = lambda request: None
    start_tls: bool = False
    handshakes: bool = True
    """False: accept connections, and never say anything."""
    drips: bool = False
    """Answer with one byte every 0.1 s."""
    connections: int = 0
    requests: list[Request] = field(default_factory=list)
    port: int = 0
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _sockets: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"{'ldap' if self.start_tls else 'ldaps'}://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def binds(self, name: str | None = None) -> list[Request]:
        return [each for each in self.requests if each.kind == BIND and name in (None, each.name)]

    @contextlib.contextmanager
    def running(self, *, certificate_address: str = "127.0.0.1") -> Iterator[ScriptedLDAP]:
        if not self.ca_file.exists():
            write_certificate(self.folder, host="dc1.corp.example", address=certificate_address)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            accepting = threading.Thread(target=self._accept, args=(listener, context))
            accepting.start()
            try:
                yield self
            finally:
                self._stopping.set()
                for each in [listener, *self._sockets]:
                    with contextlib.suppress(OSError):
                        each.shutdown(socket.SHUT_RDWR)
                accepting.join()
                for thread in self._threads:
                    thread.join()

    def _accept(self, listener: socket.socket, context: ssl.SSLContext) -> None:
        while not self._stopping.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets.append(client)
            thread = threading.Thread(target=self._serve, args=(client, context))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, context: ssl.SSLContext) -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(client)
            stack.enter_context(contextlib.suppress(OSError, EOFError, IndexError, HangUp))
            if not self.handshakes:
                self._stopping.wait()
                return
            if not self.start_tls:
                client = stack.enter_context(context.wrap_socket(client, server_side=True))
                self._sockets.append(client)
            while True:
                number, request = self._read(client)
                self.requests.append(request)
                if request.kind == UNBIND:
                    return
                try:
                    operations = self.script(request)
                    if operations is None:
                        operations = usual(request)
                except Hang:
                    self._stopping.wait()
                    return
                message = b"".join(each if each[:1] == b"!" else tlv(0x30, number + each) for each in operations)
                self._send(client, message.removeprefix(b"!"))
                if request.kind == EXTENDED and operations[0][:1] == b"\x78":
                    client = stack.enter_context(context.wrap_socket(client, server_side=True))
                    self._sockets.append(client)

    def _send(self, client: socket.socket, message: bytes) -> None:
        if not self.drips:
            client.sendall(message)
            return
        for octet in message:
            client.sendall(bytes([octet]))
            if self._stopping.wait(0.1):
                return

    def _read(self, client: socket.socket) -> tuple[bytes, Request]:
        head = _exactly(client, 2)
        length = head[1]
        if length & 0x80:
            length = int.from_bytes(_exactly(client, length & 0x7F), "big")
        message = _exactly(client, length)
        _, number, rest = _take(message)
        kind, body, _ = _take(rest)
        name, password = "", b""
        if kind == BIND:
            _, _, rest = _take(body)
            _, octets, rest = _take(rest)
            _, password, _ = _take(rest)
            name = octets.decode()
        elif kind == SEARCH:
            _, octets, _ = _take(body)
            name = octets.decode()
        in_tls = isinstance(client, ssl.SSLSocket)
        request = Request(kind=kind, name=name, password=password, body=body, in_tls=in_tls)
        return tlv(2, number), request


def usual(request: Request) -> list[bytes]:
    """A small domain with one person, alice, whose password is ``right``."""
    if request.kind == BIND:
        right = request.name == SERVICE_USER or (request.name == ALICE_DN and request.password == b"right")
        return [bind_answer(0) if right else bind_answer(49, "80090308: comment: AcceptSecurityContext, data 52e, v1")]
    if request.kind == EXTENDED:
        return [result(0x78, 0)]
    if request.name == "":
        naming = {"defaultNamingContext": BASE_DN, "configurationNamingContext": f"CN=Configuration,{BASE_DN}"}
        return [entry("", **naming, currentTime="20300101000000.0Z"), search_done()]
    if request.name.startswith("CN=Partitions,"):
        return [entry(request.name, nETBIOSName="CORP", uPNSuffixes="people.example"), search_done()]
    if request.name in (ALICE_DN, f"<GUID={GUID_TEXT}>") or b"alice" in request.body:
        return [ALICE, search_done()]
    if request.name == BASE_DN:
        return [entry(BASE_DN, objectClass="domain"), search_done()]
    return [search_done(32)]


GUID_TEXT = "03020100-0504-0706-0809-0a0b0c0d0e0f"


def _take(octets: bytes) -> tuple[int, bytes, bytes]:
    tag, length, at = octets[0], octets[1], 2
    if length & 0x80:
        at = 2 + (length & 0x7F)
        length = int.from_bytes(octets[2:at], "big")
    return tag, octets[at : at + length], octets[at + length :]


def _exactly(client: socket.socket, size: int) -> bytes:
    octets = b""
    while len(octets) < size:
        more = client.recv(size - len(octets))
        if not more:
            raise EOFError
        octets += more
    return octets
