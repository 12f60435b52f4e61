"""Which directory a login name belongs to: chosen by how it is written, never by trial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from directory.directory import Directory
from directory.login_name import LoginName


class Realms:
    """All directories. The first one is the default realm, for login names without a qualifier."""

    def __init__(self, directories: Sequence[Directory]) -> None:
        self._directories = tuple(directories)
        self._by_realm = {directory.realm: directory for directory in directories}

    def __iter__(self) -> Iterator[Directory]:
        return iter(self._directories)

    def choose(self, login_name: LoginName) -> Directory | None:
        """The one directory whose qualifier this is; None if no realm has it."""
        if login_name.domain is None and login_name.suffix is None:
            return self._directories[0]
        return next((each for each in self._directories if each.serves(login_name)), None)

    def of(self, realm: str) -> Directory | None:
        return self._by_realm.get(realm)

    async def close(self) -> None:
        for directory in self._directories:
            await directory.close()
