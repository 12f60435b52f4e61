"""The terminal: one line is asked for at a time, unseen where it is a secret.

`getpass` would block a thread that nobody can end. Here the event loop waits for the line, so Ctrl-C, or the end of a
session, ends the question.
"""

from __future__ import annotations

import asyncio
import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

_LONGEST = 4096


class NobodyThere(Exception):
    """There is no terminal, or it was closed."""


class Questioner(Protocol):
    """Who asks a person."""

    async def ask(self, question: str, *, is_hidden: bool) -> str:
        """Raises `NobodyThere`."""
        ...

    def say(self, text: str) -> None: ...


class Terminal:
    """A `Questioner` at the terminal of this process."""

    def __init__(self) -> None:
        """Raises `NobodyThere`."""
        try:
            self._fd = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
        except OSError:
            raise NobodyThere("there is no terminal to ask for a password on") from None

    def close(self) -> None:
        os.close(self._fd)

    def say(self, text: str) -> None:
        os.write(self._fd, f"{plain(text)}\n".encode(errors="replace"))

    async def ask(self, question: str, *, is_hidden: bool) -> str:
        os.write(self._fd, f"{plain(question)}: ".encode(errors="replace"))
        if not is_hidden:
            return await self._line()
        with self._unseen():
            return await self._line()

    async def _line(self) -> str:
        loop = asyncio.get_running_loop()
        line: asyncio.Future[bytes] = loop.create_future()

        def read() -> None:
            try:
                data = os.read(self._fd, _LONGEST)  # a line, which the terminal edits by itself
            except OSError:
                data = b""
            if not line.done():
                line.set_result(data)

        loop.add_reader(self._fd, read)
        try:
            data = await line
        finally:
            loop.remove_reader(self._fd)
        if not data:
            raise NobodyThere("the terminal was closed")
        return data.decode(errors="replace").rstrip("\r\n")

    @contextmanager
    def _unseen(self) -> Iterator[None]:
        before = termios.tcgetattr(self._fd)
        unseen = termios.tcgetattr(self._fd)
        unseen[3] &= ~termios.ECHO
        termios.tcsetattr(self._fd, termios.TCSAFLUSH, unseen)
        try:
            yield
        finally:
            termios.tcsetattr(self._fd, termios.TCSAFLUSH, before)
            os.write(self._fd, b"\n")


def plain(text: str) -> str:
    """What comes from elsewhere moves no cursor and hides nothing."""
    return "".join(char if char.isprintable() else "?" for char in text)
