"""Where one request's head ends and what follows begins: pure state, bytes in, whole heads out (RFC 9112 section 2).

Bytes that come before their turn wait here, up to a limit. The connection decides how long they may wait.
"""

from __future__ import annotations

from proxy.http.head_reading import has_bare_lf
from proxy.http.problem import Problem
from proxy.http.request_head import RefusedHead

_CR = 13


class HeadBuffer:
    """Of one connection: what its client sent and nobody has taken yet."""

    __slots__ = ("_max_bytes", "data", "is_partial")

    def __init__(self, max_bytes: int) -> None:
        """`max_bytes` is the size of the largest head that is read."""
        self._max_bytes = max_bytes
        self.data = b""
        self.is_partial = False
        """Whether a head has begun, and `next_head` waits for its end."""

    @property
    def is_full(self) -> bool:
        """Whether enough is waiting."""
        return len(self.data) >= self._max_bytes

    def next_head(self) -> bytes | None:
        """The next whole head, its empty line included; None where more has to come. Raises `RefusedHead`.

        It is called while there is `data`.
        """
        data = self.data
        if data[0] == _CR and data.startswith(b"\r\n") and not self.is_partial:
            data = data[2:]  # RFC 9112 section 2.2: one empty line before a request is passed over
            if not data:
                self.data = b""
                return None
        end = data.find(b"\r\n\r\n") + 4
        if end == 3 or end > self._max_bytes:
            if len(data) > self._max_bytes:
                raise RefusedHead(Problem.HEAD_TOO_LARGE, "head")
            if has_bare_lf(data):
                raise RefusedHead(Problem.MALFORMED_REQUEST, "line end")
            self.is_partial = True
            self.data = data
            return None
        self.is_partial = False
        self.data = data[end:]
        return data[:end]

    def take(self) -> bytes:
        """All that waits, for whom it belongs to."""
        data, self.data = self.data, b""
        return data
