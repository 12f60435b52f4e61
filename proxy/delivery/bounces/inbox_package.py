"""Whether the package of the inbox is there; the start asks for it without importing the rest of the inbox."""

from __future__ import annotations

from collections.abc import Iterator

from config.problems import Finding, Place
from config.tables.bounces import BouncesSettings


def library_problems(bounces: BouncesSettings) -> Iterator[Finding]:
    """A package that is not there."""
    if bounces.inbox == "smtp":
        try:
            # aiosmtpd is an extra: without `inbox = "smtp"` nobody needs it.
            import proxy.delivery.bounces.smtp_inbox  # noqa: F401
        except ImportError:
            message = '"smtp" needs aiosmtpd, which is not installed: install the packages of deploy/requirements.txt'
            yield Place("bounces", None, "inbox"), message
