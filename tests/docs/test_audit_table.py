"""docs/audit.md has each event that the audit keeps, with its fields, as the code has them; and each can happen."""

from __future__ import annotations

import re

from proxy.audit.events import EVENTS
from tests.docs.events_in_code import ROOT, events
from tests.docs.test_events_and_metrics import rows


def test_each_event_has_its_row_with_what_is_kept_in_the_clear_and_sealed() -> None:
    documented = {
        name: (when, *(tuple(re.findall(r"`(\w+)`", cell)) for cell in cells))
        for name, (_, when, *cells) in rows("audit.md", 4).items()
    }
    assert documented == {name: (each.when, each.facts, each.personal) for name, each in EVENTS.items()}


def test_each_event_is_one_of_the_log_or_recorded_by_name() -> None:
    source = "".join(path.read_text() for path in ROOT.glob("proxy/**/*.py"))
    literal = set(re.findall(r'(?:AuditEvent\(\s*event=|\bact\(\s*|have_recorded\()"([a-z_.]+)"', source))
    named = set(re.findall(r'^[A-Z]+ = "(audit\.[a-z_]+)"', source, re.MULTILINE))
    assert literal | named <= EVENTS.keys(), "say in proxy/audit/events.py what they mean"
    assert EVENTS.keys() <= events().keys() | literal | named, "nothing records these"


def test_what_the_log_tells_of_people_and_admins_the_audit_keeps() -> None:
    families = {"admin", "browser", "credential", "credentials", "enrolments", "factor", "number", "passcode"}
    families |= {"password", "session", "sign_in", "sign_out", "step_up", "ticket", "vouch"}
    of_operations = {"enrolments.too_many_gone", "enrolments.upkeep_failed"}
    told = {name for name in events() if name.partition(".")[0] in families}
    assert told - of_operations <= EVENTS.keys(), "say in proxy/audit/events.py what is kept of them"
