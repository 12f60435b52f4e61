"""A logger whose lines are recorded too, where `EVENTS` names them: one call writes the log and the audit.

What is recorded is what the table declares for the event, and nothing else. So a field that somebody adds to a log line
gets into the audit only once it stands in the table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Literal

import structlog
from structlog.typing import EventDict, FilteringBoundLogger

from proxy.audit.event import AuditedPerson, AuditEvent
from proxy.audit.events import EVENTS
from proxy.audit.recorder import Recorder
from proxy.audit.repeated import RepeatedRefusals
from proxy.operations.log import AUDIT_ALONE, redact

_LONGEST = 300
"""Characters of one value: some are what others sent, such as a relay's reason."""


def audited(
    log: FilteringBoundLogger, recorder: Recorder, repeated: RepeatedRefusals | None = None
) -> FilteringBoundLogger:
    """`log`, and `recorder` of each of its lines that the audit keeps. `repeated` says which of many refusals."""

    def record(logger: Any, method: str, line: EventDict) -> EventDict:
        if line["event"] in EVENTS:
            event = event_of({**redact(logger, method, dict(line)), "exc_info": line.get("exc_info")})
            kept = event if event is None or repeated is None else repeated.kept(event)
            if kept is not None:
                recorder.record(kept)
        return line

    def hand_on(logger: Any, method: str, line: EventDict) -> tuple[tuple[str], EventDict]:
        """To `log` itself, which says when it was and how it is written."""
        line.pop(AUDIT_ALONE, None)
        return (line.pop("event"),), line

    both: FilteringBoundLogger = structlog.wrap_logger(
        log, processors=[record, hand_on], wrapper_class=structlog.make_filtering_bound_logger(0)
    )
    return both


def event_of(line: Mapping[str, Any]) -> AuditEvent | None:
    """What the audit keeps of a line of the log; None: nothing. Pure, but for the place of an exception.

    Who stands under ``guid`` did it, if the line belongs to a client's request; else it was done to them, by Gatepost
    or by a command (``by``).
    """
    meaning = EVENTS.get(line["event"])
    if meaning is None:
        return None
    whose = _person(line.get("realm"), line.get("guid"), line.get(AUDIT_ALONE))
    other = _person(line.get("person_realm"), line.get("person_guid") or line.get("person"))
    is_theirs = "by" not in line and ("incident" in line or "client_address" in line)
    actor, person = (whose, other) if is_theirs else (None, whose or other)
    facts: dict[str, str | int] = dict(_declared(line, meaning.facts))
    if line.get("exc_info"):
        facts.update(_place(line["exc_info"]))
    return AuditEvent(
        event=line["event"],
        actor=actor,
        person=person if person is None or actor is None or person.guid != actor.guid else None,
        address=str(line.get("client_address", "")),
        incident=str(line.get("incident", "")),
        way=str(line.get("way", "")),
        facts=facts,
        personal={name: str(value) for name, value in _declared(line, meaning.personal)},
    )


def _person(realm: object, guid: object, name: object = None) -> AuditedPerson | None:
    return AuditedPerson(realm=str(realm or ""), guid=str(guid), name=str(name or "")) if guid else None


def _declared(line: Mapping[str, Any], names: Iterable[str]) -> Iterable[tuple[str, str | int]]:
    for name in names:
        match line.get(name):
            case None | "":
                continue
            case int(value):  # a bool, too
                yield name, value
            case list() | tuple() as values:
                yield name, ", ".join(map(str, values))[:_LONGEST]
            case value:
                yield name, str(value)[:_LONGEST]


def _place(exc_info: object) -> Iterable[tuple[Literal["error", "place"], str]]:
    """Where in the code it was raised, and its kind. Its text may hold anything, and stays out."""
    error = exc_info if isinstance(exc_info, BaseException) else sys.exc_info()[1]
    if error is not None:
        yield "error", type(error).__name__
        yield "place", _line_of(error.__traceback__)


def _line_of(traceback: TracebackType | None) -> str:
    place = ""
    while traceback is not None:
        frame = traceback.tb_frame
        place = f"{frame.f_globals.get('__name__', '?')}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
