"""The files of one writer, and the slot that makes it the only one: each process has one of its own. This blocks.

A slot is a small file that is locked for as long as its process lives; a reload overlaps old and new workers, and a
command is a process too. Who takes a slot goes on with the chain in its newest file. Nobody else appends to that, so
a line that was cut off can be closed, and one that was half written can be taken back.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from proxy.audit.files import MOST_BYTES, AuditFile, audit_files, next_file
from proxy.audit.lines import ChainEnd, read_line
from proxy.operations.own_user import as_owner_of

_MOST_SLOTS = 999
_BLOCK = 64 * 1024
_MOST_TORN = 15
"""Of a file: as many digests as one fact of a line holds."""
_BEGIN = b'{"time":"'


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundChain:
    """What the last process left in a slot."""

    end: ChainEnd | None = None
    """Of the chain to go on with; None: there is none."""
    torn: tuple[bytes, ...] = field(default=(), repr=False)
    """What was written of lines that were cut off, the newest first: several, if the process died that was to tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTail:
    """How a file ends."""

    whole: bytes | None = field(repr=False)
    """The last whole line, without its end; empty: one that is no line of an audit. None: there is no whole line."""
    torn: tuple[bytes, ...] = field(default=(), repr=False)
    """What stands after it, the newest first."""
    is_open: bool = False
    """Whether the newest of that has no line end."""


class ChainFile:
    """Raises `OSError` wherever the disk does."""

    def __init__(self, base: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self.base = base
        self._most_bytes = most_bytes
        self._slot = 0
        self._lock = -1
        self._file = -1
        self._current: AuditFile | None = None
        self._size = 0
        self._before = b""
        """What ends a line that was cut off, together with the line that tells of it."""

    def take(self, *, day: str) -> FoundChain:
        """Take the first free slot, and find what is there."""
        with as_owner_of(self.base.parent.parent):  # root may run the first command
            self.base.parent.mkdir(mode=0o700, exist_ok=True)
        self._slot, self._lock = _locked(self.base)
        try:
            return self._recover(day)
        except BaseException:
            self.close()
            raise

    def _recover(self, day: str) -> FoundChain:
        own = self._own()
        tails = list[FileTail]()
        for each in reversed(own):
            tails.append(read_tail(each.path(self.base)))
            if tails[-1].whole is not None:
                break
        line = read_line(tails[-1].whole or b"") if tails else None
        if own:
            self._open(own[-1])
            self._before = b"\n" if tails[0].is_open else b""
        if line is None or self.is_over(day=day):
            self.turn(day=day)
        # What is no line is not ours any more: `verify` names it, and a new chain begins in a new file.
        end = None if line is None else ChainEnd(chain=line.chain, seq=line.seq, hash=line.digest)
        return FoundChain(end=end, torn=tuple(torn for tail in tails for torn in tail.torn))

    def is_over(self, *, day: str) -> bool:
        """Whether what comes next belongs into another file: another day, or this one is long enough."""
        return self._current is None or self._current.day < day or self._size >= self._most_bytes

    def turn(self, *, day: str) -> None:
        """Go on in a new file."""
        self._open(next_file(self._own(), day=day, slot=self._slot))

    def append(self, text: bytes) -> None:
        """All of it, on the disk when this returns; or nothing of it, and `OSError`."""
        if self._file < 0:
            raise OSError(f"{self.base}: there is no open file")
        if self._current is not None and not self._is_ours(self._current.path(self.base)):
            # Somebody removed, renamed or changed it: what comes now must not be lost with it, and `verify` will tell.
            self._open(self._current)
            self._before = b"\n" if read_tail(self._current.path(self.base)).is_open else b""
        text = self._before + text
        try:
            written = os.write(self._file, text)
            if written < len(text):
                written += os.write(self._file, text[written:])  # it says why
            if written < len(text):
                raise OSError(errno.ENOSPC, "the disk is full")
            os.fsync(self._file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(text)
        self._before = b""

    def _is_ours(self, path: Path) -> bool:
        """Whether the open file is as it was left, and still has its name."""
        state = os.fstat(self._file)
        try:
            return state.st_size == self._size and os.path.samestat(state, os.lstat(path))
        except FileNotFoundError:
            return False

    def close(self) -> None:
        for each in (self._file, self._lock):
            if each >= 0:
                os.close(each)
        self._file = self._lock = -1

    def _own(self) -> list[AuditFile]:
        names = [each.name for each in self.base.parent.iterdir()]
        return [each for each in audit_files(self.base, names) if each.slot == self._slot]

    def _open(self, each: AuditFile) -> None:
        path = each.path(self.base)
        opened = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._current, self._size = opened, each, os.fstat(opened).st_size
        self._before = b""
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def lock_path(base: Path, slot: int | str) -> Path:
    return base.with_name(f".{base.name}.slot-{slot}")


def try_lock(path: Path) -> int | None:
    """A descriptor that holds its lock; None if somebody else does. Raises `OSError`."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    except BaseException:
        os.close(file)
        raise
    return file


def _locked(base: Path) -> tuple[int, int]:
    """The number of a slot, and the descriptor that holds it."""
    refused: OSError | None = None
    for slot in range(1, _MOST_SLOTS + 1):
        try:
            file = try_lock(lock_path(base, slot))
        except PermissionError as error:  # another user's: root may have run a command
            if not lock_path(base, slot).exists():
                raise
            refused = error
            continue
        if file is not None:
            return slot, file
    raise refused or OSError(f"{base}: all {_MOST_SLOTS} writers are there")


def read_tail(path: Path) -> FileTail:
    """A line that was cut off was followed by a line end, if a process died after that: it is still one that was cut
    off. What else is no line ends the search: `verify` is to name it."""
    with open(path, "rb") as file:
        position, text = file.seek(0, os.SEEK_END), b""
        while True:
            *lines, rest = text.split(b"\n")
            torn = [rest] if rest else []
            for line in reversed(lines if not position else lines[1:]):
                is_ours = read_line(line) is not None
                may_be_torn = line and _BEGIN.startswith(line[: len(_BEGIN)]) and len(torn) < _MOST_TORN
                if is_ours or not may_be_torn:
                    return FileTail(whole=line if is_ours else b"", torn=tuple(torn), is_open=bool(rest))
                torn.append(line)
            if not position:
                return FileTail(whole=None, torn=tuple(torn), is_open=bool(rest))
            start = max(0, position - _BLOCK)
            file.seek(start)
            text, position = file.read(position - start) + text, start
