"""Which user a process acts as, if root runs it and Gatepost has to use what it creates.

A file that root creates belongs to root, and the service, which runs as its own user, cannot read it. Changing the
owner afterwards is not safe in a folder that others may write in: a link could lead the change elsewhere. So the
process acts as the folder's owner while it creates something there.
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
    """Root cannot, or should not, create this. The text says who should."""


def become_owner_of(path: Path, *, replaces: bool = False) -> bool:
    """Become the owner of this file's folder, from now on and for all threads; returns whether that changed anything.

    Nothing changes if the user is not root, or if there is no such folder. If the folder is root's own, a file of
    another user in it says whom to become. The exception is a file that will be replaced (`replaces`), which only root
    can do there. Links are not followed: in another user's folder one may lead to a file of root's. Call this before
    anything is opened. Raises `WrongUser`.
    """
    if os.geteuid() != 0:
        return False
    try:
        folder = path.parent.stat()
    except OSError:
        return False  # the code that opens it will say so
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
    except PermissionError as error:  # a root without that right, as in some containers
        name = user_name(owner.st_uid)
        raise WrongUser(
            f"{path.parent} belongs to {name}, and root may not act as another user here: run this as"
            f" {name} (sudo -u {shlex.quote(name)} gatepost ...)"
        ) from error


def _become(uid: int, gid: int) -> bool:
    """False, and nothing changed, where this user could not even read Gatepost's own modules.

    Half of them are loaded when they are needed, and one may be installed into root's home. Then what is made is still
    made for the folder's owner, file by file. Raises `PermissionError`.
    """
    groups, group = os.getgroups(), os.getegid()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        os.setgroups([gid])
    else:
        # The groups of its service: certificates and secrets are often shared through one.
        os.initgroups(entry.pw_name, entry.pw_gid)
        gid = entry.pw_gid
    os.setegid(gid)
    os.seteuid(uid)
    can_read = _can_read_code()
    os.seteuid(0)
    if can_read:
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    else:
        os.setegid(group)
        os.setgroups(groups)
    return can_read


def _can_read_code() -> bool:
    return all(os.access(module, os.R_OK, effective_ids=True) for module in CODE)


@contextmanager
def as_owner_of(folder: Path, *, loads_code: bool = False) -> Iterator[None]:
    """Be the folder's owner while something is created there; nothing changes if the user is not root.

    For a caller that needs root's rights for something else. `loads_code`: modules may be loaded meanwhile, so nothing
    changes either where the owner could not read them. Raises `OSError`.
    """
    owner, group = folder.stat(), os.getegid()
    if os.geteuid() != 0 or owner.st_uid == 0:
        yield
        return
    try:
        with suppress(PermissionError):
            os.setegid(owner.st_gid)
            os.seteuid(owner.st_uid)
            if loads_code and not _can_read_code():
                os.seteuid(0)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
