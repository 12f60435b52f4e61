"""What is known of a canary: its latest messages, what became of them, and what was told of it last. Values.

Instants are epoch seconds. A code of a canary is no challenge's: it opens nothing. It is shown nowhere all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Protocol

from proxy.delivery.channel import Outcome

MOST_KEPT = 12
"""So many messages are remembered. One that arrives later than that many others is nobody's any more."""


class Flaw(Enum):
    """How a text that arrived differs from the one that was sent."""

    NO_CODE = "no_code"
    CUT_OFF = "cut_off"
    CHARACTERS = "characters"
    """Single characters arrived as others, or not at all: an alphabet was changed on the way."""
    OTHER_TEXT = "other_text"
    NO_LAST_LINE = "no_last_line"
    """The line by which phones fill in the code (``@host #code``) is missing, or is no line of its own."""


class CanaryState(Enum):
    UNKNOWN = "unknown"
    """No message was due to arrive so far."""
    ARRIVES = "arrives"
    LATE = "late"
    """It takes, or took, longer than it may."""
    LOST = "lost"
    """It has not arrived after several times as long."""
    MANGLED = "mangled"
    REFUSED = "refused"
    """The relay or gateway refuses the canary's own number or address."""
    NOT_TAKEN = "not_taken"
    """No relay or gateway took it."""
    SILENT = "silent"
    """None was sent although one was due: nobody sends canaries."""

    @property
    def is_well(self) -> bool:
        return self in (CanaryState.UNKNOWN, CanaryState.ARRIVES)

    @property
    def delays_people(self) -> bool:
        """Whether people would wait for their codes in vain. What concerns the canary alone, or its text, is not."""
        return self in (CanaryState.LATE, CanaryState.LOST, CanaryState.NOT_TAKEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryMessage:
    message_id: str
    code: str = field(repr=False)
    text: str = field(repr=False)
    """As it is to arrive, the last line included."""
    sent_at: float
    outcome: Outcome | None = None
    """None: it is being handed over, or whoever did that was stopped."""
    reason: str = ""
    """As `Delivery.reason`."""
    arrived_at: float | None = None
    flaws: tuple[Flaw, ...] = ()
    lost_characters: str = field(default="", repr=False)
    """Of the text's own, those that arrived as others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryRecord:
    name: str
    version: int = 0
    """0: it was never stored."""
    messages: tuple[CanaryMessage, ...] = ()
    """The latest last."""
    state: CanaryState = CanaryState.UNKNOWN
    """As it was told last."""
    changed_at: float | None = None
    last_arrival_at: float | None = None
    arrival_seconds: float | None = None
    """How long the latest one that arrived took."""
    unread_at: float | None = None
    """When its mailbox could not be read, the last time that this was noted."""

    def message(self, message_id: str) -> CanaryMessage | None:
        return next((each for each in self.messages if each.message_id == message_id), None)

    def with_message(self, message: CanaryMessage) -> CanaryRecord:
        """With this one added, or in place of the one of this id."""
        if self.message(message.message_id) is None:
            return replace(self, messages=(*self.messages, message)[-MOST_KEPT:])
        known = (message if each.message_id == message.message_id else each for each in self.messages)
        return replace(self, messages=tuple(known))

    def with_arrival(
        self, message_id: str, *, at: float, flaws: tuple[Flaw, ...], lost_characters: str = ""
    ) -> CanaryRecord | None:
        """None: there is no such message, or it has arrived before."""
        message = self.message(message_id)
        if message is None or message.arrived_at is not None:
            return None
        arrived = replace(message, arrived_at=at, flaws=flaws, lost_characters=lost_characters)
        seconds = max(0.0, at - message.sent_at)
        return replace(self.with_message(arrived), last_arrival_at=at, arrival_seconds=seconds)


class CanaryStore(Protocol):
    """What is kept of canaries, so that all nodes know the same and a restart goes on. Methods raise
    `StoreUnavailable`."""

    async def canary(self, name: str) -> CanaryRecord:
        """As it is stored; an empty record where nothing is."""
        ...

    async def put_canary(self, record: CanaryRecord) -> bool:
        """In place of the one whose `version` is one less, or of none; False where another one is stored. Atomic."""
        ...


async def change(
    store: CanaryStore, name: str, to: Callable[[CanaryRecord], CanaryRecord | None]
) -> CanaryRecord | None:
    """Store what `to` makes of the record, however many others change it meanwhile; None where it makes nothing.

    Raises `StoreUnavailable`.
    """
    while True:
        known = await store.canary(name)
        changed = to(known)
        if changed is None:
            return None
        changed = replace(changed, version=known.version + 1)
        if await store.put_canary(changed):
            return changed
