"""A real nginx or Caddy in front of a real Gatepost, an app behind it, and a browser's part of a sign-in."""

from __future__ import annotations

import asyncio
import html
import re
import socket
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

from aiohttp import ClientResponse, ClientSession, CookieJar, TCPConnector
from aiohttp.abc import AbstractResolver, ResolveResult
from argon2 import PasswordHasher
from yarl import URL

from tests.support.gatepost import GatepostProcess, free_port
from tests.support.raw_http import Message, raw_client
from tests.support.smtp_sink import Sink, smtp_sink
from tests.support.upstreams import RecordingUpstream, recording_upstream

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "Correct horse 7"
PAGE = {"Accept": "text/html", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
STRANGER = "127.0.0.9"
"""Loopback too, but none of `trusted_proxies`."""

CONFIGURATION = """\
[server]
listen = ["127.0.0.1:{port}"]
public_url = "http://signin.localhost:{outer_port}"
trusted_proxies = ["127.0.0.1"]
[[directories]]
name = "local"
type = "local"
file = "users.toml"
[smtp]
host = "127.0.0.1"
port = {smtp_port}
security = "none"
from = "otp@corp.example"
[throttle]
sends_per_person = 100
sends_per_number = 100
[[apps]]
name = "Wiki"
host = "wiki.localhost"
forward_auth = true
groups = ["Wiki Users"]
[[apps.rules]]
path = "/admin/"
groups = ["Wiki Admins"]
[[apps.rules]]
path = "/public/"
public = true
[[apps.rules]]
pattern = "/**/edit"
methods = ["POST"]
groups = ["Wiki Admins"]
"""
USER = """\
[[users]]
username = "{name}"
password_hash = "{hash}"
mobile = "07400 123456"
groups = [{groups}]
"""


class Loopback(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: Any = socket.AF_INET) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None: ...


class Browser:
    """Keeps cookies and follows redirects."""

    def __init__(self, session: ClientSession, port: int) -> None:
        self.session = session
        self._port = port

    def url(self, path: str, host: str = "wiki") -> str:
        return f"http://{host}.localhost:{self._port}{path}"

    async def get(self, path: str, *, follows: bool = True, **fields: str) -> ClientResponse:
        response = await self.session.get(
            URL(self.url(path), encoded=True), headers={**PAGE, **fields}, allow_redirects=follows
        )
        await response.read()
        return response

    async def submit(self, page: ClientResponse, **fields: str) -> ClientResponse:
        """Send the page's form, its hidden fields included."""
        text = await page.text()
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', text)
        data = {name: html.unescape(value) for name, value in hidden} | fields
        data.pop("resend", None)
        origin = f"{page.url.origin()}"
        response = await self.session.post(
            page.url.with_query(None), data=data, headers={**PAGE, "Origin": origin, "Sec-Fetch-Site": "same-origin"}
        )
        await response.read()
        return response


@dataclass(frozen=True, kw_only=True)
class House:
    gatepost: GatepostProcess
    gatepost_port: int
    outer_port: int
    app: RecordingUpstream
    sink: Sink

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[Browser]:
        connector = TCPConnector(resolver=Loopback(), use_dns_cache=False)
        async with ClientSession(
            connector=connector,
            cookie_jar=CookieJar(),
            requote_redirect_url=False,
            max_line_size=2**16,
            max_field_size=2**16,
        ) as session:
            yield Browser(session, self.outer_port)

    async def sign_in(self, browser: Browser, name: str, path: str = "/") -> ClientResponse:
        """Open the app, type the password, read the SMS, type the passcode: the page where that ends."""
        page = await browser.get(path)
        assert page.url.host == "signin.localhost", page
        page = await browser.submit(page, username=name, password=PASSWORD)
        received = await self.sink.next_message()
        subject = str(message_from_bytes(received.content, policy=policy.default)["Subject"])
        return await browser.submit(page, passcode=subject[:6])

    async def raw(self, target: str, *lines: str, method: str = "GET", cookie: str = "") -> Message:
        """The bytes as given, through the outer proxy."""
        cookies = [f"Cookie: {cookie}"] if cookie else []
        return await ask(self.outer_port, target, *lines, *cookies, method=method)

    async def as_stranger(self, raw: bytes) -> Message:
        """Straight to Gatepost, from an address that is not trusted."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gatepost_port, local_addr=(STRANGER, 0))
        try:
            writer.write(raw)
            head = await reader.readuntil(b"\r\n\r\n")
            return Message(start=head.split(b"\r\n")[0], fields=[])
        finally:
            writer.close()


async def ask(outer_port: int, target: str, *lines: str, method: str = "GET") -> Message:
    """The bytes as given, through the outer proxy."""
    fields = "".join(line + "\r\n" for line in lines)
    length = "Content-Length: 0\r\n" if method == "POST" else ""
    raw = f"{method} {target} HTTP/1.1\r\nHost: wiki.localhost:{outer_port}\r\n{length}{fields}\r\n"
    async with raw_client(("127.0.0.1", outer_port)) as client:
        return await client.ask(raw.encode("latin-1"), method.encode())


def cookie_of(browser: Browser, name: str = "gatepost", host: str = "wiki.localhost") -> str:
    return next(
        f"{cookie.key}={cookie.value}"
        for cookie in browser.session.cookie_jar
        if cookie.key == name and cookie["domain"] == host
    )


Command = Callable[[Path, dict[str, str]], list[str]]
"""Writes the outer proxy's configuration into a folder and says how to start it."""


@dataclass(frozen=True, kw_only=True)
class InnerGatepost:
    """One that is asked by whatever listens at `outer_port`, which it takes for its own."""

    process: GatepostProcess
    port: int
    outer_port: int


@contextmanager
def inner_gatepost(folder: Path, *, smtp_port: int = 1) -> Iterator[InnerGatepost]:
    """Blocking. Without `smtp_port` nobody gets a passcode."""
    port, outer_port = free_port(), free_port()
    hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    users = (("alice", '"Wiki Users"'), ("root", '"Wiki Users", "Wiki Admins"'), ("carol", ""))
    (folder / "users.toml").write_text(
        "\n".join(USER.format(name=name, groups=groups, hash=hasher.hash(PASSWORD)) for name, groups in users)
    )
    config = folder / "gatepost.toml"
    config.write_text(CONFIGURATION.format(port=port, outer_port=outer_port, smtp_port=smtp_port))
    with GatepostProcess(config) as process:
        yield InnerGatepost(process=process, port=port, outer_port=outer_port)


@asynccontextmanager
async def outer_proxy(
    folder: Path, command: Command, inner: InnerGatepost, app_address: tuple[str, int]
) -> AsyncIterator[None]:
    """The proxy that asks `inner`, before an app."""
    names = {
        "gatepost": f"127.0.0.1:{inner.port}",
        "app": f"127.0.0.1:{app_address[1]}",
        "outer_port": str(inner.outer_port),
    }
    with started(command(folder, names), folder):
        await until_listening(inner.outer_port)
        yield


@asynccontextmanager
async def open_house(folder: Path, command: Command) -> AsyncIterator[House]:
    async with recording_upstream() as app, smtp_sink() as sink, AsyncExitStack() as stack:
        gatepost = inner_gatepost(folder, smtp_port=sink.port)
        inner = await asyncio.to_thread(gatepost.__enter__)
        stack.push_async_callback(asyncio.to_thread, gatepost.__exit__, None, None, None)
        async with outer_proxy(folder, command, inner, app.address):
            yield House(
                gatepost=inner.process, gatepost_port=inner.port, outer_port=inner.outer_port, app=app, sink=sink
            )


@contextmanager
def started(command: list[str], folder: Path) -> Iterator[None]:
    environ = {"HOME": str(folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    with (folder / "outer.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ)
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


async def until_listening(port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)
