"""What every user of a store has to expect: that it does not answer, or not in time."""

from __future__ import annotations


class StoreError(Exception):
    """The base of all; never raised itself."""


class StoreUnavailable(StoreError):
    """The store did not answer. `reason` is for the log."""


class Silent(StoreUnavailable):
    """No answer came in time. Nobody refused, so the request may have been carried out."""


class NotHeard(StoreUnavailable):
    """The store answers, but notices of what others did do not arrive."""
