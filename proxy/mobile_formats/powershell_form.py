"""PowerShell for an AD admin to review: one proposed change for each repairable field. Gatepost runs none of it.

The script changes nothing without `-Apply`, and then only fields that still hold what the report found there. It goes
on after an error, keeps what it replaces in a file that `-UndoFrom` takes back, and ends with a summary.

The code is ASCII: GUIDs, attribute and domain names as the configuration may write them, E.164 numbers, and base64 of
UTF-16 for what the directory holds now. Text that people typed appears only in comments, on one line. Strings are
PowerShell's verbatim ones (about_Quoting_Rules): any of five quotation marks ends them, and each is written twice to
mean itself.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from directory.mobile_report import Finding, Listing, Status
from proxy.mobile_formats.words import instant_text, one_line, place, repair_of

QUOTES = "'\u2018\u2019\u201a\u201b"
"""All of them end a verbatim string."""
_DOUBLED = {ord(quote): quote * 2 for quote in QUOTES}
_HEAD, _TAIL = (Path(__file__).parent / "repairs.ps1").read_text("ascii").split("# CHANGES\n")


def write(listing: Listing, out: TextIO, *, domains: Mapping[str, str]) -> None:
    """`domains` are the DNS names by realm, of Active Directory only: other persons are left out."""
    made_at = instant_text(listing.summary.made_at)
    out.write(f"# Proposals of Gatepost for repairable mobile fields, made {made_at}.\n{_HEAD}")
    for finding in listing:
        domain = domains.get(finding.person.realm)
        if finding.status is Status.REPAIRABLE and not finding.person.is_service and domain is not None:
            out.write(f"\n{lines(finding, domain)}\n")
    out.write(_TAIL)


def lines(finding: Finding, domain: str) -> str:
    """Comments with what is there and why it is changed, and the change."""
    person, found = finding.person, finding.found
    if found is None or finding.proposed is None or finding.repair is None:
        raise ValueError("not repairable")
    about = f"{person.display_name} ({person.username}) in {place(person.realm, person.container)}"
    texts = (domain, person.guid, found.attribute, encoded(found.text), finding.proposed)
    return (
        f"{comment(f'{about}: {repair_of(finding.repair)}')}\n"
        f"{comment(f'  {found.attribute} is now: {found.text}')}\n"
        f"Get-Change {' '.join(map(quoted, texts))}"
    )


def comment(text: str) -> str:
    """`text` behind ``#``. Nothing in it ends the line."""
    return f"# {one_line(text)}"


def encoded(text: str) -> str:
    """As PowerShell's ``[Text.Encoding]::Unicode`` has it, in base64: nothing in it can be taken for code."""
    return b64encode(text.encode("utf-16-le", "surrogatepass")).decode("ascii")


def quoted(text: str) -> str:
    """A verbatim string. Raises `ValueError` for control characters: no name or number has any."""
    if not text.isprintable():
        raise ValueError("not a printable text")
    return f"'{text.translate(_DOUBLED)}'"
