"""A browser without a window: cookies for each host, forms with their hidden fields, one connection for each request.

Every request may go to another node: hosts are names, and where they lead is the caller's to say.
"""

from __future__ import annotations

import asyncio
import html
import re
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode, urljoin, urlsplit

from tests.support.raw_http import Message, read_message

Address = tuple[str, int]

_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')
_PASSCODE = re.compile(r"[0-9]{6}")


class NoAnswer(Exception):
    """The connection broke, or nothing came in time: what was asked may have been done or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    url: str
    message: Message

    @property
    def status(self) -> int:
        return self.message.status

    @property
    def text(self) -> str:
        return self.message.body.decode("utf-8", "replace")

    @property
    def next_url(self) -> str:
        """Where a redirect leads."""
        location = self.message.get("location")
        assert location is not None, self.message.start
        return urljoin(self.url, location.decode())

    @property
    def form(self) -> dict[str, str]:
        """The hidden fields."""
        return {name: html.unescape(value) for name, value in _HIDDEN.findall(self.text)}


@dataclass(slots=True)
class PlainBrowser:
    """`address` is where requests go that do not say where."""

    address: Address
    timeout: float = 10.0
    cookies: dict[str, dict[str, str]] = field(default_factory=dict)
    """By host, then by name."""
    more: dict[str, str] = field(default_factory=dict)
    """Further fields of each request."""

    async def get(self, url: str, *, at: Address | None = None) -> Page:
        return await self._ask("GET", url, b"", at or self.address)

    async def post(self, url: str, fields: dict[str, str], *, at: Address | None = None) -> Page:
        return await self._ask("POST", url, urlencode(fields).encode(), at or self.address)

    def copy(self) -> PlainBrowser:
        """The same browser in another tab: it begins with the same cookies."""
        cookies = {host: dict(own) for host, own in self.cookies.items()}
        return PlainBrowser(self.address, self.timeout, cookies, self.more)

    async def _ask(self, method: str, url: str, body: bytes, address: Address) -> Page:
        """Raises `NoAnswer`."""
        parts = urlsplit(url)
        host = parts.hostname or ""
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"{method} {target} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
        lines += ["Accept: text/html", "Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"]
        lines += [f"{name}: {value}" for name, value in self.more.items()]
        own = self.cookies.setdefault(host, {})
        if own:
            lines.append("Cookie: " + "; ".join(f"{name}={value}" for name, value in own.items()))
        if method == "POST":
            lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
        message = await _exchange("\r\n".join([*lines, "", ""]).encode() + body, method, address, self.timeout)
        for line in message.all("set-cookie"):
            name, _, value = line.decode().partition(";")[0].partition("=")
            own[name] = value
        return Page(url=url, message=message)


async def _exchange(request: bytes, method: str, address: Address, timeout: float) -> Message:
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(request)
                return await read_message(reader, is_response=True, method=method.encode())
            finally:
                writer.close()
                with suppress(ConnectionError):
                    await writer.wait_closed()
    except (OSError, EOFError, AssertionError) as exc:  # of time out too; half an answer is none
        raise NoAnswer(f"{type(exc).__name__}: {exc}") from exc


def passcode_in(subject: str) -> str:
    found = _PASSCODE.match(subject)
    assert found is not None, "the text starts with the passcode"
    return found[0]
