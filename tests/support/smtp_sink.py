"""A real SMTP server for the tests: aiosmtpd in the test's own loop, and a scripted one for what it can't do."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

Reply = str | Callable[[], Awaitable[str]]
"""What to answer, or a coroutine function that decides (and may wait or break the connection)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One message as it was received."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    encrypted: bool
    login: str | None
    helo: str
    rcpt_options: tuple[str, ...] = ()


@dataclass(kw_only=True)
class Sink:
    """What the server does and what it has seen. Set `mail`, `rcpt`, `data` to refuse, wait or break.

    Without slots: aiosmtpd reads every attribute, and `__weakref__` of such a class can't be read in Python 3.11.2.
    """

    host: str = "127.0.0.1"
    port: int = 0
    mail: Reply = "250 OK"
    rcpt: Reply = "250 OK"
    data: Reply = "250 OK"
    messages: list[Received] = field(default_factory=list)
    protocols: list[SMTP] = field(default_factory=list)
    """One per connection that was made."""
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def connections(self) -> int:
        return len(self.protocols)

    def break_connections(self) -> None:
        """Reset every connection, as a crashing relay does."""
        for protocol in self.protocols:
            if protocol.transport is not None:
                protocol.transport.abort()  # type: ignore[attr-defined]

    async def next_message(self, timeout: float = 10) -> Received:
        async with asyncio.timeout(timeout):
            while not self.messages:
                self._arrived.clear()
                await self._arrived.wait()
        return self.messages.pop(0)

    # The hooks of aiosmtpd, which fix their names and signatures.

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        answer = await _answer(self.mail)
        if answer.startswith("2"):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        answer = await _answer(self.rcpt)
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        received = Received(
            sender=envelope.mail_from or "",
            recipients=tuple(envelope.rcpt_tos),
            content=content,
            encrypted=session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None,
            login=session.auth_data.login.decode() if isinstance(session.auth_data, LoginPassword) else None,
            helo=session.host_name or "",
        )
        answer = await _answer(self.data)
        if answer.startswith("2"):
            self.messages.append(received)
            self._arrived.set()
        return answer


async def _answer(reply: Reply) -> str:
    return reply if isinstance(reply, str) else await reply()


@asynccontextmanager
async def smtp_sink(
    *,
    security: Literal["tls", "starttls", "none"] = "none",
    certificate: trustme.LeafCert | None = None,
    login: tuple[str, str] | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
) -> AsyncIterator[Sink]:
    """Serve until the block is left. With `security` other than "none" a `certificate` is needed."""
    sink = Sink(host=host)
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(context)

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
        assert isinstance(data, LoginPassword)
        given = (data.login.decode(), data.password.decode())
        return AuthResult(success=given == login, handled=False, auth_data=data)

    def protocol() -> SMTP:
        made = SMTP(
            sink,
            hostname="sink.example",
            tls_context=context if security == "starttls" else None,
            require_starttls=security == "starttls",
            authenticator=authenticate if login is not None else None,
            auth_required=login is not None and security == "starttls",
            auth_require_tls=security == "starttls",
            loop=asyncio.get_running_loop(),
        )
        sink.protocols.append(made)
        return made

    server = await asyncio.get_running_loop().create_server(
        protocol, host, port, ssl=context if security == "tls" else None
    )
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        server.close()
        sink.break_connections()
        for made in sink.protocols:
            task = made._handler_coroutine
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)


@dataclass(slots=True, kw_only=True)
class Script:
    """A server that answers by verb, word for word; None says nothing, b"" closes the connection."""

    port: int = 0
    greeting: bytes | None = b"220 scripted\r\n"
    answers: dict[str, bytes | None] = field(default_factory=dict)
    commands: list[bytes] = field(default_factory=list)
    """Every line received, on all connections."""
    connections: int = 0
    on_command: Callable[[str], Awaitable[None]] | None = None

    _DEFAULTS: ClassVar[dict[str, bytes]] = {
        "EHLO": b"250 scripted\r\n",
        "MAIL": b"250 OK\r\n",
        "RCPT": b"250 OK\r\n",
        "DATA": b"354 Go on\r\n",
        ".": b"250 OK\r\n",
        "QUIT": b"221 Bye\r\n",
    }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self.greeting is not None:
                writer.write(self.greeting)
            in_message = False
            while line := await reader.readline():
                self.commands.append(line)
                if in_message and line != b".\r\n":
                    continue
                verb = "." if in_message else line[:4].decode("ascii", "replace").upper()
                if self.on_command is not None:
                    await self.on_command(verb)
                answer = self.answers.get(verb, self._DEFAULTS.get(verb, b"502 No\r\n"))
                in_message = verb == "DATA" and answer is not None and answer.startswith(b"354")
                if answer == b"":
                    return
                if answer is not None:
                    writer.write(answer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def scripted_smtp(script: Script) -> AsyncIterator[Script]:
    tasks: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await script.serve(reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    try:
        yield script
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
