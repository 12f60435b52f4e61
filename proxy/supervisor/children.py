"""Processes that the supervisor starts and reaps, each at the other end of a socket pair.

A child is a new program, never a fork of this one, so it inherits no thread, lock or secret. When this process is gone,
for any reason, its end of each pair closes, and the children end. Instants are the loop's.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from proxy.supervisor.orders import BEAT, PROBLEM, READY, PlanOrder, WorkerOrder, to_json
from proxy.supervisor.systemd import VARIABLES

_ROOT = Path(__file__).parent.parent.parent
"""Where the packages are."""
_CHILD = "proxy.commands.child"


class Child:
    """One process. `ended` is set once it was reaped; then `how_it_ended` says how."""

    def __init__(self, process_id: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        now = asyncio.get_running_loop().time()
        self.process_id = process_id
        self.started_at = now
        self.heard_at = now
        self.ready = asyncio.Event()
        self.ended = asyncio.Event()
        self.problems: list[str] = []
        self.status = 0
        """As of waitpid(2)."""
        self._reader = reader
        self._writer = writer

    @property
    def is_serving(self) -> bool:
        return self.ready.is_set() and not self.ended.is_set()

    @property
    def exit_code(self) -> int | None:
        """None if a signal ended it."""
        return os.WEXITSTATUS(self.status) if os.WIFEXITED(self.status) else None

    @property
    def how_it_ended(self) -> str:
        if os.WIFSIGNALED(self.status):
            return f"signal {signal.Signals(os.WTERMSIG(self.status)).name}"
        return f"exit code {os.WEXITSTATUS(self.status)}"

    async def listen(self) -> None:
        """Record what it says until it is gone, including its last words."""
        with contextlib.suppress(ConnectionError), contextlib.closing(self._writer):
            async for line in self._reader:
                word, _, text = line.decode().rstrip("\n").partition(" ")
                self.heard_at = asyncio.get_running_loop().time()
                if word == READY:
                    self.ready.set()
                elif word == PROBLEM:
                    self.problems.append(text)
                else:
                    assert word == BEAT, word  # noqa: S101  # both sides are ours

    async def read_all(self) -> str:
        """All it says, for a child that says one thing."""
        with contextlib.closing(self._writer):
            return (await self._reader.read()).decode()

    def tell(self, word: str) -> None:
        if not self._writer.is_closing():
            self._writer.write(f"{word}\n".encode())

    def kill(self) -> None:
        if not self.ended.is_set():
            os.kill(self.process_id, signal.SIGKILL)

    def note_end(self, status: int) -> None:
        self.status = status
        self.ended.set()


class Children:
    """All children of this process, and any orphan that it inherits as the first process of a container."""

    def __init__(self) -> None:
        self._running: dict[int, Child] = {}

    async def start(
        self, module: str, order: Callable[..., PlanOrder | WorkerOrder], descriptors: Iterable[int]
    ) -> Child:
        """Run ``module.main(ORDER)`` in a new Python with these descriptors open; `order` lacks the number of its
        socket."""
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours)
            process_id = _spawn(module, to_json(order(control=theirs.fileno())), (*descriptors, theirs.fileno()))
        # Nothing was awaited since: `reap` cannot have missed it.
        child = self._running[process_id] = Child(process_id, reader, writer)
        return child

    def reap(self) -> None:
        """Call this on SIGCHLD: records all children that ended."""
        while True:
            try:
                process_id, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if process_id == 0:
                return
            child = self._running.pop(process_id, None)
            if child is not None:
                child.note_end(status)


def own_environment() -> dict[str, str]:
    """This process's, in which Python finds our packages."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))}


def _spawn(module: str, argument: str, descriptors: Iterable[int]) -> int:
    environ = {name: value for name, value in own_environment().items() if name not in VARIABLES}
    inherited = tuple(descriptors)
    try:
        for each in inherited:
            os.set_inheritable(each, True)
        # -P: do not search the working directory, which may hold anything, for modules. The child has its own process
        # group, because Ctrl-C is for the supervisor, which tells the others.
        return os.posix_spawn(
            sys.executable, [sys.executable, "-P", "-m", _CHILD, module, argument], environ, setpgroup=0, setsigmask=()
        )
    finally:
        for each in inherited:
            os.set_inheritable(each, False)
