"""What root makes beside the store's file belongs to whoever owns the folder: Gatepost must be able to use it.

An operator's command (`gatepost sessions end`, `gatepost check`) may well be run by root while Gatepost is not.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """Be the folder's owner for as long as it takes to make something there; nothing changes for who is not root.

    Whoever changes owners afterwards can be led elsewhere by a link. Raises `OSError`.
    """
    owner, group = folder.stat(), os.getegid()
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    try:
        with suppress(PermissionError):  # a root that may not: containers take such rights away
            os.setegid(owner.st_gid)
            os.seteuid(owner.st_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)


def make_file(path: Path) -> None:
    """An empty file of mode 0600, if there is none. Raises `OSError`.

    It is closed before it has its name: once SQLite has opened it, to close it would take SQLite's locks away.
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
