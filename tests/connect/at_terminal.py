"""`gatepost connect` as a person uses it: a process of its own with a terminal of its own, which reads and types."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import os
import re
import signal
import subprocess
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from tests.support.gatepost import command, environment

WITHIN_SECONDS = 60.0


class ConnectProcess:
    """`screen` is everything that its terminal showed."""

    def __init__(self, *arguments: str, environ: dict[str, str]) -> None:
        self.screen = ""
        self._seen = 0
        self._news = asyncio.Event()
        self._master, slave = os.openpty()

        def take_terminal() -> None:
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            command("connect", *arguments),
            stdin=slave, stdout=slave, stderr=slave,
            env=environment(environ), preexec_fn=take_terminal,
        )  # fmt: skip
        os.close(slave)
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # nobody has the other end any more
            data = b""
        if not data:
            asyncio.get_running_loop().remove_reader(self._master)
        self.screen += data.decode(errors="replace")
        self._news.set()

    async def shows(self, text: str) -> str:
        """What it showed up to this text, which is after all that was waited for before."""
        async with asyncio.timeout(WITHIN_SECONDS):
            while (found := re.compile(text).search(self.screen, self._seen)) is None:
                assert self.process.poll() is None, f"it ended:\n{self.screen}"
                self._news.clear()
                await self._news.wait()
        before, self._seen = self._seen, found.end()
        return self.screen[before : found.end()]

    async def types(self, text: str) -> None:
        """A line, once it can be typed unseen: what was typed before is thrown away."""
        async with asyncio.timeout(WITHIN_SECONDS):
            while termios.tcgetattr(self._master)[3] & termios.ECHO:  # noqa: ASYNC110  # a terminal tells nobody
                await asyncio.sleep(0.01)
        os.write(self._master, f"{text}\n".encode())

    async def types_seen(self, text: str) -> None:
        os.write(self._master, f"{text}\n".encode())

    async def address(self) -> str:
        shown = await self.shows(r"http://[^\r\n]*\r\n")
        return shown.strip().split()[-1]

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self._master)[3] & termios.ECHO)

    def presses_ctrl_c(self) -> None:
        os.write(self._master, b"\x03")

    async def ends(self) -> int:
        code = await asyncio.to_thread(self.process.wait, WITHIN_SECONDS)
        asyncio.get_running_loop().remove_reader(self._master)
        try:
            while data := os.read(self._master, 65536):
                self.screen += data.decode(errors="replace")
        except OSError:
            pass
        return code

    async def close(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        await self.ends()
        os.close(self._master)


@asynccontextmanager
async def connecting(*arguments: str, environ: dict[str, str]) -> AsyncIterator[ConnectProcess]:
    process = ConnectProcess(*arguments, environ=environ)
    try:
        yield process
    finally:
        await process.close()


def secret_of(address: str) -> tuple[str, str]:
    """The address without its secret, and that."""
    parts = urlsplit(address)
    return f"http://{parts.hostname}:{parts.port}{parts.path}", parts.password or ""


def basic(secret: str) -> str:
    return "Basic " + base64.b64encode(f"me:{secret}".encode()).decode()
