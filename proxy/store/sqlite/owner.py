"""The store's file, created for the folder's owner: Gatepost must be able to use what root creates."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from config.system_errors import denied


def make_file(path: Path) -> None:
    """An empty file of mode 0600, if there is none. Raises `OSError`.

    It is closed before it gets its name: once SQLite has opened it, closing it would drop SQLite's locks (POSIX).
    """
    if path.exists():
        return
    unfinished = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}")
    try:
        file = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error  # the name that the operator knows
    try:
        try:
            if os.geteuid() == 0:
                owner = path.parent.stat()
                with suppress(PermissionError):
                    os.fchown(file, owner.st_uid, owner.st_gid)
        finally:
            os.close(file)
        with suppress(FileExistsError):  # somebody was first
            os.link(unfinished, path)
    finally:
        unfinished.unlink()


def in_the_way(path: Path) -> str | None:
    """Which of the store's files or their folder this process may not use, with its owner and the remedy."""
    for each in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
        if os.path.lexists(each) and not os.access(each, os.R_OK | os.W_OK, effective_ids=True):
            return f"{each}: {denied(each)}"
    if path.parent.is_dir() and not os.access(path.parent, os.W_OK | os.X_OK, effective_ids=True):
        return f"{path}: {denied(path)}"
    return None
