"""The header blocks that one connection sent recently, so that a repeated block is not read again.

Browsers and API clients send the same fields again and again on a connection; only the request line differs. The key of
a block is its exact bytes, and reading the same bytes again gives the same result. So the memory can never make two
readings of one request. It holds only blocks that were admitted, so strangers cost no memory, and it ends with its
connection.
"""

from __future__ import annotations

from proxy.access.rules import PathRule
from proxy.forwarding.routes import Route
from proxy.forwarding.verdict import Forward
from proxy.http.plain_head import PLAIN_REQUEST_LINE
from proxy.http.request_head import RequestHead

MOST_BLOCKS = 8
"""How many blocks: a browser uses a different one for pages, styles, scripts, images and data."""


class HeadMemory:
    """Of one connection."""

    __slots__ = ("_forwards", "_heads")

    def __init__(self) -> None:
        self._heads: dict[bytes, RequestHead] = {}
        self._forwards: dict[bytes, Forward] = {}

    def recall(self, data: bytes) -> RequestHead | None:
        """The head in `data`, if that is exactly one head (with nothing behind it) and its block is known."""
        # Everything after the request line is the key. A second head behind the first would make it a different key.
        line, _, block = data.partition(b"\r\n")
        known = self._heads.get(block)
        if known is None:
            return None
        match = PLAIN_REQUEST_LINE.fullmatch(line)
        return known.repeated(*match.groups()) if match is not None else None

    def known(
        self, head: RequestHead, route: Route, rule: PathRule | None, identity_block: bytes, session_id: str | None
    ) -> Forward | None:
        """What `keep` stored for the same block, if nothing that it was made from has changed."""
        known = self._forwards.get(head.block)
        # What goes upstream also depends on the host, the path rule and the person, so each of them has to be the same.
        if (
            known is not None
            and known.route is route
            and known.rule is rule
            and known.identity_block == identity_block
            and known.session_id == session_id
        ):
            return known
        return None

    def keep(self, head: RequestHead, forward: Forward) -> None:
        """Remember an admitted head, and what was sent upstream for it."""
        if not head.block:
            return
        if len(self._forwards) >= MOST_BLOCKS and head.block not in self._forwards:
            self._heads.clear()
            self._forwards.clear()
        self._heads[head.block] = head
        self._forwards[head.block] = forward
