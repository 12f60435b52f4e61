"""Makes lines of events and appends them to a chain: sealed, with their numbers and hashes, and signed.

All of what is handed in is written, or none of it and the error is raised: whoever hands it in waits and tries again.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from typing import Protocol

from proxy.audit.anchors import sign, signer_name, signing_key
from proxy.audit.chain_file import ChainFile, FoundChain
from proxy.audit.event import AuditEvent
from proxy.audit.files import day_of
from proxy.audit.lines import TORN, AnchorReason, ChainEnd, anchor_line, digest_of, line_of
from proxy.audit.person_keys import PersonKeys
from proxy.audit.personal import seal_events
from proxy.secrets.keys import Keys
from proxy.secrets.tokens import new_token


class LineOutlet(Protocol):
    """Where lines go besides the file."""

    def put(self, lines: list[bytes]) -> None:
        """Take these, without their line ends. Returns at once and never raises."""
        ...


class ChainWriter:
    """Raises `OSError` and `StoreError`."""

    def __init__(
        self,
        *,
        person_keys: PersonKeys,
        keys: Keys,
        clock: Callable[[], float],
        file: ChainFile | None,
        outlets: tuple[LineOutlet, ...],
    ) -> None:
        """No `file`: lines go to the outlets alone."""
        self._person_keys = person_keys
        self._keys = keys
        self._clock = clock
        self._file = file
        self._outlets = outlets
        self._end: ChainEnd | None = None
        """Of the chain; None: not begun yet."""
        self.anchored_at = 0.0

    @property
    def is_begun(self) -> bool:
        return self._end is not None

    async def take(self) -> None:
        """Take the file's chain, or begin one, which says so."""
        now = self._clock()
        found = FoundChain() if self._file is None else await asyncio.to_thread(self._file.take, day=day_of(now))
        self._end = found.end or ChainEnd(chain=f"{_node()}-{new_token()[:12]}")
        events = []
        if found.torn:
            # All in one line: a process that dies here leaves either all to be told by the next one, or none.
            digests = " ".join(map(digest_of, found.torn))
            facts: dict[str, str | int] = {"bytes": sum(map(len, found.torn)), "sha256": digests}
            events.append((now, AuditEvent(event=TORN, facts=facts)))
        try:
            await self.write(events, AnchorReason.BEGIN)
        except BaseException:
            self._end = None
            if self._file is not None:
                self._file.close()
            raise

    async def write(self, events: list[tuple[float, AuditEvent]], anchor: AnchorReason | None) -> None:
        """All of it, or nothing. Where a file is full, it ends with an anchor, and the next one begins."""
        now = self._clock()
        if self._file is not None and self._file.is_over(day=day_of(now)):
            await self._append([], AnchorReason.ROTATION)
            await asyncio.to_thread(self._file.turn, day=day_of(now))
        await self._append(events, anchor)

    async def _append(self, events: list[tuple[float, AuditEvent]], anchor: AnchorReason | None) -> None:
        assert self._end is not None  # noqa: S101  # for the type checker
        end, lines = self._end, []
        boxes = await seal_events(self._person_keys, events)
        for (time, event), sealed in zip(events, boxes, strict=True):
            lines.append(line_of(end, event, sealed, time=time))
            end = end.after(lines[-1])
        now = self._clock()
        if anchor is not None:
            key = signing_key(self._keys)
            signer = signer_name(key.public_key())
            lines.append(anchor_line(end, anchor, signer=signer, sign=lambda text: sign(key, text), time=now))
            end = end.after(lines[-1])
        if not lines:
            return
        if self._file is not None:
            await asyncio.to_thread(self._file.append, b"".join(line + b"\n" for line in lines))
        self._end = end
        if anchor is not None:
            self.anchored_at = now
        for outlet in self._outlets:
            outlet.put(lines)

    async def close(self) -> None:
        if self._file is not None:
            await asyncio.to_thread(self._file.close)


def _node() -> str:
    """The name of this machine, as far as it fits into a chain's."""
    return re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:64]
