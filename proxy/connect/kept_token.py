"""The token of a session, kept for the next `gatepost connect` in the run-time folder of its user.

That folder is in memory and gone when they log out (XDG Base Directory specification). The file is for its owner alone;
one that others could have read or written is not believed.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

_LONGEST = 4096
_FOR_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class KeptTokens:
    """Of one user."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of_user(cls, environ: Mapping[str, str]) -> KeptTokens | None:
        """None: there is no run-time folder."""
        runtime = environ.get("XDG_RUNTIME_DIR", "")
        return cls(Path(runtime) / "gatepost") if os.path.isabs(runtime) else None

    def read(self, origin: str) -> str:
        """The token for this app; empty: none is kept, or it was not safe there."""
        try:
            descriptor = os.open(self._file(origin), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return ""
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            if not _is_own(found) or not stat.S_ISREG(found.st_mode):
                return ""
            text = file.read(_LONGEST)
        try:
            kept = json.loads(text)
        except ValueError:
            return ""
        is_whole = isinstance(kept, dict) and kept.get("app") == origin and isinstance(kept.get("token"), str)
        return kept["token"] if is_whole else ""

    def keep(self, origin: str, token: str) -> bool:
        """Whether it could be kept safely."""
        file, new = self._file(origin), self._folder / f"new.{os.getpid()}"
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if not _is_own(os.lstat(self._folder)):
                return False
            with suppress(FileNotFoundError):
                new.unlink()
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "w") as written:
                json.dump({"app": origin, "token": token}, written)
            new.replace(file)
        except OSError:
            return False
        return True

    def forget(self, origin: str) -> None:
        with suppress(OSError):
            self._file(origin).unlink()

    def _file(self, origin: str) -> Path:
        return self._folder / f"{sha256(origin.encode()).hexdigest()[:32]}.json"


def _is_own(found: os.stat_result) -> bool:
    return found.st_uid == os.getuid() and not found.st_mode & _FOR_OTHERS
