"""A pretend phone: takes the mails that would go to the SMS gateway, and shows their text as SMS on a page.

For the demo only and on loopback only. The SMTP side is the few commands that a relay's client uses (RFC 5321),
on asyncio streams: a mail server library would otherwise be installed wherever Gatepost runs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default

from aiohttp import web

from proxy.demo.loopback_site import TEMPLATES, serve

_MAX_LINE = 4096
_MAX_MESSAGE = 64 * 1024
_KEPT_MESSAGES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMessage:
    """One SMS as the phone shows it."""

    number: str = field(repr=False)
    """Digits without ``+``, from the recipient's local part."""
    text: str = field(repr=False)
    recipient: str = field(repr=False)
    sender: str
    at: float
    """Epoch seconds."""

    @property
    def time(self) -> str:
        return time.strftime("%H:%M", time.localtime(self.at))


class Phone:
    """The sink and the page. `messages` holds the newest last."""

    def __init__(self) -> None:
        self.messages: list[TextMessage] = []
        self.smtp_port = 0
        self.http_port = 0
        self._arrived = asyncio.Condition()
        self._count = 0
        self._closing = False
        self._smtp: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._runner: web.AppRunner | None = None

    async def start(self, smtp_port: int = 0, http_port: int = 0) -> None:
        """Listen on loopback; port 0 lets the system choose. The chosen ones are in `smtp_port` and `http_port`."""
        self._smtp = await asyncio.start_server(self._accept, "127.0.0.1", smtp_port, limit=_MAX_LINE)
        self.smtp_port = self._smtp.sockets[0].getsockname()[1]
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_get("/events", self._events)
        app.on_shutdown.append(self._end_event_streams)
        self._runner, self.http_port = await serve(app, port=http_port, form_action="'none'")

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        if self._smtp is not None:
            self._smtp.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _receive(self, sender: str, recipient: str, content: bytes) -> None:
        subject = message_from_bytes(content, policy=default)["Subject"]
        message = TextMessage(
            number=recipient.partition("@")[0],
            text=str(subject or ""),
            recipient=recipient,
            sender=sender,
            at=time.time(),
        )
        self.messages = [*self.messages, message][-_KEPT_MESSAGES:]
        async with self._arrived:
            self._count += 1
            self._arrived.notify_all()

    # SMTP.

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("connections are served on tasks")
        self._connections.add(task)
        try:
            await _SMTPConversation(reader, writer, self._receive).run()
        except (OSError, EOFError, ValueError, asyncio.CancelledError):
            pass  # the other side left, wrote an over-long line, or the demo ends: it is over either way
        finally:
            self._connections.discard(task)
            writer.close()

    # The page.

    async def _page(self, request: web.Request) -> web.Response:
        page = TEMPLATES.get_template("phone.html")
        html = page.render(messages=self.messages, count=self._count, now=time.strftime("%H:%M"))
        return web.Response(text=html, content_type="text/html")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: the number of messages so far, whenever it changes; the page then fetches itself."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        told = -1
        with suppress(ConnectionResetError):  # the page was closed
            while not self._closing:
                if told != self._count:
                    told = self._count
                    await response.write(f"data: {told}\n\n".encode())
                async with self._arrived:
                    if told == self._count and not self._closing:
                        await self._arrived.wait()
        return response

    async def _end_event_streams(self, app: web.Application) -> None:
        self._closing = True
        async with self._arrived:
            self._arrived.notify_all()


class _SMTPConversation:
    """One client's commands until QUIT; each message goes to `receive(sender, recipient, content)`."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        receive: Callable[[str, str, bytes], Awaitable[None]],
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._receive = receive
        self._sender = ""
        self._recipient = ""

    async def run(self) -> None:
        await self._say("220 phone.localhost ready")
        while line := await self._reader.readline():
            command = line.decode("ascii", "replace").strip()
            verb = command[:4].upper()
            if verb == "QUIT":
                await self._say("221 Bye")
                return
            await self._say(await self._answer(verb, command))

    async def _answer(self, verb: str, command: str) -> str:
        match verb:
            case "EHLO" | "HELO" | "NOOP":
                return "250 phone.localhost"
            case "RSET":
                self._sender = self._recipient = ""
                return "250 OK"
            case "MAIL":
                self._sender = _address(command)
                return "250 OK"
            case "RCPT" if self._sender and not self._recipient:
                self._recipient = _address(command)
                return "250 OK"
            case "DATA" if self._recipient:
                await self._say("354 End with a dot")
                content = await self._read_message()
                await self._receive(self._sender, self._recipient, content)
                self._sender = self._recipient = ""
                return "250 Shown on the phone"
            case "RCPT" | "DATA":
                return "503 One sender, one recipient, then DATA"
        return "502 This is only a pretend phone"

    async def _read_message(self) -> bytes:
        lines: list[bytes] = []
        size = 0
        while (line := await self._reader.readline()) not in (b".\r\n", b""):
            size += len(line)
            if size > _MAX_MESSAGE:
                raise ValueError("the message is too long")
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines)

    async def _say(self, reply: str) -> None:
        self._writer.write(reply.encode("ascii") + b"\r\n")
        await self._writer.drain()


def _address(command: str) -> str:
    return command.partition("<")[2].partition(">")[0]
