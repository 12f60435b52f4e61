"""PowerShell for an AD admin to review: one `Set-ADUser` line for each repairable field. Gatepost runs none of it.

What stands in code is ASCII: GUIDs, attribute and domain names as the configuration may write them, E.164 numbers.
What people typed stands only in comments, on one line. Strings are PowerShell's verbatim ones (about_Quoting_Rules):
they end at any of five quotation marks, each written twice to mean itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from directory.mobile_report import Finding, Status
from directory.mobile_sweep import Findings
from proxy.mobile_formats.words import instant_text, one_line, place

QUOTES = "'\u2018\u2019\u201a\u201b"
"""All of them end a verbatim string."""
_DOUBLED = {ord(quote): quote * 2 for quote in QUOTES}

_HEADER = """\
# Proposals of Gatepost for repairable mobile fields, made {made_at}.
#
# REVIEW EACH LINE BEFORE YOU RUN THIS. A proposal is a guess at what somebody meant to type. A wrong number gives
# that person's passcodes to a stranger: ask the person where you are not sure, and delete the line if in doubt.
# Gatepost itself writes nothing to the directory.
#
# As it stands, this script only says what it would do. To write, set $WhatIfPreference to $false below.
#Requires -Modules ActiveDirectory
$ErrorActionPreference = 'Stop'
$WhatIfPreference = $true
"""


def write(findings: Findings, out: TextIO, *, domains: Mapping[str, str]) -> None:
    """`domains` are the DNS names by realm, of Active Directory only: other persons are left out."""
    out.write(_HEADER.format(made_at=instant_text(findings.rules.now)))
    for finding in findings:
        domain = domains.get(finding.person.realm)
        if finding.status is Status.REPAIRABLE and domain is not None:
            out.write(f"\n{lines(finding, domain)}\n")


def lines(finding: Finding, domain: str) -> str:
    """A comment with what is there and why it is changed, and the command."""
    person, found = finding.person, finding.found
    if found is None or finding.proposed is None or finding.repair is None:
        raise ValueError("not repairable")
    about = f"{person.display_name} ({person.username}) in {place(person.realm, person.container)}"
    return (
        f"{comment(f'{about}: {finding.repair.sentence}')}\n"
        f"{comment(f'  {found.attribute} is now: {found.text}')}\n"
        f"Set-ADUser -Server {quoted(domain)} -Identity {quoted(person.guid)}"
        f" -Replace @{{{_key(found.attribute)}={quoted(finding.proposed)}}}"
    )


def comment(text: str) -> str:
    """`text` behind ``#``. Nothing in it ends the line."""
    return f"# {one_line(text)}"


def _key(name: str) -> str:
    return name if name.isascii() and name.isalpha() else quoted(name)


def quoted(text: str) -> str:
    """A verbatim string. Raises `ValueError` for control characters: no name or number has any."""
    if not text.isprintable():
        raise ValueError("not a printable text")
    return f"'{text.translate(_DOUBLED)}'"
