"""Which user a process acts as, where root runs it and Gatepost is to use what it makes.

What root makes is root's, and the service, which runs as its own user, cannot read it. To give it away afterwards is
no way out in a folder that others may write in: a link would lead the change elsewhere. So who makes something there
is the folder's owner while it is made.
"""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pydantic

from config.system_errors import user_name

CODE: tuple[str, ...] = (os.__file__, pydantic.__file__, __file__)
"""One file each of Python, of the packages and of Gatepost itself."""


class WrongUser(Exception):
    """Root may not, or should not, make this. The text says who should."""


def become_owner_of(path: Path, *, replaces: bool = False) -> bool:
    """Be, from now on and for all threads, who owns the folder of this file; whether that changed anything.

    Nothing changes for who is not root, where there is no such folder, and where it is root's own: then a file of
    somebody else's in it says who is meant, unless it is one that is replaced (`replaces`), which only root can do
    there. A link is not followed: in a folder of somebody else's it may lead to a file of root's. Call this before
    anything is opened. Raises `WrongUser`.
    """
    if os.geteuid() != 0:
        return False
    try:
        folder = path.parent.stat()
    except OSError:
        return False  # whoever opens it says so
    owner = folder
    if folder.st_uid == 0 and not replaces:
        with suppress(OSError):
            owner = path.stat()
        if owner is folder and folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise WrongUser(
                f"{path} is not there yet, and would be root's: {path.parent} belongs to root, and others write in it"
                " too. Start Gatepost first, or run this as its user: sudo -u USER gatepost ..."
            )
    if owner.st_uid == 0:
        return False
    try:
        return _become(owner.st_uid, owner.st_gid)
    except PermissionError as error:  # a root that may not: containers take such rights away
        name = user_name(owner.st_uid)
        raise WrongUser(
            f"{path.parent} belongs to {name}, and root may not act as another user here: run this as"
            f" {name} (sudo -u {shlex.quote(name)} gatepost ...)"
        ) from error


def _become(uid: int, gid: int) -> bool:
    """False, and nothing changed, where this user could not even read Gatepost's own modules, half of which are loaded

    when they are needed: one that was installed into root's home. Then what is made is still made for the folder's
    owner, file by file. Raises `PermissionError`.
    """
    groups, group = os.getgroups(), os.getegid()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        os.setgroups([gid])
    else:
        # The groups that its service has: certificates and secrets are often shared by one.
        os.initgroups(entry.pw_name, entry.pw_gid)
        gid = entry.pw_gid
    os.setegid(gid)
    os.seteuid(uid)
    can_read = all(os.access(module, os.R_OK, effective_ids=True) for module in CODE)
    os.seteuid(0)
    if can_read:
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    else:
        os.setegid(group)
        os.setgroups(groups)
    return can_read


@contextmanager
def as_owner_of(folder: Path) -> Iterator[None]:
    """Be the folder's owner for as long as it takes to make something there; nothing changes for who is not root.

    For who needs root's rights for something else. Raises `OSError`.
    """
    owner, group = folder.stat(), os.getegid()
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    try:
        with suppress(PermissionError):
            os.setegid(owner.st_gid)
            os.seteuid(owner.st_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
