"""The limit of open files of this process (getrlimit(2)). Imports nothing of ours: the supervisor stays small."""

from __future__ import annotations

import resource
from contextlib import suppress


def open_file_limit() -> int:
    """Of this process, now (getrlimit(2)): the soft limit."""
    return _number(resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def raise_open_files() -> int:
    """Raise the soft limit to the hard one, as far as the system allows; returns the new limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # for example "unlimited", if the system has a limit of its own
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return open_file_limit()


def hard_limit() -> int:
    """What the soft limit can be raised to."""
    return _number(resource.getrlimit(resource.RLIMIT_NOFILE)[1])


def _number(limit: int) -> int:
    return 2**31 if limit == resource.RLIM_INFINITY else limit
