"""The five forms of the report by name, and what a file in each is called and begins with."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TextIO

from directory.mobile_report import Listing
from proxy.languages.current import ENGLISH, in_language
from proxy.mobile_formats import csv_form, html_form, json_form, powershell_form, table_form


class ReportForm(Enum):
    """The values are what `gatepost mobiles --format` takes."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    HTML = "html"
    POWERSHELL = "powershell"

    @property
    def ending(self) -> str:
        """Of a file's name."""
        return {ReportForm.TABLE: "txt", ReportForm.POWERSHELL: "ps1"}.get(self, self.value)

    @property
    def media_type(self) -> str:
        return {ReportForm.CSV: "text/csv", ReportForm.JSON: "application/json", ReportForm.HTML: "text/html"}.get(
            self, "text/plain"
        )

    @property
    def begins_with_mark(self) -> bool:
        """Whether a file begins with a byte order mark: Excel and PowerShell 5 take others for the local code page."""
        return self in (ReportForm.CSV, ReportForm.POWERSHELL)


def write_as(form: ReportForm, listing: Listing, out: TextIO, *, domains: Mapping[str, str]) -> None:
    """In English whoever asks: a file is passed on, and scripts read it.

    `domains` are the DNS names of the Active Directory domains by realm.
    """
    with in_language(ENGLISH):
        _write(form, listing, out, domains)


def _write(form: ReportForm, listing: Listing, out: TextIO, domains: Mapping[str, str]) -> None:
    match form:
        case ReportForm.TABLE:
            table_form.write(listing, out)
        case ReportForm.CSV:
            csv_form.write(listing, out)
        case ReportForm.JSON:
            json_form.write(listing, out)
        case ReportForm.HTML:
            html_form.write(listing, out)
        case ReportForm.POWERSHELL:
            powershell_form.write(listing, out, domains=domains)
