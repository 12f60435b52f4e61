"""Files that hold a secret: read only where they are their owner's alone, made once, never seen half-written."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from proxy.operations.own_user import as_owner_of
from proxy.secrets.key_text import KeyFileError


def read_private(path: Path, *, most_bytes: int) -> bytes | None:
    """At most so much of it, and one byte more if there is more; None if there is no such file.

    Raises `KeyFileError` and `OSError`.
    """
    try:
        # Not blocking: a pipe under this name must not hang the start.
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        mode = os.fstat(file).st_mode
        if not stat.S_ISREG(mode):
            raise KeyFileError(path, "is not a regular file")
        if mode & 0o077:
            raise KeyFileError(path, f"may be read by others than its owner (mode {mode & 0o777:04o}): chmod 600 it")
        return os.read(file, most_bytes + 1)
    finally:
        os.close(file)


def require_folder(path: Path) -> None:
    """Raises `OSError` if a file of this name could not be made."""
    os.close(os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "", str(path))


def make_once(path: Path, content: bytes) -> None:
    """Write a complete file beside it and link it into place: the first process wins, and nobody reads half of it.

    The others learn of it by reading it. Raises `OSError`.
    """
    with (
        as_owner_of(path.parent),  # even if root starts it once, the service must be able to read it later
        written_beside(path, content) as unfinished,
        contextlib.suppress(FileExistsError),  # another process was first
    ):
        os.link(unfinished, path)
    sync_folder(path)


@contextlib.contextmanager
def written_beside(path: Path, content: bytes, owner: os.stat_result | None = None) -> Iterator[Path]:
    """A complete file, synced, in the same folder; removed in the end if it still has its name.

    `owner`: of the file that it replaces. A file that root writes becomes theirs, or the service could not read it.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    file = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as writer:
            if owner is not None and os.geteuid() == 0:
                os.fchown(file, owner.st_uid, owner.st_gid)  # by descriptor: others may turn the name into a link
            writer.write(content)
            writer.flush()
            os.fsync(writer.fileno())
        yield unfinished
    finally:
        unfinished.unlink(missing_ok=True)


def sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
