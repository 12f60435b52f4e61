"""Many entries of one search, page by page (RFC 2696), with the server kept at work while they are taken apart.

ldap3 decodes a page before it asks for the next one, and every value three times. Here the next page is asked for
as soon as the end of one has come in, and what comes in is fetched between the entries. No more than two pages wait.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace

from directory.active_directory.connection import Connection
from directory.active_directory.deadline_socket import ConnectionFailed
from directory.active_directory.messages import (
    DONE,
    ENTRY,
    REFERENCE,
    SUCCESS,
    Entry,
    LDAPResult,
    PageRequest,
    Search,
    decode_done,
    decode_entry,
    message_end,
    message_id_of,
)

_LOOK_EVERY = 16
"""How many entries are decoded between two looks at what has arrived."""


class SearchRefused(Exception):
    """The server ended the search with another result than success."""

    def __init__(self, outcome: LDAPResult) -> None:
        super().__init__(f"the search was answered with result {outcome.code}")
        self.outcome = outcome


class PagedSearch:
    """One search. After leaving its iterator early nothing but closing the connection is left."""

    def __init__(self, connection: Connection, search: Search, *, page_size: int, wait_seconds: float) -> None:
        """`wait_seconds`: how long the server may stay silent."""
        self._connection = connection
        self._search = search
        self._page_size = page_size
        self._wait_seconds = wait_seconds
        self._message_id: int | None = None
        self._cookie: bytes | None = b""
        """Of the page to ask for next; None while one is on its way, and after the last."""
        self._octets = bytearray()
        self._entries: deque[bytes] = deque()

    def __iter__(self) -> Iterator[Entry]:
        """Raises `ConnectionFailed` or `SearchRefused`, in the middle too."""
        try:
            while True:
                if self._cookie is not None and len(self._entries) <= self._page_size:
                    self._ask(self._cookie)
                if self._message_id is not None:
                    self._receive(wait=not self._entries)
                elif not self._entries:
                    return
                for _ in range(min(_LOOK_EVERY, len(self._entries))):
                    yield decode_entry(self._entries.popleft())
        except (ValueError, IndexError) as exc:
            raise ConnectionFailed(self._connection.server, "unreadable answer") from exc

    def _ask(self, cookie: bytes) -> None:
        page = PageRequest(size=self._page_size, cookie=cookie, is_critical=True)
        self._message_id = self._connection.ask_for_page(replace(self._search, page=page), deadline=self._deadline())
        self._cookie = None

    def _receive(self, *, wait: bool) -> None:
        self._octets += self._connection.receive(wait=wait, deadline=self._deadline())
        at = 0
        while (end := message_end(self._octets, at)) is not None and end <= len(self._octets):
            self._take(bytes(self._octets[at:end]))
            at = end
        del self._octets[:at]

    def _take(self, message: bytes) -> None:
        message_id, tag, _ = message_id_of(message)
        if message_id != self._message_id:
            raise ValueError("not an answer to this request")
        if tag == ENTRY:
            self._entries.append(message)
        elif tag == DONE:
            outcome, cookie = decode_done(message)
            if outcome.code != SUCCESS:
                raise SearchRefused(outcome)
            self._message_id, self._cookie = None, cookie or None
        elif tag != REFERENCE:
            raise ValueError("not an answer to a search")

    def _deadline(self) -> float:
        return time.monotonic() + self._wait_seconds
