"""Line ends within what was read so far: pure.

A head or a trailer section ends with CRLF CRLF. One with a bare LF never gets there, and would be waited for in vain.
"""

from __future__ import annotations


def has_bare_lf(data: bytes) -> bool:
    """Whether an LF stands without its CR (RFC 9112 section 2.2); `data` begins at the start of a line."""
    return data.count(b"\n") != data.count(b"\r\n")
