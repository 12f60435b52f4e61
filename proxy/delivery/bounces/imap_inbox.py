"""Reads the mailbox at intervals, in a thread of its own, and deletes what it has read or marks it as read.

Times are seconds of the event loop's clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from config.tables.bounces import BouncesSettings
from directory.refused_logins import RefusedLogins
from proxy.delivery.bounces.desk import BounceDesk, Taken
from proxy.delivery.bounces.mailbox import InboxUnavailable, LoginRefused, Mailbox, tls_context
from proxy.operations.store_errors import StoreError

_Result = TypeVar("_Result")
TURN_SECONDS = 60.0
"""How long the reading of one batch may take in all."""


class IMAPInbox:
    """`trouble` says what is wrong, or is None."""

    def __init__(
        self, settings: BouncesSettings, desk: BounceDesk, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock`: of refused logins. Raises `OSError` where `ca_file` can't be read or holds no certificate."""
        self._settings = settings
        self._desk = desk
        self._tls = tls_context(settings)
        self._mailbox: Mailbox | None = None
        self._clock = clock
        self._refusals = RefusedLogins()
        self.trouble: str | None = None

    async def run(self) -> None:
        """Until cancelled."""
        threads = ThreadPoolExecutor(1, thread_name_prefix="bounces")
        try:
            while True:
                try:
                    async with asyncio.timeout(TURN_SECONDS):
                        await self._turn(threads)
                    self.trouble = None
                except LoginRefused as error:
                    self._refusals.refused(str(error), self._clock())
                    self.trouble = self._refusals.held_back(self._clock())
                except InboxUnavailable as error:
                    self.trouble = str(error)
                    self._drop()
                except TimeoutError:
                    self.trouble = "the mailbox's server is too slow"
                    self._drop()
                except StoreError as error:
                    self.trouble = str(error)  # a mail that was not judged stays unread
                await asyncio.sleep(self._settings.poll)
        finally:
            self.trouble = None
            self._drop()
            threads.shutdown(wait=False, cancel_futures=True)

    async def _turn(self, threads: ThreadPoolExecutor) -> None:
        async def blocking(work: Callable[[], _Result]) -> _Result:
            return await asyncio.get_running_loop().run_in_executor(threads, work)

        await self._desk.try_again()
        if self._mailbox is None:
            held_back = self._refusals.held_back(self._clock())
            if held_back:
                raise InboxUnavailable(held_back)
            self._mailbox = await blocking(lambda: Mailbox(self._settings, self._tls))
            self._refusals.taken()
        mailbox = self._mailbox
        for uid in await blocking(mailbox.unseen):
            taken = await self._desk.take(await blocking(lambda uid=uid: mailbox.content(uid)))  # type: ignore[misc]
            # A report may quote the passcode. A mail about something else is not ours to delete.
            delete = taken is not Taken.UNRELATED and self._settings.then == "delete"
            await blocking(lambda uid=uid, delete=delete: mailbox.put_away(uid, delete=delete))  # type: ignore[misc]

    def _drop(self) -> None:
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            with contextlib.suppress(InboxUnavailable):
                mailbox.abort()
