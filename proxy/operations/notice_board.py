"""What the operator tells everybody on the pages: "SMS to Vodafone are slow today".

It is kept in the store, so that it holds for all nodes. Each worker looks it up at intervals: no page waits for it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from proxy.operations.store_errors import StoreError

LOOK_SECONDS = 2.0
MOST_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorNotice:
    text: str
    """One plain paragraph: `one_paragraph`."""
    ends_at: float | None
    """Epoch seconds; None: when it is taken down."""

    def is_over(self, now: float) -> bool:
        return self.ends_at is not None and now >= self.ends_at


class OperatorNoticeStore(Protocol):
    """At most one is kept. Methods raise `StoreUnavailable`."""

    async def put_up(self, notice: OperatorNotice) -> None:
        """In place of the one before."""
        ...

    async def notice(self) -> OperatorNotice | None:
        """As it was put up, though it may be over."""
        ...

    async def take_down(self) -> bool:
        """Whether there was one."""
        ...


class NoticeBoard:
    """What one worker knows of it. Without the store it stands by what it knew, until that is over."""

    def __init__(self, store: OperatorNoticeStore, *, look_seconds: float = LOOK_SECONDS) -> None:
        self._store = store
        self._look_seconds = look_seconds
        self._known: OperatorNotice | None = None

    def text(self, now: float) -> str:
        """Empty: there is nothing to tell."""
        return self._known.text if self._known is not None and not self._known.is_over(now) else ""

    async def keep_up(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._look_seconds)

    async def look(self) -> None:
        try:
            self._known = await self._store.notice()
        except StoreError:
            return  # others tell of that


def one_paragraph(text: str) -> str:
    """With single spaces, whatever was between the words. `ValueError` says what is wrong."""
    words = " ".join(text.split())
    if not words:
        raise ValueError("is empty: write what people should know, or --clear")
    if len(words) > MOST_CHARACTERS:
        raise ValueError(f"is {len(words)} characters long: {MOST_CHARACTERS} is the most")
    if not words.isprintable():
        raise ValueError("holds control characters: write plain text")
    return words
