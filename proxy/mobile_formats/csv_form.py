"""CSV for spreadsheets (RFC 4180): one row a person, and no cell that a spreadsheet takes for a formula.

A cell that begins like a formula gets an apostrophe in front, which spreadsheets read as "this is text". So does text
after a semicolon or a line end: in most of Europe Windows separates lists by semicolons, and Excel begins a cell there.
There is no exception for numbers in E.164, which begin with ``+``. One rule is easy to trust, and without it a
spreadsheet shows 4.474E+11. Programs read the JSON form, where nothing is changed. The column ``for_ad`` can be
imported into the directory: number or proposal in a form that needs no apostrophe.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from typing import TextIO

import phonenumbers

from directory.mobile_report import Finding
from proxy.mobile_formats.json_form import person_object

COLUMNS = (
    "realm", "username", "name", "ou", "department", "status", "attribute", "value", "number", "proposed", "repair",
    "readings", "shared", "changed_recently", "changed_at", "disabled", "service_account",
    "for_ad", "guid", "reported_at",
)  # fmt: skip
_SIGNS = frozenset("=+-@＝＋－＠")
_ENDS_A_CELL = frozenset(";\t\r\n")
_CELL_ELSEWHERE = re.compile(
    r"([;\t\r\n])(?=[\s\"\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]*[=+\-@＝＋－＠])"
)


def write(findings: Iterable[Finding], out: TextIO) -> None:
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for finding in findings:
        facts = {**person_object(finding), "for_ad": for_ad(finding.number or finding.proposed or "")}
        writer.writerow([cell(_shown(facts[column])) for column in COLUMNS])


def cell(text: str) -> str:
    """`text`, with ``'`` wherever a spreadsheet could begin to calculate, with or without spaces in front."""
    if not _ENDS_A_CELL.isdisjoint(text):
        text = _CELL_ELSEWHERE.sub(r"\1'", text)
    # A spreadsheet may drop invisible characters in front of the sign.
    shown = next((char for char in text if char.isprintable() and char != " "), "")
    return f"'{text}" if shown in _SIGNS or text.startswith(("\t", "\r", "\n")) else text


def for_ad(e164: str) -> str:
    """A number as it may be written back to the directory: ``(+44) 7400 123456``; empty for none.

    No spreadsheet takes it for a number or a formula, so it comes back as it was, and Gatepost reads it as `e164`.
    """
    if not e164:
        return ""
    number = phonenumbers.parse(e164)
    return f"(+{number.country_code}) {phonenumbers.national_significant_number(number)}"


def _shown(value: object) -> str:
    """What a cell says of a value of the JSON form."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " or ".join(value) if isinstance(value, list) else str(value or "")
