"""What stops a directory from answering. A refused person is a value (`PasswordRefused`), not one of these."""

from __future__ import annotations


class DirectoryError(Exception):
    """The base of all; never raised itself."""


class DirectoryUnavailable(DirectoryError):
    """The directory did not answer in time, or not usefully. `reason` is for the log: it holds no personal data."""

    def __init__(self, realm: str, reason: str) -> None:
        super().__init__(f"directory {realm!r} is unavailable: {reason}")
        self.reason = reason


class OutcomeUnknown(DirectoryUnavailable):
    """A password was sent and no usable answer came: the directory may have judged and counted it."""


class DirectoryMisconfigured(DirectoryError):
    """The directory answers, but not as the configuration expects (service account refused, base DN unknown)."""

    def __init__(self, realm: str, reason: str) -> None:
        super().__init__(f"directory {realm!r}: {reason}")
        self.reason = reason


class DirectoryBusy(DirectoryError):
    """All threads are taken and the queue is full: answer 503 at once rather than pile up."""
