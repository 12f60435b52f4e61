"""JSON for programs: the totals, then the persons one a line, every text exactly as the directory has it."""

from __future__ import annotations

import json
from typing import TextIO

from directory.mobile_report import Finding, Listing, Status, Tally
from proxy.mobile_formats.words import instant_text


def write(listing: Listing, out: TextIO) -> None:
    summary = listing.summary
    head = {
        "generated_at": instant_text(summary.made_at),
        "changed_within_seconds": summary.changed_within_seconds,
        "totals": {
            **_tally(summary.all),
            "reported": summary.reported,
            "shared": summary.shared,
            "changed_recently": summary.changed_recently,
            "service_accounts": summary.service_accounts,
            "disabled_left_out": summary.disabled_left_out,
        },
        "by_ou": [
            {"realm": realm, "ou": container, **_tally(tally)}
            for (realm, container), tally in sorted(summary.by_container.items())
        ],
        "by_department": [
            {"department": department, **_tally(tally)} for department, tally in sorted(summary.by_department.items())
        ],
    }
    out.write(json.dumps(head, indent=1)[:-2] + ',\n "persons": [')
    for position, finding in enumerate(listing):
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
        "service_account": person.is_service,
        "status": finding.status.value,
        "attribute": found.attribute if found else None,
        "value": found.text if found else None,
        "number": finding.number,
        "proposed": finding.proposed,
        "repair": finding.repair.value if finding.repair else None,
        "readings": list(finding.readings),
        "shared": finding.is_shared,
        "changed_recently": finding.is_changed_recently,
        "changed_at": instant_text(person.changed_at) or None,
        "reported_at": instant_text(finding.reported_at) or None,
    }


def _tally(tally: Tally) -> dict[str, object]:
    return {
        "persons": tally.persons,
        "can_receive_percent": tally.percent,
        **{status.value: tally.counts[status] for status in Status},
    }
