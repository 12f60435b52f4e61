"""What a canary's messages say: how they differ from what was meant, and whether they arrive. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from proxy.canary.canary_message import CanaryMessage, CanaryRecord, CanaryState, Flaw
from proxy.delivery.channel import Outcome
from proxy.delivery.text_rules import shown
from proxy.operations.steady_clock import SKEW_SECONDS

LOST_TIMES = 3
"""After so many times as long as a message may take, it counts as lost."""
AGAIN_SECONDS = 300.0
"""While something is wrong, messages that cost money are sent at most so far apart, to know soon when it is right."""
MOST_SOONER = 6
"""But no more than so many in a row: a flat battery over a weekend is not to cost ten times as much."""
_MOST_NUMBERS = 10
"""A text with more numbers as long as a code is none of a canary's: somebody may be trying them all."""
_SILENT_SECONDS = 60.0
"""By so much a message may be sent later than it is due: whoever sends them may have been replaced."""
_NUMBER = re.compile("[0-9]+")
_MAY_HAVE_ARRIVED = (CanaryState.LATE, CanaryState.LOST)
_SAID = {
    CanaryState.LATE: "messages take longer than allowed",
    CanaryState.LOST: "messages do not arrive",
    CanaryState.MANGLED: "messages do not arrive as they were sent",
    CanaryState.REFUSED: "the relay or gateway refuses the canary's number or address",
    CanaryState.NOT_TAKEN: "no relay or gateway takes its messages",
    CanaryState.SILENT: "no message was sent when one was due",
}
_SAID_OF_FLAWS = {
    Flaw.NO_CODE: "the code is missing",
    Flaw.CUT_OFF: "the text is cut off",
    Flaw.CHARACTERS: "characters are changed",
    Flaw.OTHER_TEXT: "the text is another one",
    Flaw.NO_LAST_LINE: "the last line, for phones, is missing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    every: float
    """Seconds from one message to the next."""
    within: float
    """Seconds that one may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryJudgement:
    state: CanaryState
    by: CanaryMessage | None = None
    """The message that shows it."""

    @property
    def sentence(self) -> str:
        """For `/readyz`, log and audit; empty where nothing is wrong. Holds no code, and does not change by itself."""
        said = _SAID.get(self.state, "")
        if self.by is None:
            return said
        if self.state is CanaryState.MANGLED:
            return f"{said}: {flaws_said(self.by)}"
        if self.state in (CanaryState.REFUSED, CanaryState.NOT_TAKEN) and self.by.reason:
            return f"{said}: {self.by.reason}"
        return said


def flaws_said(message: CanaryMessage) -> str:
    """Empty: it arrived as it was sent."""
    found = [_SAID_OF_FLAWS[flaw] for flaw in message.flaws]
    return ", ".join((*found, *map(shown, message.lost_characters)))


def judge(record: CanaryRecord, timing: Timing, *, watched_since: float, now: float) -> CanaryJudgement:
    """By the latest message of which something is known. `watched_since`: before that, silence says nothing."""
    messages = _until(record, now)
    latest = messages[-1].sent_at if messages else 0.0
    if now > max(latest, watched_since) + timing.every + timing.within + _SILENT_SECONDS:
        return CanaryJudgement(state=CanaryState.SILENT)
    if now > latest + timing.every + timing.within + _SILENT_SECONDS:
        return CanaryJudgement(state=CanaryState.UNKNOWN)  # what was long ago says nothing of today
    unread_at = record.unread_at if record.unread_at is not None else float("-inf")
    for message in reversed(messages):
        state = _state_by(message, timing, now)
        if state in _MAY_HAVE_ARRIVED and message.sent_at <= unread_at:
            return CanaryJudgement(state=CanaryState.UNKNOWN)  # nobody could look whether it was there in time
        if state is not None:
            return CanaryJudgement(state=state, by=message)
    return CanaryJudgement(state=CanaryState.UNKNOWN)


def _state_by(message: CanaryMessage, timing: Timing, now: float) -> CanaryState | None:
    """None: it is on its way, in time."""
    took = (message.arrived_at if message.arrived_at is not None else now) - message.sent_at
    if message.arrived_at is not None:
        if message.flaws:
            return CanaryState.MANGLED
        return CanaryState.ARRIVES if took <= timing.within else CanaryState.LATE
    if message.outcome is Outcome.REFUSED:
        return CanaryState.REFUSED
    if message.outcome is Outcome.UNAVAILABLE:
        return CanaryState.NOT_TAKEN
    if took <= timing.within:
        return None
    return CanaryState.LATE if took <= LOST_TIMES * timing.within else CanaryState.LOST


def next_at(record: CanaryRecord, judgement: CanaryJudgement, timing: Timing, *, now: float) -> float:
    """When the next message is to be sent. While something is wrong, sooner: when one could have arrived, if the last
    one cost nothing, else a few times."""
    messages = _until(record, now)
    if not messages:
        return 0.0
    latest, seconds = messages[-1], timing.every
    if not judgement.state.is_well:
        if _cost_nothing(latest):
            seconds = min(seconds, timing.within)
        elif _paid_in_vain(messages, timing, now) <= MOST_SOONER:
            seconds = min(seconds, max(timing.within, AGAIN_SECONDS))
    return latest.sent_at + seconds


def _until(record: CanaryRecord, now: float) -> Sequence[CanaryMessage]:
    """The messages that can have been sent by now, the latest last. What was sent later than that, as far as clocks may
    be apart, was sent before the clock was set back, nobody knows when."""
    return [each for each in record.messages if each.sent_at <= now + SKEW_SECONDS]


def _cost_nothing(message: CanaryMessage) -> bool:
    return message.outcome in (Outcome.REFUSED, Outcome.UNAVAILABLE)


def _paid_in_vain(messages: Sequence[CanaryMessage], timing: Timing, now: float) -> int:
    """How many there were since the last that arrived as it should."""
    since = takewhile(lambda each: _state_by(each, timing, now) is not CanaryState.ARRIVES, reversed(messages))
    return sum(not _cost_nothing(each) for each in since)


def holds(text: str, code: str) -> bool:
    """Whether the code stands there by itself, and not as part of another number."""
    return re.search(rf"(?<![0-9]){re.escape(code)}(?![0-9])", text) is not None


def flaws_in(arrived: str, message: CanaryMessage) -> tuple[tuple[Flaw, ...], str]:
    """How `arrived` differs from what was sent, and which characters were lost. What stands around it does not count:
    whoever forwards an SMS says so. Neither do blanks and line ends, but before the last line."""
    body, last_line = _parted(message.text)
    found, lost = [], ""
    if not holds(arrived, message.code):
        found.append(Flaw.NO_CODE)
    meant, came = _in_one_line(body), _in_one_line(arrived)
    if meant not in came:
        if _is_cut(meant, came):
            found.append(Flaw.CUT_OFF)
        elif lost := "".join(dict.fromkeys(each for each in meant if _may_change(each) and each not in came)):
            found.append(Flaw.CHARACTERS)
        elif Flaw.NO_CODE not in found:
            found.append(Flaw.OTHER_TEXT)
    if last_line and last_line not in (line.strip() for line in arrived.splitlines()):
        found.append(Flaw.NO_LAST_LINE)
    return tuple(found), lost


def _parted(text: str) -> tuple[str, str]:
    """What people read, and the line for phones, if there is one."""
    body, _, last_line = text.rpartition("\n")
    return (body, last_line) if body and last_line.startswith("@") else (text, "")


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _may_change(character: str) -> bool:
    """Whether it is not part of every alphabet. The digits of a code are."""
    return not character.isascii() or not (character.isalnum() or character == " ")


def _is_cut(meant: str, came: str) -> bool:
    """Whether it ends in the middle of what was meant."""
    start = came.rfind(meant[:10])
    return start >= 0 and meant.startswith(came[start:])


def message_of(records: Sequence[CanaryRecord], text: str) -> tuple[str, CanaryMessage] | None:
    """Whose code stands in this text, and of which message: rather one that has not arrived."""
    every = [(each.name, message) for each in records for message in each.messages]
    lengths = {len(message.code) for _, message in every}
    if sum(len(number) in lengths for number in set(_NUMBER.findall(text))) > _MOST_NUMBERS:
        return None
    found = [each for each in every if holds(text, each[1].code)]
    return max(found, key=lambda each: (each[1].arrived_at is None, each[1].sent_at), default=None)
