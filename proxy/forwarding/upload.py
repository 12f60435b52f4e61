"""A request's body on its way upstream: its framing, and how much of it has moved."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.http.bodies import Body, ChunkedBody, LengthBody, Piece, Rechunked
from proxy.http.request_head import RequestHead


class Upload:
    """Nothing is collected: a piece goes out as soon as it is in."""

    __slots__ = ("_body", "_progress", "is_held")

    def __init__(self, head: RequestHead) -> None:
        """`head` is one that has a body."""
        self._body: Body = (
            Rechunked(ChunkedBody(extensions=False))
            if head.fields.is_chunked
            else LengthBody(head.fields.content_length or 0)
        )
        self._progress = 0
        """Bytes since its deadline was set: a trickle moves nothing."""
        self.is_held = False
        """Whether the client has to wait for the upstream to read."""

    @property
    def is_over(self) -> bool:
        return self._body.is_over

    def feed(self, data: bytes) -> Sequence[Piece]:
        """The pieces to send for what came; raises `BrokenBody`."""
        return self._body.feed(data) if data else ()

    def has_moved(self, count: int, least: float) -> bool:
        """Whether, with `count` bytes more, at least so many came since this last said so."""
        self._progress += count
        if self._progress < least:
            return False
        self._progress = 0
        return True

    def go_on(self) -> None:
        """The upstream has read: the client's time begins again."""
        self.is_held = False
        self._progress = 0

    def take_leftover(self) -> bytes:
        """What came behind its end."""
        leftover, self._body.leftover = self._body.leftover, b""
        return leftover
