"""A real Gatepost in its own process, as an operator would start it."""

from __future__ import annotations

import fcntl
import io
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from queue import Empty, Queue

from proxy.cli import main
from proxy.supervisor.fleet import LATE_SECONDS, START_SECONDS
from proxy.supervisor.planning import PLAN_SECONDS

ROOT = Path(__file__).parent.parent.parent
AS_DEPLOYED = ROOT / "tests" / "support" / "as_deployed"
BUSY_SECONDS = 30.0
"""By so much a busy machine may be late. These limits are nets under waits for events: Gatepost's own are lower."""
STARTS_WITHIN_SECONDS = PLAN_SECONDS + START_SECONDS + BUSY_SECONDS
LONGEST_DRAIN_SECONDS = 30.0
"""The default of `server.drain_timeout`."""
STOPS_WITHIN_SECONDS = LONGEST_DRAIN_SECONDS + LATE_SECONDS + BUSY_SECONDS


def free_port() -> int:
    """A port that the system had free just now; for the few places that must know it before they listen."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command(*arguments: str) -> list[str]:
    """`gatepost ARGUMENTS...`, from the sources."""
    return [sys.executable, "-m", "proxy", *arguments]


def environment(more: dict[str, str] | None = None) -> dict[str, str]:
    """Like one in which Gatepost is deployed, without the machine's certificate authorities: aiohttp would read them in
    each process, and none of them signed a certificate of these tests."""
    deployed = {"PYTHONPATH": os.pathsep.join(map(str, (ROOT, AS_DEPLOYED))), "SSL_CERT_FILE": os.devnull}
    return {**os.environ, **deployed, **(more or {})}


def gatepost(*arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """One command, to its end."""
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=60, check=False, env=environment(environ)
    )


def gatepost_here(*arguments: str) -> subprocess.CompletedProcess[str]:
    """One command in this process: to start another one takes a second of a processor."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        code = main(arguments)
    return subprocess.CompletedProcess(arguments, code, stdout.getvalue(), stderr.getvalue())


class GatepostProcess:
    """`gatepost run --config FILE`; `log` is everything it wrote."""

    def __init__(
        self,
        config: Path,
        *,
        arguments: Sequence[str] = ("run",),
        environ: dict[str, str] | None = None,
        sockets: Mapping[str, int] | None = None,
        open_files: int | None = None,
    ):
        """`sockets` are descriptors by name, handed over as systemd would (sd_listen_fds(3)).

        `open_files` is the hard limit of descriptors, where it shall be lower than this process's.
        """
        self.config = config
        self._arguments = command(*arguments, "--config", str(config))
        if open_files is not None:
            self._arguments = ["bash", "-c", f'ulimit -n {open_files}; exec "$@"', "gatepost", *self._arguments]
        self._environ = environment(environ)
        # Out of the way of the numbers from 3, where they will be.
        self._sockets = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 20) for each in (sockets or {}).values()]
        if sockets:
            moves = " ".join(f"{3 + position}<&{each}" for position, each in enumerate(self._sockets))
            script = f'exec {moves}; export LISTEN_PID=$$; exec "$@"'
            self._arguments = ["bash", "-c", script, "gatepost", *self._arguments]
            self._environ |= {"LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(sockets)}
        self._process: subprocess.Popen[str] | None = None
        self._lines: Queue[str] = Queue()
        self.log: list[str] = []

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and return once it says that it listens."""
        self._process = subprocess.Popen(
            self._arguments,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.config.parent,
            env=self._environ,
            pass_fds=self._sockets,
        )
        for each in self._sockets:
            os.close(each)
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()
        self.wait_for_log("server.started", timeout=STARTS_WITHIN_SECONDS)

    def wait_for_log(self, text: str, timeout: float = 2 * BUSY_SECONDS) -> str:
        """The next line with this text that was not waited for yet."""
        while True:
            try:
                line = self._lines.get(timeout=timeout)
            except Empty:
                raise AssertionError(f"no {text!r} in the log:\n" + "".join(self.log)) from None
            if text in line:
                return line
            assert line != "", "Gatepost ended:\n" + "".join(self.log)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.log.append(line)
            self._lines.put(line)
        process.stderr.close()
        self._lines.put("")

    def kill(self) -> None:
        """`kill -9`."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def wait(self) -> int:
        """Until it ends by itself, or by what was done to it."""
        return self._end(None)

    def _end(self, number: signal.Signals | None) -> int:
        assert self._process is not None
        if number is not None:
            self._process.send_signal(number)
        code = self._process.wait(STOPS_WITHIN_SECONDS)
        self._process = None
        while self._lines.get(timeout=STOPS_WITHIN_SECONDS) != "":
            pass
        return code

    def __enter__(self) -> GatepostProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop()
