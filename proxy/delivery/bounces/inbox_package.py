"""Whether the package of the inbox is there; the start asks for it without importing the rest of the inbox."""

from __future__ import annotations

from collections.abc import Iterator

from config.problems import Finding, Place, missing_package
from config.tables.bounces import BouncesSettings


def library_problems(bounces: BouncesSettings) -> Iterator[Finding]:
    """A package that is not there."""
    if bounces.inbox == "smtp":
        place = Place("bounces", None, "inbox")
        yield from missing_package("proxy.delivery.bounces.smtp_inbox", place, '"smtp" needs aiosmtpd')
