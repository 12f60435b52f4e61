"""Sends the canaries, takes in what arrives, and tells each change. One worker of all nodes does it at a time.

Nothing here counts among the passcodes of people: no limit, and no metric of theirs.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from structlog.typing import FilteringBoundLogger

from config.factors import ChannelKind
from proxy.canary.canary_message import CanaryMessage, CanaryRecord, CanaryState, CanaryStore, change
from proxy.canary.judging import CanaryJudgement, flaws_in, judge, message_of, next_at
from proxy.canary.recipients import Canary
from proxy.delivery.bounces.desk import Taken
from proxy.delivery.bounces.mail_parts import MailParts, parts_of
from proxy.delivery.channel import Delivery, PasscodeMessage
from proxy.delivery.channels_in_order import Channels
from proxy.factors.passcode.tag import tag_of
from proxy.operations.store_errors import StoreError
from proxy.secrets.tokens import new_token

TURN_SECONDS = 1.0
UNREAD_SECONDS = 5.0
"""How often it is noted that a mailbox still cannot be read."""
_NAME = "Gatepost"
"""Whom a text greets that greets people by name."""
_ID_PREFIX = "canary-"
_ANSWERS = ("In-Reply-To", "References")


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryWords:
    """What stands in its message beside the code."""

    host: str
    """Of the sign-in pages, which stand for the app too."""
    minutes: int
    digits: int
    language: str


class Canaries:
    def __init__(
        self,
        canaries: Sequence[Canary],
        *,
        words: CanaryWords,
        store: CanaryStore,
        channels: Channels,
        clock: Callable[[], float],
        log: FilteringBoundLogger,
        is_unread: Callable[[str], bool] = lambda name: False,
    ) -> None:
        """`channels`: those that people's passcodes go through. `is_unread`: whether the mailbox of the canary of this
        name cannot be read."""
        self._canaries = tuple(canaries)
        self._words = words
        self._store = store
        self._channels = channels
        self._clock = clock
        self._log = log
        self._is_unread = is_unread
        self._since = clock()

    async def run(self) -> None:
        """Until cancelled."""
        self._since = self._clock()
        while True:
            await self.turn()
            await asyncio.sleep(TURN_SECONDS)

    async def turn(self) -> None:
        """Judge each, tell what has changed, and send what is due."""
        await asyncio.gather(*(self._turn_of(each) for each in self._canaries))

    async def try_again(self) -> None:
        """A `TakesMail`: nothing waits."""

    async def take(self, content: bytes) -> Taken:
        """Note a mail as an arrival, if it is a canary's message; whatever mailbox it came in. Raises
        `StoreUnavailable`."""
        parts = parts_of(content)
        if parts is None or _is_answer(parts):
            return Taken.UNRELATED
        records = [await self._store.canary(each.name) for each in self._canaries]
        text = f"{parts.line('Subject')}\n{parts.own_text}"
        named = _named_in(parts, records) or message_of(records, text)
        if named is None:
            return Taken.KNOWN if _is_one_of_ours(parts) else Taken.UNRELATED
        name, message = named
        noted = await note_arrival(self._store, name, message, text=text, now=self._clock())
        return Taken.NOTED if noted is not None else Taken.KNOWN

    async def _turn_of(self, canary: Canary) -> None:
        try:
            record, now = await self._store.canary(canary.name), self._clock()
            if self._is_unread(canary.name):
                record = await self._note_unread(record, now)
            judgement = judge(record, canary.timing, watched_since=self._since, now=now)
            record = await self._tell(canary, record, judgement, now)
            if now >= next_at(record, judgement, canary.timing, now=now):
                await self._send(canary, record)
        except StoreError:
            return  # others tell of that

    async def _note_unread(self, record: CanaryRecord, now: float) -> CanaryRecord:
        """The record as it stands then."""
        if record.unread_at is not None and abs(now - record.unread_at) < UNREAD_SECONDS:
            return record
        return await change(self._store, record.name, lambda known: replace(known, unread_at=now)) or record

    async def _tell(self, canary: Canary, record: CanaryRecord, judgement: CanaryJudgement, now: float) -> CanaryRecord:
        """The record as it stands then."""
        state, before = judgement.state, record.state
        if state in (before, CanaryState.UNKNOWN):  # what is not known changes nothing that was told
            return record
        version = record.version

        def told(known: CanaryRecord) -> CanaryRecord | None:
            # Somebody else changed something meanwhile: the next turn judges that.
            return replace(known, state=state, changed_at=now) if known.version == version else None

        changed = await change(self._store, canary.name, told)
        if changed is None or (state.is_well and before.is_well):
            return changed or record
        facts = {"canary": canary.name, "channel": canary.channel, "state": state.value}
        if state.is_well:
            self._log.info("canary.works", **facts)
        else:
            self._log.warning("canary.fails", reason=judgement.sentence, **facts)
        return changed

    async def _send(self, canary: Canary, judged: CanaryRecord) -> None:
        words, message_id = self._words, f"{_ID_PREFIX}{new_token()}"
        passcode = PasscodeMessage(
            passcode=f"{secrets.randbelow(10**words.digits):0{words.digits}d}",
            number=canary.number,
            mail=canary.mail,
            app=words.host,
            host=words.host,
            minutes=words.minutes,
            message_id=message_id,
            tag=tag_of(message_id),
            language=words.language,
            name=_NAME,
        )
        channel = self._channels.only(canary.channel)
        if channel is None:
            return
        text, now = channel.said(passcode), self._clock()
        message = CanaryMessage(message_id=message_id, code=passcode.passcode, text=text, sent_at=now)

        def begun(known: CanaryRecord) -> CanaryRecord | None:
            return known.with_message(message) if known.version == judged.version else None

        # Before it goes out: it can arrive before the relay has answered. And not if somebody else sent one meanwhile.
        if await change(self._store, canary.name, begun) is None:
            return
        delivery = await channel.send(passcode, kinds=frozenset(ChannelKind))
        await change(self._store, canary.name, lambda known: _handed_over(known, message_id, delivery))


async def note_arrival(
    store: CanaryStore, name: str, message: CanaryMessage, *, text: str | None, now: float
) -> CanaryRecord | None:
    """It arrived, with this `text` (None: only the code is known, and is right). None: it had before.

    Raises `StoreUnavailable`.
    """
    flaws, lost = ((), "") if text is None else flaws_in(text, message)
    return await change(
        store,
        name,
        lambda known: known.with_arrival(message.message_id, at=now, flaws=flaws, lost_characters=lost),
    )


def _handed_over(record: CanaryRecord, message_id: str, delivery: Delivery) -> CanaryRecord | None:
    message = record.message(message_id)
    if message is None:
        return None
    return record.with_message(replace(message, outcome=delivery.outcome, reason=delivery.reason))


def _named_in(parts: MailParts, records: Sequence[CanaryRecord]) -> tuple[str, CanaryMessage] | None:
    """By the mail's own id: it is ours although its code may be gone."""
    message_id = parts.line("Message-ID")
    every = ((each.name, message) for each in records for message in each.messages)
    return next((each for each in every if f"<{each[1].message_id}@" in message_id), None)


def _is_one_of_ours(parts: MailParts) -> bool:
    """A canary that came twice, or so late that it is forgotten."""
    return parts.line("Message-ID").startswith(f"<{_ID_PREFIX}")


def _is_answer(parts: MailParts) -> bool:
    """A report, or an answer that quotes the message: it did not arrive."""
    quoted = any(_ID_PREFIX in parts.line(field) for field in _ANSWERS)
    return bool(parts.report_type) or bool(parts.statuses) or quoted
