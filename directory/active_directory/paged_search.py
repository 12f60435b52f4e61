"""Many entries of one search, page by page (RFC 2696), with the server kept at work while they are taken apart.

ldap3 decodes a page before it asks for the next one, and every value three times. Here the next page is asked for
as soon as the end of one has come in, and what comes in is fetched between the entries. No more than two pages wait.
Decoding is the little BER that a search result is made of (RFC 4511 sections 4.1.1, 4.5.2 and 5.1).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Sequence

from directory.active_directory.connection import (
    MAX_ANSWER_BYTES,
    SUCCESS,
    Connection,
    ConnectionFailed,
    Entry,
    Outcome,
)

_INTEGER, _SEQUENCE = 0x02, 0x30
_ENTRY, _DONE, _REFERENCE = 0x64, 0x65, 0x73
_LOOK_EVERY = 16
"""So many entries are taken apart between two looks at what has come in."""


class SearchRefused(Exception):
    """The server ended the search with another result than success."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(f"the search was answered with result {outcome.code}")
        self.outcome = outcome


class PagedSearch:
    """One search below `base_dn`. After leaving its iterator early nothing but closing the connection is left."""

    def __init__(
        self,
        connection: Connection,
        base_dn: str,
        filter_text: str,
        attributes: Sequence[str],
        *,
        page_size: int,
        wait_seconds: float,
    ) -> None:
        """`wait_seconds`: how long the server may stay silent."""
        self._connection = connection
        self._base_dn, self._filter, self._attributes = base_dn, filter_text, attributes
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
        self._message_id = self._connection.ask_for_page(
            self._base_dn,
            self._filter,
            self._attributes,
            size=self._page_size,
            cookie=cookie,
            deadline=self._deadline(),
        )
        self._cookie = None

    def _receive(self, *, wait: bool) -> None:
        self._octets += self._connection.receive(wait=wait, deadline=self._deadline())
        at = 0
        while (end := message_end(self._octets, at)) is not None and end <= len(self._octets):
            self._take(bytes(self._octets[at:end]))
            at = end
        del self._octets[:at]

    def _take(self, message: bytes) -> None:
        _, start, _ = element(message, 0, len(message))
        tag, start, stop = element(message, start, len(message))
        if tag != _INTEGER or int.from_bytes(message[start:stop], "big") != self._message_id:
            raise ValueError("not an answer to this request")
        tag = message[stop]
        if tag == _ENTRY:
            self._entries.append(message)
        elif tag == _DONE:
            outcome, cookie = self._connection.end_of_page(message, deadline=self._deadline())
            if outcome.code != SUCCESS:
                raise SearchRefused(outcome)
            self._message_id, self._cookie = None, cookie or None
        elif tag != _REFERENCE:
            raise ValueError("not an answer to a search")

    def _deadline(self) -> float:
        return time.monotonic() + self._wait_seconds


def message_end(octets: bytes | bytearray, at: int) -> int | None:
    """Where the LDAPMessage that begins at `at` ends; None if too little of it is there to tell.

    Raises `ValueError` for what is no LDAPMessage, or a larger one than any entry may be.
    """
    if len(octets) - at < 2:
        return None
    if octets[at] != _SEQUENCE:
        raise ValueError("not an LDAPMessage")
    count = octets[at + 1] & 0x7F if octets[at + 1] & 0x80 else 0
    if len(octets) - at < 2 + count:
        return None
    _, _, stop = element(octets, at, at + MAX_ANSWER_BYTES)
    return stop


def element(octets: bytes | bytearray, at: int, limit: int) -> tuple[int, int, int]:
    """The BER element at `at`: its tag, and where its content begins and ends. `ValueError` if it passes `limit`."""
    length = octets[at + 1]
    start = at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise ValueError("not a length of LDAP's (RFC 4511 section 5.1)")
        length = int.from_bytes(octets[start : start + count], "big")
        start += count
    if start + length > limit:
        raise ValueError("longer than what it is in")
    return octets[at], start, start + length


def decode_entry(message: bytes) -> Entry:
    """The entry of a search result's message. Raises `ValueError` or `IndexError` for what is none."""
    _, at, end = element(message, 0, len(message))
    _, _, at = element(message, at, end)
    _, at, end = element(message, at, end)
    _, start, at = element(message, at, end)
    dn = message[start:at].decode("utf-8")
    _, at, end = element(message, at, end)
    attributes = {}
    while at < end:
        _, start, at = element(message, at, end)
        _, name_start, name_stop = element(message, start, at)
        _, start, stop = element(message, name_stop, at)
        values = []
        while start < stop:
            _, value_start, start = element(message, start, stop)
            values.append(message[value_start:start])
        attributes[message[name_start:name_stop].decode("ascii").lower()] = tuple(values)
    return Entry(dn=dn, attributes=attributes)
