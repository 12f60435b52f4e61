"""Which directory a login name belongs to: chosen by how it is written, never by trial."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from directory.directory import CheckResult, Directory, PreparedDirectory
from directory.errors import DirectoryError
from directory.login_name import LoginName

PREPARE_AGAIN_SECONDS = 10.0


class Realms:
    """All directories, the default realm first: login names without a qualifier belong to it."""

    def __init__(
        self,
        directories: Sequence[Directory],
        default: str | None = None,
        *,
        prepare_again_seconds: float = PREPARE_AGAIN_SECONDS,
    ) -> None:
        """`default` is a realm; None: the first one's. `ValueError` without any directory, for a default that is
        none of them, or if two have the same realm."""
        self._by_realm = {directory.realm: directory for directory in directories}
        if not directories or len(self._by_realm) != len(directories):
            raise ValueError("at least one directory is needed, and each needs a realm of its own")
        if default is not None and default not in self._by_realm:
            raise ValueError("the default realm is none of the directories'")
        self._prepare_again_seconds = prepare_again_seconds
        self._directories = tuple(sorted(directories, key=lambda directory: directory.realm != default))

    def __iter__(self) -> Iterator[Directory]:
        return iter(self._directories)

    def choose(self, login_name: LoginName) -> Directory | None:
        """The one directory whose qualifier this is; None if no realm has it, or more than one."""
        if login_name.domain is None and login_name.suffix is None:
            return self._directories[0]
        serving = [each for each in self._directories if each.serves(login_name)]
        return serving[0] if len(serving) == 1 else None

    def of(self, realm: str) -> Directory | None:
        """The directory of a principal's or session's realm; None if the configuration no longer has it."""
        return self._by_realm.get(realm)

    async def prepare(self) -> None:
        """Let each directory learn the names that `choose` needs, as soon as it can be reached; ends when all have.

        To be run in the background at the start. Until then a directory goes by what the configuration says.
        """
        prepared = [each for each in self._directories if isinstance(each, PreparedDirectory)]
        await asyncio.gather(*(_prepare(each, self._prepare_again_seconds) for each in prepared))

    async def check(self) -> list[CheckResult]:
        """Everything that the directories' own checks say; a group counts as found where one realm has it."""
        results = await asyncio.gather(*(directory.check() for directory in self._directories))
        return settle_groups(itertools.chain.from_iterable(results))

    async def close(self) -> None:
        """Close every directory, the others too if one fails."""
        async with AsyncExitStack() as stack:
            for directory in self._directories:
                stack.push_async_callback(directory.close)


def settle_groups(results: Iterable[CheckResult]) -> list[CheckResult]:
    """A group that one realm has need not be in the others. Pure."""
    given = list(results)
    found = {result.group for result in given if result.group is not None and result.ok}
    return [
        replace(result, ok=True, detail="another realm has it") if not result.ok and result.group in found else result
        for result in given
    ]


async def _prepare(directory: PreparedDirectory, again_seconds: float) -> None:
    while True:
        try:
            await directory.prepare()
        except DirectoryError:
            await asyncio.sleep(again_seconds)
        else:
            return
