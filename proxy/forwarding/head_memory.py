"""The header blocks that one connection sent lately: who repeats itself is not read anew.

Browsers and API clients send the same fields again and again on a connection; only the request line differs. A block
is known by its exact bytes, so that what is remembered is what reading it again would give. Only what was admitted is
kept, so that strangers cost no memory, and no longer than its connection lives.
"""

from __future__ import annotations

from proxy.access.rules import PathRule
from proxy.forwarding.routes import Route
from proxy.forwarding.verdict import Forward
from proxy.http.plain_head import PLAIN_REQUEST_LINE
from proxy.http.request_head import RequestHead

MOST_BLOCKS = 8
"""A browser asks for pages, styles, scripts, images and data with a block each."""


class HeadMemory:
    """Of one connection."""

    __slots__ = ("_forwards", "_heads")

    def __init__(self) -> None:
        self._heads: dict[bytes, RequestHead] = {}
        self._forwards: dict[bytes, Forward] = {}

    def recall(self, data: bytes) -> RequestHead | None:
        """The head that `data` is, if it is exactly one (nothing behind it) with a block that is known."""
        line, _, block = data.partition(b"\r\n")
        known = self._heads.get(block)
        if known is None:
            return None
        match = PLAIN_REQUEST_LINE.fullmatch(line)
        return known.repeated(*match.groups()) if match is not None else None

    def known(
        self, head: RequestHead, route: Route, rule: PathRule | None, identity_block: bytes, session_id: str | None
    ) -> Forward | None:
        """What `keep` was told for the same block, if nothing that it was made of is another now."""
        known = self._forwards.get(head.block)
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
        """Remember an admitted head, and as what it went upstream."""
        if not head.block:
            return
        if len(self._forwards) >= MOST_BLOCKS and head.block not in self._forwards:
            self._heads.clear()
            self._forwards.clear()
        self._heads[head.block] = head
        self._forwards[head.block] = forward
