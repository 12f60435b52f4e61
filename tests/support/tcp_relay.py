"""A TCP relay that stands between a client and a server, and can hang, cut or forget what goes through it."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from queue import Queue

_RESET = struct.pack("ii", 1, 0)


class TCPRelay:
    """Listens on `host`, at a port of the system's choice, for as long as `running` does."""

    def __init__(self, target: tuple[str, int], *, host: str = "127.0.0.1") -> None:
        self._target, self.host, self.port = target, host, 0
        self.was_used = threading.Event()
        self._listener: socket.socket | None = None
        self._passing = threading.Event()
        self._passing.set()
        self._delay_seconds = 0.0
        self._lock = threading.Lock()
        self._pairs: list[tuple[socket.socket, socket.socket, threading.Event]] = []
        self._threads: list[threading.Thread] = []

    @contextlib.contextmanager
    def running(self) -> Iterator[TCPRelay]:
        self._listen()
        try:
            yield self
        finally:
            self.cut()
            self._passing.set()
            for thread in self._threads:
                thread.join()

    def hang(self) -> None:
        """Connections are accepted, and nothing goes through, on those that are there already either."""
        self._passing.clear()

    def delay_answers(self, seconds: float) -> None:
        """On connections from now on, whatever the server says arrives so much later."""
        self._delay_seconds = seconds

    def forget(self) -> None:
        """The connections there are lead nowhere from now on, without a word; new ones work."""
        with self._lock:
            for *_, is_remembered in self._pairs:
                is_remembered.clear()

    def cut(self) -> None:
        """Every connection is reset, and new ones are refused."""
        if self._listener is not None:
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for near, far, _ in pairs:
            for each in (near, far):
                with contextlib.suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    each.shutdown(socket.SHUT_RDWR)

    def restore(self) -> None:
        self._passing.set()
        if self._listener is None:
            self._listen()

    def _listen(self) -> None:
        self._listener = socket.create_server((self.host, self.port))
        self.port = self._listener.getsockname()[1]
        self._start(self._accept, self._listener)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            self.was_used.set()
            try:
                far = socket.create_connection(self._target)
            except OSError:
                near.close()
                continue
            is_remembered = threading.Event()
            is_remembered.set()
            with self._lock:
                self._pairs.append((near, far, is_remembered))
            self._start(self._pump, near, far, is_remembered)
            if self._delay_seconds:
                delayed, answers = socket.socketpair()
                self._start(self._hold_up, far, delayed)
                far = answers
            self._start(self._pump, far, near, is_remembered)

    def _pump(self, source: socket.socket, sink: socket.socket, is_remembered: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._passing.wait()
                if is_remembered.is_set():
                    sink.sendall(data)
        with contextlib.suppress(OSError):
            if is_remembered.is_set():
                sink.shutdown(socket.SHUT_WR)
        # The socket that this thread reads is the one that it closes.
        source.close()

    def _hold_up(self, source: socket.socket, sink: socket.socket) -> None:
        """Pass everything on, each piece the delay after it came."""
        held: Queue[tuple[float, bytes]] = Queue()

        def let_go() -> None:
            with contextlib.suppress(OSError):
                while (piece := held.get())[1]:
                    time.sleep(max(0.0, piece[0] - time.monotonic()))
                    sink.sendall(piece[1])
            sink.close()

        self._start(let_go)
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                held.put((time.monotonic() + self._delay_seconds, data))
        held.put((0.0, b""))
        source.close()

    def _start(self, work, *arguments: object) -> None:  # type: ignore[no-untyped-def]
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
