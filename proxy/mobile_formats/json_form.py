"""JSON for programs: the totals, then the persons one a line, every text exactly as the directory has it."""

from __future__ import annotations

import json
from typing import TextIO

from directory.mobile_report import Finding, Status, Tally
from directory.mobile_sweep import Findings
from proxy.mobile_formats.words import instant_text


def write(findings: Findings, out: TextIO) -> None:
    totals = findings.totals
    head = {
        "generated_at": instant_text(findings.rules.now),
        "changed_within_seconds": findings.rules.changed_within_seconds,
        "totals": {
            **_tally(totals.all),
            "shared": totals.shared,
            "changed_lately": totals.changed_lately,
            "disabled_left_out": totals.disabled_left_out,
        },
        "by_ou": [
            {"realm": realm, "ou": container, **_tally(tally)}
            for (realm, container), tally in sorted(totals.by_container.items())
        ],
        "by_department": [
            {"department": department, **_tally(tally)} for department, tally in sorted(totals.by_department.items())
        ],
    }
    out.write(json.dumps(head, indent=1)[:-2] + ',\n "persons": [')
    for position, finding in enumerate(findings):
        out.write((",\n  " if position else "\n  ") + json.dumps(person_object(finding)))
    out.write("\n ]\n}\n")


def person_object(finding: Finding) -> dict[str, object]:
    person, found = finding.person, finding.found
    return {
        "realm": person.realm,
        "guid": person.guid,
        "username": person.username,
        "name": person.display_name,
        "ou": person.container,
        "department": person.department,
        "disabled": person.is_disabled,
        "status": finding.status.value,
        "attribute": found.attribute if found else None,
        "value": found.text if found else None,
        "number": finding.number,
        "proposed": finding.proposed,
        "repair": finding.repair.value if finding.repair else None,
        "readings": list(finding.readings),
        "shared": finding.is_shared,
        "changed_lately": finding.is_changed_lately,
        "changed_at": instant_text(person.changed_at) or None,
    }


def _tally(tally: Tally) -> dict[str, object]:
    return {
        "persons": tally.persons,
        "can_receive_percent": tally.percent,
        **{status.value: tally.counts[status] for status in Status},
    }
