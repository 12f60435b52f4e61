"""A real redis-server (or sentinel) of the test's own, ended by its process id."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")
STARTS_WITHIN_SECONDS = 20.0


class RedisServer:
    """Listens on a Unix socket, and on a TCP port (with TLS or without) where one is asked for."""

    def __init__(self, folder: Path, *options: str, port: int = 0, is_sentinel: bool = False) -> None:
        assert PROGRAM is not None, "redis-server is not installed"
        self.folder = folder
        self.socket = folder / "redis.sock"
        self.port = port
        self._options = options
        self._is_sentinel = is_sentinel
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix:{self.socket}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """And wait until it answers."""
        options = ["--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", "", "--port", str(self.port)]
        if self._is_sentinel:
            configuration = self.folder / "sentinel.conf"
            configuration.write_text("\n".join(self._options) + f"\nport {self.port}\nunixsocket {self.socket}\n")
            command = [str(PROGRAM), str(configuration), "--sentinel"]
        else:
            command = [str(PROGRAM), *options, *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while True:
            with contextlib.suppress(OSError):
                # One that asks for a password is there too.
                if self.ask("PING").startswith((b"+PONG", b"-NOAUTH")):
                    return
            assert self._process.poll() is None, "redis-server ended"
            assert time.monotonic() < deadline, "redis-server does not answer"
            time.sleep(0.01)

    def ask(self, *words: str) -> bytes:
        """The first bytes of the answer to one command, over the socket."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self.socket))
            connection.sendall(b"*%d\r\n" % len(words))
            for word in words:
                connection.sendall(b"$%d\r\n%s\r\n" % (len(word.encode()), word.encode()))
            return connection.recv(65536)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """It accepts connections and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.resume()
            self.kill()


@contextlib.contextmanager
def running_redis(*options: str, port: int = 0, is_sentinel: bool = False) -> Iterator[RedisServer]:
    # Not tmp_path: the path of a socket may have 107 bytes.
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        server = RedisServer(Path(folder), *options, port=port, is_sentinel=is_sentinel)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def free_ports(count: int) -> Sequence[int]:
    """Ports that the system has just given, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def new_prefix() -> str:
    """So that tests share a server and nothing in it."""
    return f"test-{secrets.token_hex(6)}"
