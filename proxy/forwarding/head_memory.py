"""The heads that one connection sent recently, so that what repeats is not read and judged again.

Browsers and API clients send the same fields again and again on a connection. Mostly only the request line differs,
and sometimes a field that Gatepost merely passes on. A block of fields is known by its exact bytes, and a head's
meaning by the exact bytes of all lines that have one (`HeadFields.shape`). Reading the same bytes again gives the same
result, so the memory can never make two readings of one request. It holds only what was admitted, so strangers cost no
memory, and it ends with its connection.
"""

from __future__ import annotations

from typing import Final

from proxy.access.rules import PathRule
from proxy.forwarding.routes import Route
from proxy.forwarding.upstream_lines import joined
from proxy.forwarding.verdict import Forward
from proxy.http.plain_head import PLAIN_REQUEST_LINE, JudgedLine, judge_lines, read_head
from proxy.http.request_head import HeadFields, RequestHead
from proxy.sessions.live_sessions import CookieKey
from proxy.sessions.session import Session

MOST_BLOCKS = 8
"""How many blocks, and how many shapes: a browser uses a different one for pages, styles, scripts, images and data."""


class KnownHead:
    """An admitted head, and what was sent upstream for it."""

    __slots__ = ("cookie", "fields", "forward", "lines", "renew_at", "rules", "session")

    def __init__(self, lines: tuple[bytes, ...], fields: HeadFields, forward: Forward) -> None:
        self.lines: Final = lines
        self.fields: Final = fields
        self.forward: Final = forward
        self.rules: Final = forward.route.rules
        self.cookie: CookieKey | None = None
        """What named `session`."""
        self.session: Session | None = None
        """Whose cookie alone, until `renew_at` and with the same rule, opens what `forward` leads to."""
        self.renew_at = 0.0


class HeadMemory:
    """Of one connection."""

    __slots__ = ("_blocks", "_fields", "_head", "_known", "_lines", "_shapes")

    def __init__(self) -> None:
        self._blocks: dict[bytes, KnownHead] = {}
        self._fields: dict[bytes, HeadFields] = {}
        """By their shape."""
        self._shapes: dict[HeadFields, KnownHead] = {}
        """The latest of each."""
        self._lines: dict[bytes, JudgedLine] = {}
        """Of heads that were admitted."""
        self._head: RequestHead | None = None
        self._known: KnownHead | None = None
        """What is known of `_head`, the last one that was recalled."""

    def recall(self, data: bytes) -> RequestHead | None:
        """The head in `data`, if that is exactly one head (with nothing behind it) and its block is known."""
        # Everything after the request line is the key. A second head behind the first would make it a different key.
        line, _, block = data.partition(b"\r\n")
        known = self._blocks.get(block)
        if known is None:
            return None
        match = PLAIN_REQUEST_LINE.fullmatch(line)
        if match is None:
            return None
        method, target = match.groups()
        head = self._head = RequestHead(method, target, known.lines, known.fields, block)
        self._known = known
        return head

    def read(self, raw: bytes) -> RequestHead:
        """Read one whole head; raises `RefusedHead`. What it has in common with those before is not judged again."""
        head = self._head = read_head(raw, self._lines, self._fields)
        self._known = self._shapes.get(head.fields)
        return head

    def of(self, head: RequestHead) -> KnownHead | None:
        """What is known of this head."""
        return self._known if head is self._head else None

    def known(
        self, head: RequestHead, route: Route, rule: PathRule | None, identity_block: bytes, session_id: str | None
    ) -> Forward | None:
        """What is sent upstream for this head, if nothing that the known one was made from has changed."""
        known = self.of(head)
        if known is None:
            return None
        forward = known.forward
        # What goes upstream also depends on the host, the path rule and the person, so each of them has to be the same.
        if (
            forward.route is route
            and forward.rule is rule
            and forward.identity_block == identity_block
            and forward.session_id == session_id
        ):
            return self.forward_of(head, known)
        return None

    def forward_of(self, head: RequestHead, known: KnownHead) -> Forward:
        """What is sent upstream for `head`, of which `known` is known, to the same person under the same rule."""
        forward = known.forward
        if head.lines is known.lines:
            return forward
        around = forward.around
        fields = joined(around, head.lines)
        new = type(forward)(
            forward.route, fields, forward.session_id, forward.rule, forward.identity_block, around=around
        )
        self.keep(head, new)
        if known.cookie is not None and known.session is not None:
            self.admit(head, known.cookie, known.session, known.renew_at)
        return new

    def keep(self, head: RequestHead, forward: Forward) -> None:
        """Remember an admitted head, and what was sent upstream for it."""
        block, shape = head.block, head.fields.shape
        if not block:
            return
        known = KnownHead(head.lines, head.fields, forward)
        if len(self._blocks) >= MOST_BLOCKS and block not in self._blocks:
            self._blocks.clear()
        self._blocks[block] = known
        if shape:
            if shape not in self._fields:
                if len(self._fields) >= MOST_BLOCKS:
                    self._fields.clear()
                    self._shapes.clear()
                    self._lines.clear()
                self._lines.update(judge_lines(block))
                self._fields[shape] = head.fields
            self._shapes[head.fields] = known
        self._head, self._known = head, known

    def admit(self, head: RequestHead, cookie: CookieKey, session: Session, renew_at: float) -> None:
        """Remember that it was the cookie's session alone that opened this head's target, and until when it does."""
        known = self.of(head)
        if known is not None:
            known.cookie, known.session, known.renew_at = cookie, session, renew_at
