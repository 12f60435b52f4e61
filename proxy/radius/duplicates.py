"""Requests that come again, because their answer was late or lost: answered once, from memory (RFC 5080 section 2.2.2).

One worker serves a socket, so its memory is all there is to ask. Instants are of one clock. Pure.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field

KEPT_SECONDS = 30.0
"""How long an answer is kept: clients repeat for as long at the most."""
MOST_KEPT = 4096
"""Answers and requests at once. More push out the oldest."""

Source = tuple[str, int]


@dataclass(frozen=True, slots=True)
class NewRequest:
    """Nobody works on it yet: the caller does from now on."""


@dataclass(frozen=True, slots=True)
class BeingAnswered:
    """Somebody works on it."""


@dataclass(frozen=True, slots=True)
class AnsweredBefore:
    answer: bytes = field(repr=False)


@dataclass(slots=True)
class _Known:
    digest: bytes
    at: float
    answer: bytes | None = None


class Duplicates:
    """A request is known by where it comes from, its identifier and all of its bytes, the random authenticator among
    them. Another one with the same identifier takes its place: its client has given the older one up."""

    def __init__(self, *, kept_seconds: float = KEPT_SECONDS, most: int = MOST_KEPT) -> None:
        self._kept_seconds = kept_seconds
        self._most = most
        self._known: OrderedDict[tuple[Source, int], _Known] = OrderedDict()

    def begin(self, source: Source, packet: bytes, now: float) -> NewRequest | BeingAnswered | AnsweredBefore:
        key, digest = (source, packet[1]), hashlib.sha256(packet).digest()
        known = self._known.get(key)
        if known is not None and known.digest == digest:
            if known.answer is None:
                return BeingAnswered()  # however long it takes
            if now < known.at + self._kept_seconds:
                return AnsweredBefore(known.answer)
        self._known.pop(key, None)
        self._known[key] = _Known(digest, now)
        self._forget(now)
        return NewRequest()

    def answered(self, source: Source, packet: bytes, answer: bytes, now: float) -> bool:
        """Keep the answer; False: the client has given this request up, and is sent nothing."""
        known = self._known.get((source, packet[1]))
        if known is None or known.digest != hashlib.sha256(packet).digest():
            return False
        known.answer, known.at = answer, now
        self._known.move_to_end((source, packet[1]))
        return True

    def __len__(self) -> int:
        return len(self._known)

    def _forget(self, now: float) -> None:
        """The oldest stand first."""
        while self._known:
            key, oldest = next(iter(self._known.items()))
            is_over = oldest.answer is not None and now >= oldest.at + self._kept_seconds
            if not is_over and len(self._known) <= self._most:
                return
            del self._known[key]
