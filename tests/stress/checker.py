"""What must never be found in the log of a stress run. Pure: entries in, violations out; their order does not matter.

Each rule goes by what a client can know: an answer counts from when it came, a request from when it was sent, and
whatever lies between is left to either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from tests.stress.history import Asked, Created, Ended, Entry, Outcome, PasscodeSent, Settled


class Rule(Enum):
    LOST = "a session that stands was refused"
    NEVER_BACK = "a session that stands was not served once all was settled"
    UNANSWERED = "nobody was told that a session is over once all was settled"
    ALIVE = "a session was served after its end was acknowledged"
    TWICE = "a passcode was accepted twice"
    MIXED = "a session was served as another person"
    UNKNOWN = "the log speaks of a session that it never gave out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    rule: Rule
    subject: str
    """The session or challenge."""
    at: float


@dataclass(slots=True)
class _Life:
    """What is known of one session's beginning and end."""

    person: str
    created_at: float
    may_end_from: float = float("inf")
    """When its end was first asked for."""
    is_over_from: float = float("inf")
    """When its end was first acknowledged."""
    asked: list[Asked] = field(default_factory=list)


def violations(entries: Iterable[Entry]) -> list[Violation]:
    """All of them, in the order of time."""
    lives: dict[int, _Life] = {}
    found: list[Violation] = []
    later: list[Asked | Ended] = []
    accepted: Counter[str] = Counter()
    settled_at: float | None = None
    for entry in entries:
        match entry:
            case Created():
                lives[entry.session] = _Life(entry.person, entry.at)
            case Asked() | Ended():
                later.append(entry)
            case PasscodeSent() if entry.is_accepted:
                accepted[entry.challenge] += 1
                if accepted[entry.challenge] == 2:
                    found.append(Violation(rule=Rule.TWICE, subject=entry.challenge, at=entry.answered))
            case Settled():
                settled_at = entry.at
    for each in later:
        life = lives.get(each.session)
        if life is None:
            found.append(Violation(rule=Rule.UNKNOWN, subject=str(each.session), at=each.sent))
        elif isinstance(each, Asked):
            life.asked.append(each)
        else:
            life.may_end_from = min(life.may_end_from, each.sent)
            if each.is_acknowledged:
                life.is_over_from = min(life.is_over_from, each.answered)
    for session, life in lives.items():
        found += _of_one(str(session), life, settled_at)
    return sorted(found, key=lambda each: each.at)


def _of_one(session: str, life: _Life, settled_at: float | None) -> list[Violation]:
    found = []
    for asked in life.asked:
        rule = _broken_rule(asked, life)
        if rule is not None:
            found.append(Violation(rule=rule, subject=session, at=asked.sent))
    stands = life.may_end_from == float("inf")
    if settled_at is not None and stands and not any(_is_served_after(settled_at, each) for each in life.asked):
        found.append(Violation(rule=Rule.NEVER_BACK, subject=session, at=settled_at))
    if settled_at is not None and life.is_over_from < settled_at and _has_no_answer_after(settled_at, life.asked):
        found.append(Violation(rule=Rule.UNANSWERED, subject=session, at=settled_at))
    return found


def _broken_rule(asked: Asked, life: _Life) -> Rule | None:
    if asked.outcome is Outcome.SERVED:
        if asked.sent > life.is_over_from:
            return Rule.ALIVE
        return Rule.MIXED if asked.served_as != life.person else None
    if asked.outcome is Outcome.REFUSED and life.created_at <= asked.sent and asked.answered < life.may_end_from:
        return Rule.LOST
    return None


def _is_served_after(settled_at: float, asked: Asked) -> bool:
    return asked.outcome is Outcome.SERVED and asked.sent >= settled_at


def _has_no_answer_after(settled_at: float, asked: Iterable[Asked]) -> bool:
    outcomes = {each.outcome for each in asked if each.sent >= settled_at}
    return bool(outcomes) and outcomes <= {Outcome.BROKEN, Outcome.AWAY}
