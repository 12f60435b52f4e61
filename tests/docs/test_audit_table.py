"""docs/audit.md has each event that the audit keeps, with its fields, as the code has them; and each can happen."""

from __future__ import annotations

import re
from pathlib import Path

from proxy.audit.events import EVENTS
from tests.docs.events_in_code import events
from tests.docs.test_events_and_metrics import rows

ROOT = Path(__file__).parents[2]


def test_each_event_has_its_row_with_what_is_kept_in_the_clear_and_sealed() -> None:
    documented = {
        name: (when, *(tuple(re.findall(r"`(\w+)`", cell)) for cell in cells))
        for name, (_, when, *cells) in rows("audit.md", 4).items()
    }
    assert documented == {name: (each.when, each.facts, each.personal) for name, each in EVENTS.items()}


def test_each_event_is_one_of_the_log_or_recorded_by_name() -> None:
    named = set(
        re.findall(r'AuditEvent\(\s*event="([a-z_.]+)"', "".join(map(Path.read_text, ROOT.glob("proxy/**/*.py"))))
    )
    assert named <= EVENTS.keys()
    assert EVENTS.keys() <= events().keys() | named
