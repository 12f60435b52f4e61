"""When sessions end, by their ids, in few bytes each: there may be hundreds of thousands of them.

Instants are epoch seconds. Nothing here is an object of its own: the ends of a session are a row of 75 bytes, the rows
of some sessions one block, and a session's hash says in which block its row is.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

_BLOCKS = 4096
_ID_BYTES = 43
"""As `proxy.secrets.tokens.new_token` makes them; what is shorter is filled up."""
_ROW = Struct(f"{_ID_BYTES}s4d")
_NEVER = float("inf")


class Ends(NamedTuple):
    ends_at: float
    """If it is not used again, as far as it was known when this was put."""
    absolute_end: float
    """However it is used."""
    idle: float
    """Seconds after a use."""

    def used_at(self, now: float) -> Ends:
        # A tunnel's tick may be older than what another worker has told.
        return self._replace(ends_at=max(self.ends_at, min(now + self.idle, self.absolute_end)))


class KeptEnds:
    """By `session_id`. With each is kept when to look at it next."""

    def __init__(self) -> None:
        self._blocks = [bytearray() for _ in range(_BLOCKS)]
        self._look_at = array("d", [_NEVER]) * _BLOCKS
        """By block, when the first of it is to be looked at, or earlier."""
        self._next = _NEVER
        """The least of these."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, session_id: str) -> bool:
        return self._row(session_id)[1] >= 0

    def __iter__(self) -> Iterator[str]:
        """Those that are there now."""
        for block in self._blocks:
            yield from [_id(row[0]) for row in _ROW.iter_unpack(block)]

    def get(self, session_id: str) -> Ends | None:
        number, at = self._row(session_id)
        return None if at < 0 else Ends(*_ROW.unpack_from(self._blocks[number], at)[2:])

    def put(self, session_id: str, ends: Ends, *, look_at: float | None = None) -> None:
        """In the place of what was there; to be looked at when it ends, or then."""
        number, at = self._row(session_id)
        block, look_at = self._blocks[number], ends.ends_at if look_at is None else look_at
        row = _ROW.pack(_key(session_id), look_at, *ends)
        if at < 0:
            block += row
            self._count += 1
        else:
            block[at : at + _ROW.size] = row
        if look_at < self._look_at[number]:
            self._look_at[number] = look_at
            self._next = min(self._next, look_at)

    def drop(self, session_id: str) -> None:
        number, at = self._row(session_id)
        if at >= 0:
            block = self._blocks[number]
            last = block[-_ROW.size :]
            block[at : at + _ROW.size] = last
            del block[-_ROW.size :]
            self._count -= 1

    def go_on_from(self, seconds: float) -> None:
        """The clock was set by so much."""
        for number, block in enumerate(self._blocks):
            rows = _ROW.iter_unpack(bytes(block))
            block[:] = b"".join(_ROW.pack(key, *(each + seconds for each in at), idle) for key, *at, idle in rows)
            self._look_at[number] += seconds
        self._next += seconds

    def due(self, now: float) -> list[str]:
        """All to be looked at by now, the earliest first. They stay due until they are dropped or put again."""
        if now < self._next:
            return []
        due: list[tuple[float, bytes]] = []
        for number, look_at in enumerate(self._look_at):
            if look_at <= now:
                rows = [(at, key) for key, at, *_ in _ROW.iter_unpack(self._blocks[number])]
                due += [row for row in rows if row[0] <= now]
                self._look_at[number] = min((at for at, _ in rows), default=_NEVER)
        self._next = min(self._look_at)
        return [_id(key) for _, key in sorted(due)]

    def _row(self, session_id: str) -> tuple[int, int]:
        """Its block's number, and where it begins there; -1: it is not there."""
        number = hash(session_id) % _BLOCKS
        block, key = self._blocks[number], _key(session_id)
        at = block.find(key)
        while at > 0 and at % _ROW.size:  # the same bytes, by chance, within others
            at = block.find(key, at + 1)
        return number, at


def _key(session_id: str) -> bytes:
    key = session_id.encode("ascii")
    if len(key) > _ID_BYTES:
        raise ValueError("not the id of a session: too long")
    return key.ljust(_ID_BYTES)


def _id(key: bytes) -> str:
    return key.decode("ascii").rstrip()
