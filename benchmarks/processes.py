"""Processes pinned to cores: started, waited for, their CPU time and memory read from /proc, ended by their id.

CPU times are seconds of user and system time, of a process and all its children. Memory is in bytes.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 30.0
_ROOT = Path(__file__).parent.parent
"""Where `python -m` finds the packages."""
_TICKS = os.sysconf("SC_CLK_TCK")


class CannotStart(Exception):
    """A process ended or stayed silent instead of listening; the text holds what it wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """Which cores the proxy under test has, and which the load and the upstreams share."""

    proxy: frozenset[int]
    load: frozenset[int]

    @classmethod
    def of_this_machine(cls) -> Cores:
        """One for the proxy, all others for the rest; on a machine with one core they share it."""
        first, *others = sorted(os.sched_getaffinity(0))
        return cls(proxy=frozenset((first,)), load=frozenset(others or (first,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes of resident memory of a process and its children, now and at most since `forget_peak`."""

    now: int
    peak: int


class Process:
    """A started process. `first_line` is what it wrote to its standard output once it was ready, if asked for."""

    def __init__(self, popen: subprocess.Popen[bytes], log: Path, first_line: str = "") -> None:
        self._popen = popen
        self._log = log
        self.first_line = first_line

    def cpu_seconds(self) -> float:
        ticks = 0
        for process_id in self._family():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
                ticks += int(fields[11]) + int(fields[12])
        return ticks / _TICKS

    def memory(self) -> Memory:
        now = peak = 0
        for process_id in self._family():
            for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
                name, _, value = line.partition(":")
                if name == "VmRSS":
                    now += int(value.split()[0]) * 1024
                elif name == "VmHWM":
                    peak += int(value.split()[0]) * 1024
        return Memory(now=now, peak=peak)

    def forget_peak(self) -> None:
        """proc(5): writing 5 to clear_refs sets the peak back to what is resident now."""
        for process_id in self._family():
            Path(f"/proc/{process_id}/clear_refs").write_text("5")

    def log_text(self) -> str:
        return self._log.read_text(errors="replace")[-4000:]

    def _family(self) -> list[int]:
        found = [self._popen.pid]
        for process_id in found:
            with contextlib.suppress(OSError):
                children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
                found += map(int, children.split())
        return found


@contextlib.contextmanager
def started(
    command: Sequence[str], *, cores: frozenset[int], log: Path, ports: Sequence[int] = (), says: bool = False
) -> Iterator[Process]:
    """Run `command` on `cores` until the block is left; entered once it listens on `ports`, or `says` a first line.

    Raises `CannotStart`.
    """
    pinned = ["taskset", "-c", ",".join(map(str, sorted(cores))), *command]
    with log.open("wb") as log_file:
        popen = subprocess.Popen(
            pinned,
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if says else log_file,
            stderr=log_file,
        )
    process = Process(popen, log)
    try:
        if says:
            process.first_line = _first_line(popen)
        for port in ports:
            _wait_for(port, popen)
        if says and not process.first_line:
            raise CannotStart(f"{command[0]} ended: {process.log_text()}")
        yield process
    except TimeoutError as exc:
        raise CannotStart(f"{command[0]}: {exc}: {process.log_text()}") from exc
    finally:
        popen.terminate()
        try:
            popen.wait(15)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()
        if popen.stdout is not None:
            popen.stdout.close()


class Bystanders:
    """How much of the machine other programs used since this object was made: on a busy machine figures mean less."""

    def __init__(self) -> None:
        self._total, self._busy = _machine_seconds()
        self._own = _own_seconds()

    def share(self) -> float:
        """Between 0 and 1. Ask once all processes of one's own have ended."""
        total, busy = _machine_seconds()
        others = busy - self._busy - (_own_seconds() - self._own)
        return min(1.0, max(0.0, others / (total - self._total)))


def _machine_seconds() -> tuple[float, float]:
    """Of all processors since boot: in all, and busy (proc(5), /proc/stat)."""
    fields = [int(each) for each in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(fields) / _TICKS, (sum(fields) - fields[3] - fields[4]) / _TICKS


def _own_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def program(name: str) -> str | None:
    """Where a program is; also looks in system folders that are not on every PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin:/usr/local/sbin")


def free_port() -> int:
    """A port that the system had free just now, for programs that cannot be asked to choose one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def raise_file_limit() -> int:
    """As many open files as this process and its children may have; how many that are."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # root may go beyond
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, 65_536), max(hard, 65_536)))
        return resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def most_connections(open_files: int) -> int:
    """Of clients, to a Gatepost that may open so many files: each takes three at the most, and it keeps some back."""
    return (open_files - 1500) // 3


def _first_line(popen: subprocess.Popen[bytes]) -> str:
    assert popen.stdout is not None
    if not select.select([popen.stdout], [], [], START_SECONDS * 4)[0]:
        raise TimeoutError("did not get ready")
    return popen.stdout.readline().decode().strip()


def _wait_for(port: int, popen: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if popen.poll() is not None or time.monotonic() > deadline:
            raise TimeoutError(f"does not listen on port {port}")
        time.sleep(0.02)
