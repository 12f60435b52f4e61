"""The header blocks that one connection sent lately: who repeats itself is not read anew.

Browsers and API clients send the same fields again and again on a connection; only the request line differs. A block
is known by its exact bytes, so that what is remembered is what reading it again would give. Only what was admitted is
kept, so that strangers cost no memory, and no longer than its connection lives.
"""

from __future__ import annotations

from proxy.forwarding.routes import Route
from proxy.http.plain_head import PLAIN_REQUEST_LINE
from proxy.http.request_head import RequestHead

MOST_BLOCKS = 8
"""A browser asks for pages, styles, scripts, images and data with a block each."""


class HeadMemory:
    """Of one connection."""

    __slots__ = ("_heads", "_sent")

    def __init__(self) -> None:
        self._heads: dict[bytes, RequestHead] = {}
        self._sent: dict[bytes, tuple[Route, bytes, bytes]] = {}

    def recall(self, data: bytes) -> RequestHead | None:
        """The head that `data` is, if it is exactly one (nothing behind it) with a block that is known."""
        line, _, block = data.partition(b"\r\n")
        known = self._heads.get(block)
        if known is None:
            return None
        match = PLAIN_REQUEST_LINE.fullmatch(line)
        return known.repeated(*match.groups()) if match is not None else None

    def fields_sent(self, head: RequestHead, route: Route, identity_block: bytes) -> bytes | None:
        """What `keep` was told for the same block, route and identity."""
        sent = self._sent.get(head.block)
        return sent[2] if sent is not None and sent[0] is route and sent[1] == identity_block else None

    def keep(self, head: RequestHead, route: Route, identity_block: bytes, fields: bytes) -> None:
        """Remember an admitted head, and the fields that went upstream for it."""
        if not head.block:
            return
        if len(self._sent) >= MOST_BLOCKS and head.block not in self._sent:
            self._heads.clear()
            self._sent.clear()
        self._heads[head.block] = head
        self._sent[head.block] = (route, identity_block, fields)
