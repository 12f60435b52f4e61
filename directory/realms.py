"""Which directory a login name belongs to: chosen by how it is written, never by trial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack

from directory.directory import Directory
from directory.login_name import LoginName


class Realms:
    """All directories. The first one is the default realm, for login names without a qualifier."""

    def __init__(self, directories: Sequence[Directory]) -> None:
        """`ValueError` without any directory, or if two have the same realm."""
        self._directories = tuple(directories)
        self._by_realm = {directory.realm: directory for directory in directories}
        if not self._directories or len(self._by_realm) != len(self._directories):
            raise ValueError("at least one directory is needed, and each needs a realm of its own")

    def __iter__(self) -> Iterator[Directory]:
        return iter(self._directories)

    def choose(self, login_name: LoginName) -> Directory | None:
        """The one directory whose qualifier this is; None if no realm has it, or more than one."""
        if login_name.domain is None and login_name.suffix is None:
            return self._directories[0]
        serving = [each for each in self._directories if each.serves(login_name)]
        return serving[0] if len(serving) == 1 else None

    def of(self, realm: str) -> Directory | None:
        """The directory of a principal's or session's realm; None if the configuration has it no more."""
        return self._by_realm.get(realm)

    async def close(self) -> None:
        """Close every directory, the others too if one fails."""
        async with AsyncExitStack() as stack:
            for directory in self._directories:
                stack.push_async_callback(directory.close)
