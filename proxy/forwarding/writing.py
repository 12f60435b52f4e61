"""How the pieces of a message are handed to a transport."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from proxy.http.bodies import Piece

JOIN_BELOW = 32 * 1024
"""Pieces smaller than this are copied into one write; larger ones are handed over as they are."""


def write(transport: asyncio.WriteTransport, pieces: Sequence[Piece]) -> None:
    """All pieces in one go."""
    if len(pieces) == 1:
        transport.write(pieces[0])
    elif pieces:
        if sum(map(len, pieces)) < JOIN_BELOW:
            transport.write(b"".join(pieces))
        else:
            transport.writelines(pieces)
