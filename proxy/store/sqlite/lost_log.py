"""Whether SQLite has left out a part of its log because it was damaged: SQLite itself does not say so.

The write-ahead log's format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log
"""

from __future__ import annotations

import os
import sqlite3
import struct
from dataclasses import dataclass
from pathlib import Path

_HEADER = struct.Struct(">8I")
"""Magic, version, page size, checkpoint number, two salts, two checksums."""
_FRAME = struct.Struct(">6I")
"""Page number, pages after a commit (0: none is committed by it), two salts, two checksums."""
_LITTLE_ENDIAN, _BIG_ENDIAN = 0x377F0682, 0x377F0683
_SIZES = frozenset(512 << power for power in range(8))
LOST = {
    "meaning": "the end of the store's log was damaged and left out: sessions may be lost, and ends of sessions; after "
    "a power failure only what was not acknowledged",
    "remedy": "unless the power failed: gatepost sessions end --all --config FILE",
}
"""What an operator should know about it."""


@dataclass(frozen=True, slots=True)
class LogFrames:
    """What a log says about itself before SQLite has judged it."""

    header: bytes
    commits: tuple[int, ...]
    """The numbers of the frames, from 1, that commit a transaction of the log's own."""
    is_readable: bool = True


def committed_frames(path: Path) -> LogFrames | None:
    """Of the log beside this database; None where there is none. Raises `OSError`."""
    try:
        log = open(f"{os.path.realpath(path)}-wal", "rb")  # noqa: SIM115  # closed below
    except FileNotFoundError:
        return None
    with log:
        header = log.read(_HEADER.size)
        if len(header) < _HEADER.size:
            return None
        magic, _, page_size, _, *salts, first, second = _HEADER.unpack(header)
        if (first, second) != _checksum(header[:24], magic) or page_size not in _SIZES:
            # Nothing in it can be read, so at least one transaction is lost.
            return LogFrames(header, (1,), is_readable=False) if log.read(1) else None
        commits = []
        whole = (os.fstat(log.fileno()).st_size - _HEADER.size) // (_FRAME.size + page_size)
        for number in range(1, whole + 1):
            frame = log.read(_FRAME.size)
            if len(frame) < _FRAME.size:  # it was made shorter
                break
            _, pages, *rest = _FRAME.unpack(frame)
            if pages and rest[:2] == salts:
                commits.append(number)
            log.seek(page_size, os.SEEK_CUR)
        return LogFrames(header, tuple(commits))


def _checksum(words: bytes, magic: int) -> tuple[int, int]:
    """From the header; for a file that is not a log, a value that no log has."""
    if magic not in (_LITTLE_ENDIAN, _BIG_ENDIAN):
        return -1, -1
    first = second = 0
    for one, two in struct.iter_unpack("<2I" if magic == _LITTLE_ENDIAN else ">2I", words):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + two + first) & 0xFFFFFFFF
    return first, second


def lost_transactions(connection: sqlite3.Connection, path: Path, frames: LogFrames) -> int:
    """How many of those that the log held SQLite has left out.

    `frames` were read before it was opened: what others have written since only makes it longer.
    """
    if not frames.commits or not frames.is_readable:
        return len(frames.commits)
    try:
        # A process that was writing has finished by then: its last transaction may have been there without counting
        # yet.
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
        is_busy, kept, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    except sqlite3.Error:  # a full disk: read what can be read
        return 0
    now = committed_frames(path)
    if is_busy or now is None or now.header != frames.header:
        return 0  # another process has it open and may have restarted it: then SQLite has read all of it
    return sum(1 for number in frames.commits if number > kept)
