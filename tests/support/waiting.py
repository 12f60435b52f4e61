"""Waiting for a directory that recovers by itself: by asking it, as people do."""

from __future__ import annotations

import asyncio
import contextlib

from directory.directory import Directory
from directory.errors import DirectoryUnavailable
from directory.login_name import LoginName
from directory.principal import Account

WITHIN_SECONDS = 20.0


async def until_it_answers(directory: Directory, name: str = "bob") -> Account | None:
    """The account of that name, as soon as the directory answers."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:
            with contextlib.suppress(DirectoryUnavailable):
                return await directory.find(LoginName(name=name))
            await asyncio.sleep(0.05)
