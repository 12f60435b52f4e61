"""The log of a stress run: one line for each answer, with when it was asked for and when it came.

Instants are of the machine's monotonic clock. Sessions and challenges are known by numbers of the run's own: no
cookie and no passcode is written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from types import TracebackType


class Outcome(StrEnum):
    SERVED = "served"
    """The app answered."""
    REFUSED = "refused"
    """Gatepost asked for a sign-in."""
    AWAY = "away"
    """Gatepost said that it cannot say (502, 503, 504)."""
    BROKEN = "broken"
    """No answer: the connection broke or none came in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A session was given out; `at` is when the answer that gave it out was there."""

    session: int
    person: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request with a session's cookie. `served_as`: who the app was told it is."""

    session: int
    sent: float
    answered: float
    outcome: Outcome
    served_as: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """Somebody asked for a session's end. Without acknowledgement it may have ended or not."""

    session: int
    sent: float
    answered: float
    is_acknowledged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PasscodeSent:
    """A passcode was given in answer to a challenge; `is_accepted`: a new session came back."""

    challenge: str
    sent: float
    answered: float
    is_accepted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Disturbed:
    """What was done to a worker or the store."""

    what: str
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """Nothing is disturbed any more: whatever stands must answer from now on."""

    at: float


Entry = Created | Asked | Ended | PasscodeSent | Disturbed | Settled

_KINDS: dict[str, type[Entry]] = {
    kind.__name__: kind for kind in (Created, Asked, Ended, PasscodeSent, Disturbed, Settled)
}


def entry_to_line(entry: Entry) -> str:
    return json.dumps({"kind": type(entry).__name__, **asdict(entry)}, separators=(",", ":")) + "\n"


def entry_from_line(line: str) -> Entry:
    """What `entry_to_line` wrote; raises `ValueError`, `KeyError` or `TypeError` on anything else."""
    fields = json.loads(line)
    kind = _KINDS[fields.pop("kind")]
    if kind is Asked:
        fields["outcome"] = Outcome(fields["outcome"])
    return kind(**fields)


class HistoryWriter:
    """Appends to a file, and counts by kind."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="ascii")
        self.counts: dict[str, int] = {}

    def write(self, entry: Entry) -> None:
        name = type(entry).__name__
        if isinstance(entry, Asked):
            name = f"{name} {entry.outcome.value}"
        elif isinstance(entry, Disturbed):
            name = f"{name} {entry.what}"
        self.counts[name] = self.counts.get(name, 0) + 1
        self._file.write(entry_to_line(entry))

    def __enter__(self) -> HistoryWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


def read_history(path: Path) -> Iterator[Entry]:
    with path.open(encoding="ascii") as lines:
        for line in lines:
            yield entry_from_line(line)
