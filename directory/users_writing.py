"""A users file changed by a program: as a whole, by one at a time, and never at the cost of what a hand changed.

The new file is written beside the old one, synced and put in its place in one step, so that a reader has one or the
other, and a full disk leaves the old one. Whoever edits the file by hand takes no lock. So the two files change places:
what was there a moment ago is looked at afterwards, and if it is not what the change was made from, it is made again,
from that. All of it blocks.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from config.system_errors import file_reason, own_user, user_name
from directory.login_name import fold
from directory.users_file import LocalUser, UsersFile, parse_users
from directory.users_text import LayoutNotUnderstood, Value, with_user, with_values

LOCK_SECONDS = 10.0
"""How long to wait for another change of the same file."""
_LOOK_AGAIN_SECONDS = 0.02
_MOST_TRIES = 5
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_NO_EXCHANGE = frozenset((errno.EINVAL, errno.ENOSYS, errno.ENOTSUP))


class UsersFileError(Exception):
    """Stops a change; nothing was written. The text says what to do. The base of all; never raised itself."""


class NoSuchUser(UsersFileError):
    def __init__(self, path: Path, username: str) -> None:
        super().__init__(f"{path}: users: there is no {username!r}: see gatepost people list")


class NameTaken(UsersFileError):
    def __init__(self, path: Path, username: str) -> None:
        super().__init__(f"{path}: users: {username!r} is there already, perhaps in another spelling")


class CannotChange(UsersFileError):
    """The file cannot be replaced, or not without harm."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedUser:
    before: LocalUser | None
    """None: they are new."""
    after: LocalUser


def change_user(
    path: Path,
    realm: str,
    username: str,
    values: Mapping[str, Value | None],
    *,
    replacing: Callable[[], object] = lambda: None,
) -> ChangedUser:
    """Set these keys of one user (None takes a key out), and leave everything else as it is.

    `replacing` is called when the new file is ready, before it is put in place. Raises `UsersFileError`, and
    `ConfigurationError` if the file is wrong or would be.
    """
    folded = fold(username)

    def edit(users: UsersFile, text: str) -> str:
        if folded not in users.by_folded:
            raise NoSuchUser(path, username)
        return with_values(text, list(users.by_folded).index(folded), values)

    made = _change(path, realm, edit, replacing)
    return ChangedUser(before=made.before.by_folded[folded], after=made.after.by_folded[folded])


def add_user(
    path: Path,
    realm: str,
    username: str,
    values: Mapping[str, Value | None],
    *,
    replacing: Callable[[], object] = lambda: None,
) -> LocalUser:
    """Add one user at the end. As `change_user`."""
    folded = fold(username)

    def edit(users: UsersFile, text: str) -> str:
        if folded in users.by_folded:
            raise NameTaken(path, username)
        return with_user(text, {"username": username, **values})

    return _change(path, realm, edit, replacing).after.by_folded[folded]


def why_unchangeable(path: Path) -> str:
    """What would stop a change now; empty: nothing. It writes all but the last step, and takes that away again."""
    try:
        file = Path(os.path.realpath(path, strict=True))
        with _locked(path, file) as opened:
            _require_own(path, os.fstat(opened))
            with _written_beside(path, file, opened, _content(opened)):
                return ""
    except CannotChange as error:
        return error.reason
    except OSError as error:
        return f"cannot be changed: {_reason(path, error)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    before: UsersFile
    after: UsersFile
    content: bytes = field(repr=False)


def _change(path: Path, realm: str, edit: Callable[[UsersFile, str], str], replacing: Callable[[], object]) -> _Made:
    def made_of(content: bytes) -> _Made:
        before = parse_users(content, path, realm)
        try:
            edited = edit(before, content.decode()).encode()
        except LayoutNotUnderstood:
            reason = "is written in a way that this cannot change safely: change it by hand, in an editor"
            raise CannotChange(path, reason) from None
        except UnicodeEncodeError:  # an argument of a command may be any bytes
            raise CannotChange(path, "what it is to hold is not UTF-8 text; nothing was changed") from None
        return _Made(before=before, after=parse_users(edited, path, realm), content=edited)

    try:
        file = Path(os.path.realpath(path, strict=True))  # a link stays a link
        for _ in range(_MOST_TRIES):
            with _locked(path, file) as opened:
                found = _content(opened)
                made = made_of(found)
                if made.content == found:
                    return made
                _require_own(path, os.fstat(opened))
                with _written_beside(path, file, opened, made.content) as beside:
                    replacing()
                    if _has_replaced(file, found, beside, made.content):
                        return made
    except OSError as error:
        raise CannotChange(path, f"cannot be changed: {_reason(path, error)}") from error
    raise CannotChange(path, "is being saved by something else all the time: try again later")


def _has_replaced(file: Path, found: bytes, beside: Path, ours: bytes) -> bool:
    """Put the new file in place. False: something else was saved since it was `found`, and that stands."""
    _exchange(beside, file)
    has_replaced = beside.read_bytes() == found
    if not has_replaced:
        put_back(file, beside, ours)
    sync_folder(file.parent)
    return has_replaced


def put_back(file: Path, beside: Path, ours: bytes) -> None:
    """Let what was saved by hand stand: what is `beside` now, or what was saved over ours even later."""
    _exchange(beside, file)
    if beside.read_bytes() != ours:
        _exchange(beside, file)


@contextmanager
def _written_beside(path: Path, file: Path, replaced: int, content: bytes) -> Iterator[Path]:
    """A whole file with the owner and rights of the one that it replaces, locked as that one is; removed in the end,
    with whatever it holds then."""
    beside = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    new = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(new, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _make_alike(path, replaced, new)
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(new, rest) :]
        os.fsync(new)
        yield beside
    finally:
        os.close(new)
        beside.unlink(missing_ok=True)


def _make_alike(path: Path, replaced: int, new: int) -> None:
    old, own = os.fstat(replaced), os.fstat(new)
    try:
        if (old.st_uid, old.st_gid) != (own.st_uid, own.st_gid):
            os.fchown(new, old.st_uid, old.st_gid)
    except PermissionError:
        reason = f"cannot be changed: its group (number {old.st_gid}) is none of {own_user()}'s: run this as root"
        raise CannotChange(path, reason) from None
    for name in os.listxattr(replaced):  # access lists are among them
        with suppress(OSError):
            os.setxattr(new, name, os.getxattr(replaced, name))
    os.fchmod(new, stat.S_IMODE(old.st_mode))


@contextmanager
def _locked(path: Path, file: Path) -> Iterator[int]:
    """The open file; nobody else changes it in this block by this module.

    A change that has just ended may have put another one in its place. That is found as what a hand saved is.
    """
    give_up_at = time.monotonic() + LOCK_SECONDS
    while True:
        opened = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise CannotChange(path, "is not a regular file")
            if _got_lock(opened):
                yield opened
                return
        finally:
            os.close(opened)
        if time.monotonic() > give_up_at:
            raise CannotChange(path, "is being changed by another command: try again")
        time.sleep(_LOOK_AGAIN_SECONDS)


def _got_lock(opened: int) -> bool:
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _exchange(one: Path, other: Path) -> None:
    """Let two files change places in one step (renameat2, Linux 3.15)."""
    names = (os.fsencode(one), os.fsencode(other))
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        failed = libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE)
        number = ctypes.get_errno() if failed else 0
    except AttributeError:  # a C library without it
        number = errno.ENOSYS
    if number in _NO_EXCHANGE:
        exchange_in_steps(one, other)
    elif number:
        raise OSError(number, "renameat2", str(other))  # what the number means is said in config/system_errors.py


def exchange_in_steps(one: Path, other: Path) -> None:
    """The same where the file system or the C library cannot do it at once: `other` is there at every instant."""
    kept = one.with_name(f"{one.name}.kept")
    os.link(other, kept)
    try:
        os.rename(one, other)
        os.rename(kept, one)
    finally:
        kept.unlink(missing_ok=True)


def _require_own(path: Path, status: os.stat_result) -> None:
    """Anybody else's file would become ours."""
    if os.geteuid() not in (0, status.st_uid):
        owner = user_name(status.st_uid)
        raise CannotChange(
            path, f"cannot be changed: it belongs to {owner}, and this runs as {own_user()}: run it as {owner}"
        )


def _content(file: int) -> bytes:
    with open(file, "rb", closefd=False) as reader:
        return reader.read()


def _reason(path: Path, error: OSError) -> str:
    if error.errno == errno.EBUSY:
        return "it is mounted by itself, so nothing can be put in its place: mount its folder instead"
    return file_reason(path, error)


def sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
