"""Where one WebSocket frame ends and the next begins (RFC 6455 section 5.2): pure; payloads are never looked at."""

from __future__ import annotations

SESSION_ENDED, NOT_ALLOWED = 4401, 4403
"""RFC 6455 section 7.4.2 leaves 4000 to 4999 to applications; these are what many use for 401 and 403."""
GOING_AWAY = 1001
_CLOSE = 0x8
_FINAL = 0x80
_MASKED = 0x80
_LONGEST_REASON = 123


def close_frame(code: int, reason: str) -> bytes:
    """A server's Close: not masked. `reason` is cut to what a control frame holds."""
    payload = code.to_bytes(2, "big") + reason.encode("ascii", "replace")[:_LONGEST_REASON]
    return bytes((_FINAL | _CLOSE, len(payload))) + payload


class Frames:
    """One direction of a WebSocket, in whatever pieces it comes."""

    __slots__ = ("_header", "_skip", "has_closed")

    def __init__(self) -> None:
        self._skip = 0
        """Bytes of the current payload that are still to come."""
        self._header = b""
        """The beginning of a frame whose header is not whole."""
        self.has_closed = False
        """Whether a Close was sent: nothing may follow it."""

    @property
    def is_between(self) -> bool:
        """Whether everything up to now was whole frames: one of our own may follow."""
        return not self._skip and not self._header

    def feed(self, data: bytes) -> None:
        at, size = self._skip, len(data)
        if at >= size:
            self._skip = at - size
            return
        if self._header:
            data, self._header = self._header + data, b""
            size = len(data)
        while size - at >= 2:
            length = data[at + 1] & 0x7F
            extended = 8 if length == 127 else 2 if length == 126 else 0
            header = 2 + extended + (4 if data[at + 1] & _MASKED else 0)
            if size - at < header:
                break
            if extended:
                length = int.from_bytes(data[at + 2 : at + 2 + extended], "big")
            if data[at] & 0x0F == _CLOSE:
                self.has_closed = True
            at += header + length
        self._skip = max(0, at - size)
        self._header = data[at:]
