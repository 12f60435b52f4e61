"""Which files are at the store's path, by device and inode: SQLite itself does not notice that its files are gone."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from proxy.operations.store_errors import StoreUnavailable

LOCK_SECONDS = 5.0
"""How long a process waits for another that is opening the files."""
_AGAIN_SECONDS = 0.005

_TICK_SECONDS = 2.5
"""Of two changes within a tick of the file system's clock the second leaves the same time.

10 ms with most, a second with small inodes of ext4, two with FAT.
"""
_LOG, _INDEX = "-wal", "-shm"

Inode = tuple[int, int]


class Standing:
    """The files of one open connection: as long as it is open, SQLite keeps all of them."""

    def __init__(self, path: Path) -> None:
        self._path = str(path)
        self._real = os.path.realpath(path)
        """Where a symbolic link leads to: there SQLite keeps its `-wal` and `-shm`, too."""
        self._folder = str(path.parent)
        self._quiet: tuple[int, int, int] | None = None
        """The folder with the time of its last change, where that was well before the files were looked at last."""
        self.inodes = self._inodes()
        """Of the name, the database, and the two beside it."""

    def stands(self) -> bool:
        """Whether all of them are still there. Cheap enough for each group of jobs.

        Anything created, moved or removed in a folder changes its time: as long as that is the same, so are the files.
        """
        try:
            found = os.stat(self._folder)
        except OSError:
            return False
        folder = found.st_dev, found.st_ino, found.st_mtime_ns
        if folder == self._quiet:
            return True
        if self.inodes != self._inodes():
            return False
        is_link = self.inodes[0] != self.inodes[1]
        self._quiet = folder if not is_link and found.st_mtime < time.time() - _TICK_SECONDS else None
        return True

    def _inodes(self) -> tuple[Inode | None, ...]:
        return (
            inode_of(self._path, is_followed=False),
            inode_of(self._real),
            inode_of(self._real + _LOG),
            inode_of(self._real + _INDEX),
        )

    def has_its_database(self) -> bool:
        """Whether only what SQLite keeps beside it is gone, or another, or left behind when it was moved."""
        return self.inodes[1] is not None and self.inodes[1] == inode_of(self._path)

    def remove_own_log(self) -> None:
        """So that SQLite does not take what was written for this database for a part of another one."""
        for suffix, inode in zip((_LOG, _INDEX), self.inodes[2:], strict=True):
            if inode is not None and inode == inode_of(self._real + suffix):
                os.unlink(self._real + suffix)


def inode_of(path: Path | str, *, is_followed: bool = True) -> Inode | None:
    """None where there is nothing, or nothing can be seen."""
    try:
        found = os.stat(path, follow_symlinks=is_followed)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def remove_log(path: Path) -> None:
    """What SQLite keeps beside the database, under the names that it goes by. Raises `OSError`."""
    real = os.path.realpath(path)
    for suffix in (_LOG, _INDEX):
        with suppress(FileNotFoundError):
            os.unlink(real + suffix)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process and thread at a time opens and makes the file. Raises `OSError` and `StoreUnavailable`.

    It is the folder that is locked: files in it may vanish. Where a file system knows no such locks, nobody waits.
    """
    try:
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error  # the name that the operator knows
    try:
        give_up_at = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= give_up_at:
                    raise StoreUnavailable("another process is opening the store's file and does not end") from None
                threading.Event().wait(_AGAIN_SECONDS)  # time.sleep fails (EINVAL) under libfaketime
                continue
            except OSError:
                pass
            break
        yield
    finally:
        os.close(descriptor)
