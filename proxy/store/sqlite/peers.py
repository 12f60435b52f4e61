"""Calls between the processes that share one SQLite file: "look", and the answer that it was done.

Each process that keeps sessions has a datagram socket in a folder beside the file that only its owner may enter. A call
holds only the number of a notice. What happened is read from the file, so a lost call costs only time. Unix socket
paths are short (108 bytes), so the folder is named by its open descriptor.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from proxy.operations.own_user import as_owner_of
from proxy.operations.store_errors import StoreUnavailable

HEARS = ".hears"
TELLS = ".tells"

_AGAIN_SECONDS = 0.02
"""When a process that has not answered is called again: its queue may have been full, or it may have died."""
_NUMBER_BYTES = 8
_MOST_AT_ONCE = 256


class PeerSocket:
    """One socket in the folder, read on the running loop. A number that comes is handed over with its sender's name."""

    def __init__(self, folder: Path, suffix: str, on_number: Callable[[int, str], None]) -> None:
        """Raises `OSError`."""
        with as_owner_of(folder.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        self._folder = folder
        self.name = f"{os.getpid()}-{secrets.token_hex(8)}{suffix}"
        self._on_number = on_number
        self._loop = asyncio.get_running_loop()
        self._folder_fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        by_descriptor = f"/proc/self/fd/{self._folder_fd}"
        self._prefix = by_descriptor if os.path.isdir(by_descriptor) else str(folder)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            with as_owner_of(folder):  # a process that is called must be able to answer
                self._socket.bind(self._path(self.name))
            self._loop.add_reader(self._socket, self._read)
        except BaseException:
            self._socket.close()
            os.close(self._folder_fd)
            raise

    def is_there(self) -> bool:
        """Whether others find it: somebody may have removed the folder with the store's files."""
        try:
            is_same_folder = os.path.samestat(os.stat(self._folder), os.fstat(self._folder_fd))
            return is_same_folder and bool(os.stat(self.name, dir_fd=self._folder_fd))
        except OSError:
            return False

    def peers(self) -> list[str]:
        """All that hear, without this socket."""
        return [name for name in os.listdir(self._folder_fd) if name.endswith(HEARS) and name != self.name]

    def send(self, number: int, name: str) -> bool:
        """False if nobody is there any more; then its socket is removed. A full queue is not reported."""
        try:
            self._socket.sendto(number.to_bytes(_NUMBER_BYTES), self._path(name))
        except ConnectionRefusedError:
            with suppress(OSError):
                os.unlink(name, dir_fd=self._folder_fd)
            return False
        except FileNotFoundError:
            return False
        except OSError:
            return True  # a process that cannot be called now is waited for
        return True

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        with suppress(OSError):
            os.unlink(self.name, dir_fd=self._folder_fd)
        self._socket.close()
        os.close(self._folder_fd)

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{name}"

    def _read(self) -> None:
        for _ in range(_MOST_AT_ONCE):
            try:
                data, sender = self._socket.recvfrom(_NUMBER_BYTES)
            except OSError:  # no more of them
                return
            if sender:
                self._on_number(int.from_bytes(data), os.path.basename(sender))


class Telling:
    """Tells the others that there is a notice, and waits for them to have heard of it."""

    def __init__(self, folder: Path, own_ear: Callable[[], str], notice_seconds: float) -> None:
        """`own_ear`: the name of this process's own hearing socket, which is not called."""
        self._notice_seconds = notice_seconds
        self._folder = folder
        self._own_ear = own_ear
        self._socket: PeerSocket | None = None
        self._heard: dict[str, int] = {}
        self._somebody_heard = asyncio.Event()

    async def tell(self, number: int) -> None:
        """Return when everybody heard of it, at the latest after `NOTICE_SECONDS`."""
        is_lost = self._socket is not None and not self._socket.is_there()
        try:
            waited_for = self.call(number)
            if is_lost:  # others have lost theirs too, and may not have made new ones yet
                raise FileNotFoundError
        except OSError:
            # Sockets cannot be used here: nobody can say that they heard, but by then everybody has looked.
            await asyncio.sleep(self._notice_seconds)
            return
        socket = self._socket
        deadline = asyncio.get_running_loop().time() + self._notice_seconds
        while waited_for and socket is not None:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return
            self._somebody_heard.clear()
            try:
                async with asyncio.timeout(min(left, _AGAIN_SECONDS)):
                    await self._somebody_heard.wait()
            except TimeoutError:
                waited_for = {name for name in waited_for if socket.send(number, name)}
            waited_for = {name for name in waited_for if self._heard.get(name, -1) < number}

    def call(self, number: int) -> set[str]:
        """Tell without waiting; returns who is there. Raises `OSError`."""
        if self._socket is not None and not self._socket.is_there():
            self.close()
        if self._socket is None:
            self._socket = PeerSocket(self._folder, TELLS, self._on_answer)
            self._remove_dead(self._socket)
        own_ear = self._own_ear()
        peers = {name for name in self._socket.peers() if name != own_ear}
        self._heard = {name: heard for name, heard in self._heard.items() if name in peers}
        return {name for name in peers if self._socket.send(number, name)}

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _on_answer(self, number: int, name: str) -> None:
        self._heard[name] = max(number, self._heard.get(name, -1))
        self._somebody_heard.set()

    def _remove_dead(self, socket: PeerSocket) -> None:
        """Remove the sockets of killed tellers; those of hearers are removed when they are called."""
        for name in os.listdir(self._folder):
            if name.endswith(TELLS) and name != socket.name:
                socket.send(0, name)


class Hearing:
    """Is called, looks, and answers how far it has heard."""

    def __init__(self, folder: Path, look: Callable[[], Awaitable[int]]) -> None:
        """`look` returns the number up to which everything was told here. Raises `OSError`."""
        self._look = look
        self._unanswered: list[str] = []
        self._answering: asyncio.Task[None] | None = None
        self._socket = PeerSocket(folder, HEARS, self._on_call)

    @property
    def name(self) -> str:
        return self._socket.name

    def is_there(self) -> bool:
        """Whether it can be called."""
        return self._socket.is_there()

    async def close(self) -> None:
        if self._answering is not None:
            self._answering.cancel()
            await asyncio.gather(self._answering, return_exceptions=True)
        self._socket.close()

    def _on_call(self, number: int, name: str) -> None:
        self._unanswered.append(name)
        if self._answering is None or self._answering.done():
            self._answering = asyncio.create_task(self._answer())

    async def _answer(self) -> None:
        while self._unanswered:
            names, self._unanswered = set(self._unanswered), []
            try:
                heard = await self._look()
            except StoreUnavailable:
                continue  # the caller waits a limited time, and by then nothing is answered from memory
            for name in names:
                self._socket.send(heard, name)
